"""Names in a report.json from a stranger are harmless for who opens what is printed of them."""

import csv
import io
import json
import unicodedata

import numpy as np
import pytest
from click.testing import CliRunner
from report_variants import make_report

from landscape.cli.main import cli
from landscape.report.escape import for_csv
from landscape.report.methods import methods, methods_html
from landscape.report.surface.export import write_csv
from landscape.report.surface.grids import Grids

FORMULAS = ('=HYPERLINK("http://x")', "+1+cmd|' /C calc'!A0", "@SUM(1)", "-2+3", "\t=1", "\r=1", "\x00=1", "＝1", "‮=1")
HOSTILE = (*FORMULAS, "\x1b]0;title\x07", "a‮b", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "a\nb")


def is_harmless(text):
    """Return whether a terminal or a page shows a text as it is, but for its line ends."""
    return not any(unicodedata.category(each) in {"Cc", "Cf"} for each in text.replace("\n", ""))


def hostile_report():
    report = make_report(("sgd", "adam"), lrs=1, seeds=2)
    text = json.dumps(report)
    for name, other in (("sgd", HOSTILE[0] + HOSTILE[9]), ("adam", HOSTILE[11])):
        text = text.replace(f'"{name}"', json.dumps(other))
    report = json.loads(text)
    for run, name in zip(report["runs"], HOSTILE, strict=False):
        run["id"], run["factors"] = name, {HOSTILE[2]: name}
    for measure, name in zip(report["measures"], HOSTILE[::-1], strict=False):
        measure["label"] = name
    report["settings"] |= {"model_option": {name: name for name in HOSTILE}, "dataset": HOSTILE[9] + HOSTILE[11]}
    return report


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "report.json").write_text(json.dumps(hostile_report()))
    return tmp_path / "study"


def test_a_table_for_spreadsheets_holds_no_formula_and_a_terminal_is_told_nothing(folder):
    found = CliRunner().invoke(cli, ["export", str(folder), "--csv"])
    assert found.exception is None, found.output
    assert is_harmless(found.stdout)
    cells = {cell for row in csv.reader(io.StringIO(found.stdout)) for cell in row}
    assert "'" + FORMULAS[0] in cells
    assert "'" + FORMULAS[2] in cells  # a name of a column
    assert not [each for each in cells if each[:1] in tuple("=+@＝") or (each[:1] == "-" and not number(each))]


def number(text):
    try:
        return float(text) is not None
    except ValueError:
        return False


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_compute_has_an_apostrophe(text):
    assert for_csv(text).startswith("'")


@pytest.mark.parametrize("text", ["-1", "+2.5e-3", ".5", "sgd-lr0.05-seed1", "a=b", "", "-inf x"[5:]])
def test_numbers_and_names_stay_as_they_are(text):
    assert for_csv(text) == text


def test_names_of_a_surface_are_no_formulas(tmp_path):
    grids = Grids({"axes": [{"key": "=1+1"}], "name": "x"}, {"=1+1": np.zeros(1), "@loss": np.zeros(1)})
    write_csv(grids, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().startswith("'=1+1,'=1+1,'@loss\n")


def test_the_methods_are_text(folder):
    report = hostile_report()
    text = methods(report)
    assert is_harmless(text)
    # the heading, the paragraph, and a line for each reference
    assert all(line.startswith(("# Methods", "We trained", "- ")) for line in text.splitlines() if line)
    for raw in ("<img", "[x]("):
        assert raw in text.replace("\\", "")
        assert text.replace("\\" + raw[0], "").count(raw) == 0
    assert "<img" not in methods_html(report)
    assert is_harmless(methods_html(report))


def test_an_export_follows_no_link_out_of_the_folder(folder, tmp_path):
    (folder / "report.json").rename(tmp_path / "private.json")
    (folder / "report.json").symlink_to(tmp_path / "private.json")
    found = CliRunner().invoke(cli, ["export", str(folder), "--csv"])
    assert found.stdout == ""
    assert "is a symbolic link to" in str(found.exception)
    assert found.exception.exit_code == 4
