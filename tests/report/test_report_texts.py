"""Numbers, symbols, tables and the terminal's summary."""

import copy
import re

import pytest
import synthetic_folder as make
from report_variants import SMALL
from synthetic_folder import HOSTILE, make_report

from landscape.report import summary
from landscape.report.attention import attention
from landscape.report.escape import for_figure, for_html, for_latex, for_markdown, for_plotly, one_line, shorten
from landscape.report.latex_tables import latex_document
from landscape.report.numbers import estimate, number, spread, with_error
from landscape.report.symbols import Term, symbol_as_html, term_for_figure, term_for_latex
from landscape.report.table import Table
from landscape.report.table_formats import markdown_document
from landscape.report.tables import all_tables, correlations, sharpness
from landscape.report.terminal import text_table
from landscape.report.trade_off_tables import trade_offs
from landscape.statistics.trade_offs import trade_offs as relate_trade_offs


def test_names_beside_the_first_wrap_where_the_widest_column_would_not_stand_by_them():
    done, measure = "batch_size, adam: 32 → 128 (control)", "top eigenvalue (power iteration)"
    header = ("done", "measure", "measure moved", "gap changed", "answer")
    row = (done, measure, "1.15 [1.07, 1.24]", "−0.0123 [−0.0456, 0.0210]", "followed")
    other = (done, "trace", *row[2:])
    lines = text_table(Table("t", "A caption.", header, (row, other), names=2), 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if line.startswith("batch_size")] == ["batch_size,"] * 3
    assert sum("iteration)" in line for line in lines) == sum("trace" in line for line in lines) == 3


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (12.3456, 0.0234, "12.346 ± 0.023"),
        (12.3456, 0.5, "12.3 ± 0.5"),
        (12.3456, 0.0996, "12.35 ± 0.10"),
        (9.9996, 0.05, "10.00 ± 0.05"),
        (-0.5, 0.2, "−0.50 ± 0.20"),
        (1.5e-6, 2e-8, "(1.500 ± 0.020)×10⁻⁶"),
        (245678.0, 3000.0, "(2.46 ± 0.03)×10⁵"),
        (7412.0, 150.0, "7410 ± 150"),
        (0.5, 40.0, "0 ± 40"),
        (3.0, 0.0, "3.00000 ± 0"),
        (3.0, 1e-12, "3.00000 ± 1×10⁻¹²"),
        (0.0, 0.1, "0.00 ± 0.10"),
        (5e-324, 5e-324, "(5 ± 5)×10⁻³²⁴"),
        (3.14159, None, "3.142"),
        (3.14159, float("nan"), "3.142"),
        (None, 0.1, "–"),
        (float("nan"), 0.1, "–"),
    ],
)
def test_a_value_has_as_many_digits_as_its_error_allows(value, error, text):
    assert with_error(value, error) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234.5, "1234"),
        (0.00012345, "1.23×10⁻⁴"),
        (0.0012345, "0.00123"),
        (-12.3456, "−12.3"),
        (99999.9, "1.00×10⁵"),
        (1e-300, "1.00×10⁻³⁰⁰"),
        (None, "–"),
        (float("inf"), "–"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_intervals_and_ranges():
    assert estimate(1.5, 1.2, 1.9) == "1.50 [1.20, 1.90]"
    assert estimate(-0.001, -0.5, 0.5, decimals=2) == "0.00 [−0.50, 0.50]"
    assert estimate(1.5, None, None) == "1.50"
    assert estimate(None, 1.0, 2.0) == "–"
    assert spread({"value": 12.6, "low": 12, "high": 13}) == "12.6 (12.0–13.0)"
    assert spread({"value": 8.0003, "low": 8.0003, "high": 8.0003}) == "8"
    assert spread({"value": 0.1, "low": -0.2, "high": 0.3}) == "0.100 (−0.200 to 0.300)"
    assert spread({"value": 0.973, "low": 0.97, "high": 0.98}, percent=True) == "97.3 (97.0–98.0)"
    assert spread(None) == "–"


@pytest.mark.parametrize(
    ("symbol", "html"),
    [
        (r"\lambda_1", "<i>λ</i><sub>1</sub>"),
        (r"\lambda_{\max}^{2}", "<i>λ</i><sub>max</sub><sup>2</sup>"),
        (r"\operatorname{tr} H", "tr  <i>H</i>"),
        (r"P^{-1/2}", "<i>P</i><sup>−1/2</sup>"),
        (r"\input{/etc/passwd}", ""),
        (r"\lambda_{1", ""),
        (r"\lambda}", ""),
        ("<b>", ""),
        ("a_", ""),
        ("$", ""),
        ("", ""),
    ],
)
def test_a_symbol_is_shown_only_when_every_command_is_known(symbol, html):
    assert symbol_as_html(symbol) == html
    if not html:
        assert term_for_latex(Term("label", symbol)) == "label"
        assert term_for_figure(Term("label", symbol)) == "label"


def test_hostile_text_is_harmless_everywhere():
    assert "<" not in for_html(HOSTILE)
    assert '"' not in for_html(HOSTILE)
    assert "\x1b" not in one_line(HOSTILE)
    assert "<" not in for_plotly(HOSTILE)
    assert "$" not in for_plotly(HOSTILE)
    latex = for_latex(HOSTILE)
    assert not re.search(r"\\input|(?<!\\)[$&#_%]", latex)
    assert re.sub(r"\\text[a-z]+\{\}|\\[{}]", "", latex).count("{") == 0
    assert latex.isascii()
    assert for_figure(HOSTILE).count("$") == for_figure(HOSTILE).count(r"\$")
    assert "|" not in for_markdown("a|b").replace(r"\|", "")
    assert one_line("a\u202eb\u200b\n c") == "ab c"
    assert shorten("abcdef", 4) == "abc…"


def test_latex_of_numbers():
    assert for_latex("(1.5 ± 0.2)×10⁻⁶ −1–2 τ λ é") == (r"(1.5 $\pm$ 0.2)$\times$10$^{-6}$ $-$1--2 $\tau$ $\lambda$ é")


def test_the_typical_run_is_a_run_with_its_own_error():
    report = make_report(lrs=1, seeds=4, measures=[make.MEASURES[2]], stops=("end",))
    for value, run in zip([4.0, 1.0, 3.0, 2.0] * 2, report["runs"], strict=True):
        run["minima"]["end"]["measurements"]["trace"] |= {"value": value, "error": value / 10}
    table = sharpness(report, "end")
    assert table.rows[0][1:3] == ("2.00 ± 0.20", "2.00 ± 0.20")


def test_minima_far_from_the_target_are_not_typical():
    report = make_report(lrs=3, seeds=3, measures=[make.MEASURES[2]], stops=("matched",))
    runs = [run for run in report["runs"] if "matched" in run["minima"] and run["optimizer"] == "sgd"]
    for run in runs:
        run["minima"]["matched"]["mismatch"] = 0.5
        run["minima"]["matched"]["measurements"]["trace"] |= {"value": 99.0, "error": 1.0}
    runs[1]["minima"]["matched"]["measurements"]["trace"]["converged"] = False
    runs[0]["minima"]["matched"]["mismatch"] = 0.0
    runs[0]["minima"]["matched"]["measurements"]["trace"] |= {"value": 5.0, "error": 0.5}
    assert sharpness(report, "matched").rows[0][1] == "5.0 ± 0.5"


def test_unconverged_numbers_are_flagged_and_explained():
    report = make.gaps_in_the_numbers(make_report(lrs=1, seeds=4, epochs=6))
    table = sharpness(report, "end")
    flagged = {str(row[0]): str(row[1]).endswith(" !") for row in table.rows}
    assert flagged == {
        "top eigenvalue (Lanczos)": False,
        "top eigenvalue (power iteration)": False,
        "trace (Hutchinson)": True,
        "preconditioned top eigenvalue": False,
    }
    assert any(note.startswith("!") for note in table.notes)


def test_missing_coefficients_leave_no_hole():
    report = make.gaps_in_the_numbers(make_report(lrs=1, seeds=4, epochs=6))
    cells = [cell for row in correlations(report, "end").rows for cell in row[2:]]
    assert "–" in cells
    assert all("[" not in cell for cell in cells)


def test_every_trade_off_is_in_a_table():
    tables = {table.key: table for table in trade_offs(make_report())}
    assert tables["speed-loss"].header[2:] == ("reached", "diverged", "steps", "epochs", "examples", "seconds")
    assert tables["speed-loss"].rows[0][4:] == ("never", "never", "never", "never")
    assert tables["speed-accuracy"].header[2:] == ("reached", "steps", "epochs", "examples", "seconds")
    assert set(tables) == {"trade-offs", "speed-loss", "speed-accuracy", "generalization", "cost", "sensitivity"}
    whole = tables["trade-offs"]
    assert whole.header == (
        "optimizer", "lr", "reached", "steps to loss", "examples to loss", "seconds to loss", "steps to acc.",
        "examples to acc.", "seconds to acc.", "test acc. (%)", "gap in loss", "gap in error", "step / SGD's",
        "bytes / parameter", "lr ÷ 10", "lr ÷ 2", "lr × 2", "lr × 10",
    )  # fmt: skip
    assert whole.rows[0][3:9] == ("never",) * 6
    # the learning rates of the made-up study are three times apart: none is a multiple of the best
    assert {row[-4:] for row in tables["sensitivity"].rows} == {("not run",) * 4}
    assert "--lr-factor" in tables["sensitivity"].notes[0]
    assert "test acc. (%)" not in {
        title for table in trade_offs(make.regression(make_report())) for title in table.header
    }


def test_a_search_is_in_the_tables_with_its_edges():
    report = make.searched(make_report(**SMALL))
    tables = {table.key: table for table in all_tables(report)}
    picked = tables["search"]
    assert picked.header == ("optimizer", "val. acc. (%)", "drawn", "failed", "lr", "momentum", "beta1", "eps")
    assert picked.rows[0][:6] == ("sgd", "90.0", "5", "1", "0.0001*", "0")
    assert picked.rows[0][6:] == ("–", "–")
    drawn = tables["drawn-adam"]
    assert drawn.rows[0][-1] == "picked"
    assert drawn.rows[-1][-3:] == ("–", "–", "diverged")
    (note,) = [each for each in attention(report) if "drawn for sgd" in each]
    assert "lr 0.0001 near 0.0001" in note
    assert "--tune-range sgd.lr=LOW,HIGH" in note
    assert "search" not in {table.key for table in all_tables(make_report(**SMALL))}


def test_minima_that_could_not_be_moved_are_counted_with_the_reason():
    report = make_report(**SMALL)
    for run in report["runs"]:
        run["minima"]["end"]["moved"] = {"balanced": {"reason": "no neuron can be rescaled", "measurements": {}}}
    assert "8 minima have no balanced point: no neuron can be rescaled." in attention(report)
    report["runs"][0]["minima"]["end"]["moved"]["balanced"]["reason"] = ""
    assert "7 minima have no balanced point: no neuron can be rescaled." in attention(report)


def test_settings_of_what_else_varies_have_columns_of_their_own():
    report = make_report(**SMALL)
    for index, run in enumerate(report["runs"]):
        run["factors"]["batch_size"] = (32, 128)[index % 2]
    report["trade_offs"] = relate_trade_offs(report["runs"], report["optimizers"])
    for table in trade_offs(report):
        assert table.header[:3] == ("optimizer", "lr", "batch size")
        assert {row[2] for row in table.rows} == {"32", "128"}


def test_latex_tables_are_complete_and_narrow():
    text = latex_document(all_tables(make_report()), "Title")
    assert (
        text.count(r"\toprule") == text.count(r"\midrule") == text.count(r"\bottomrule") == text.count(r"\end{tabular}")
    )
    for block in re.findall(r"\\begin\{tabular\}.*?\\end\{tabular\}", text, flags=re.S):
        columns = re.search(r"\{@\{\}(.*)@\{\}\}", block)[1].replace(r"p{0.3\linewidth}", "l")
        for line in re.findall(r"^    (.*) \\\\$", block, flags=re.M):
            assert len(re.split(r"(?<!\\)&", line)) == len(columns), line
    assert r"$\lambda_1$" in text


def test_latex_of_a_hostile_report_has_no_live_command():
    text = latex_document(all_tables(make.hostile(make_report(**SMALL))), HOSTILE)
    assert not re.search(r"\\(input|write|openin)", text)
    assert text.isascii()
    body = re.sub(r"\\[{}]", "", text)
    assert body.count("{") == body.count("}")


def test_markdown_has_every_measurement():
    report = make_report(**SMALL)
    text = markdown_document(all_tables(report), "Title", ["A note."])
    for run in report["runs"]:
        for minimum in run["minima"].values():
            for row in minimum["measurements"].values():
                assert for_markdown(with_error(row["value"], row["error"])) in text
    assert text.endswith("- A note.\n")


REPORTS = {
    "ordinary": lambda: make_report(),
    "three": lambda: make.gaps_in_the_numbers(make_report(("sgd", "adam", "rmsprop"))),
    "one": lambda: make_report(("adam",), **SMALL),
    "nothing": lambda: make.diverged(make.nothing_reached(make_report(**SMALL))),
    "regression": lambda: make.regression(make_report(**SMALL)),
    "many": lambda: make_report(**{**SMALL, "measures": make.many_measures(14)}),
    "hostile": lambda: make.hostile(make_report(**SMALL)),
    "empty": lambda: make_report(("adam",), lrs=1, seeds=1, epochs=1, measures=[], stops=()),
}


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_summary_fits_and_has_no_escape_codes(name, width):
    report = REPORTS[name]()
    before = copy.deepcopy(report)
    text = summary(report, width)
    assert report == before
    assert max(len(line) for line in text.splitlines()) <= width
    assert all(character.isprintable() or character == "\n" for character in text)
    assert text.endswith("\n")


def test_names_are_cut_no_shorter_than_the_columns_ask():
    """Where the last columns go below in any case, the names take the room that they leave."""
    row = ("power_iteration_top_eigenvalue", "(1.25 ± 0.13)×10⁻⁴ !", "standard error", "1,208 passes + 9 forward")
    lines = text_table(Table("t", "A caption.", ("measure", "value", "error is", "cost"), (row,)), 80).splitlines()
    assert sum(line.startswith(row[0]) for line in lines) == 2
    assert max(len(line) for line in lines) <= 80


def test_the_summary_puts_the_verdict_first_and_says_what_went_wrong():
    report = make.diverged(make.gaps_in_the_numbers(make_report()), index=20)
    text = summary(report)
    places = [
        text.index(part) for part in ("Adam's minima", "Sharpness at matched", "Trade-offs", "1 of 30 runs diverged")
    ]
    assert places == sorted(places)
    assert "did not converge" in text
    assert re.search(r"trace \(Hutchinson\).* !", text)


def test_the_summary_marks_coefficients_that_exclude_zero():
    report = make_report(measures=[make.MEASURES[0]], stops=("end",))
    for row in report["relations"]["end"]["correlations"]:
        row["kendall"] = {"value": 0.5, "low": 0.1 if row["group"] == "adam" else -0.1, "high": 0.9}
    line = next(line for line in summary(report).splitlines() if "0.50 [−0.10, 0.90]" in line)
    assert line.split()[-2:] == ["0.50", "0.50*"]
    header = next(line for line in summary(report).splitlines() if "within sgd" in line)
    # The digits line up, whether or not a star follows them.
    assert line.index("0.50 ", line.index("]")) + len("0.50 ") == header.index("within sgd") + len("within sgd")
