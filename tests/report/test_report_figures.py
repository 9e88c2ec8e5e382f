"""What is drawn: the numbers in the figures are those of the report, on the scales that they need."""

import json

import numpy as np
import pytest
import synthetic_folder as make
from matplotlib.backends.backend_agg import FigureCanvasAgg
from report_variants import SMALL
from synthetic_folder import make_report, many_measures

from landscape.report.figures.axis_scale import axis_scale, log_ticks
from landscape.report.figures.canvas import FAINT_MEANS, style
from landscape.report.figures.contours import contours
from landscape.report.figures.panels import sheets
from landscape.report.figures.ratios import sharpness_ratios
from landscape.report.figures.sharpness_gap import sharpness_gap
from landscape.report.figures.training_curves import training_curves
from landscape.report.folder import Slice
from landscape.report.histories import Curve, medians
from landscape.report.loss_scale import loss_scale


def report_of(folder):
    return json.loads((folder / "report.json").read_text())


def slice_of(train, test=None, optimizer="sgd"):
    a = np.linspace(-1, 1, len(train))
    train = np.asarray(train, dtype=float)
    return Slice("run", optimizer, "matched", a, a, train, train if test is None else np.asarray(test, dtype=float), {})


def test_pairs_are_the_same_seed_and_rank(written, plotted):
    folder, _ = written("demo")
    runs = {run["id"]: run for run in report_of(folder)["runs"]}
    pairs = plotted("demo", "paired_sharpness_end")["pairs"]["trace"]
    assert len(pairs) == 14  # 15, of which one run diverged
    for pair in pairs:
        first, other = (runs[pair[key]["run"]] for key in ("first", "other"))
        assert (first["optimizer"], other["optimizer"]) == ("sgd", "adam")
        assert (first["seed"], first["lr_rank"]) == (other["seed"], other["lr_rank"])
        for key, run in (("first", first), ("other", other)):
            assert pair[key]["value"] == run["minima"]["end"]["measurements"]["trace"]["value"]
        assert pair["ratio"] == pytest.approx(pair["other"]["value"] / pair["first"]["value"])


def test_gap_points_and_titles(written, plotted):
    folder, _ = written("demo")
    report = report_of(folder)
    panel = plotted("demo", "sharpness_gap_matched")["measures"]["top_eigenvalue"]["gap_loss"]
    expected = {run["id"]: run["minima"]["matched"]["gap_loss"] for run in report["runs"] if "matched" in run["minima"]}
    assert {point["run"]: point["gap"] for point in panel["points"]} == expected
    row = next(row for row in report["relations"]["matched"]["correlations"] if row["group"] == "all")
    assert panel["title"].startswith(f"τ = {row['kendall']['value']:.2f}".replace("-", "−"))


def test_what_the_statistics_leave_out_is_marked():
    report = make_report(optimizers=("adam",), lrs=1, seeds=3, stops=("matched",))
    minima = [run["minima"]["matched"] for run in report["runs"]]
    minima[0]["mismatch"] = 0.3
    minima[1]["measurements"]["trace"]["converged"] = False
    with style():
        (drawing,) = sharpness_gap(report)
    counted = {
        measure: [point["counted"] for point in panels["gap_loss"]["points"]]
        for measure, panels in drawing.numbers["measures"].items()
    }
    assert counted["trace"] == [False, False, True]
    assert counted["top_eigenvalue"] == [False, True, True]
    assert any(text.get_text() == FAINT_MEANS for text in drawing.figure.texts)


def test_ratios_are_those_of_the_report(written, plotted):
    folder, _ = written("demo")
    report = report_of(folder)
    drawn = plotted("demo", "sharpness_ratios")
    assert drawn["matched"] == report["relations"]["matched"]["ratios"]


def test_trade_offs_have_every_row(written, plotted):
    folder, _ = written("demo")
    rows = plotted("demo", "trade_offs")["rows"]
    assert [row["lr"] for row in rows] == [row["lr"] for row in report_of(folder)["trade_offs"]]


def test_a_diverged_run_is_drawn_but_in_no_median(plotted):
    loss = plotted("demo", "training_curves")["train_loss"]
    lost = [run for run in loss["runs"] if run["diverged"]]
    assert len(loss["runs"]) == 30
    assert [len(run["value"]) for run in lost] == [3]
    assert max(value for median in loss["medians"] for value in median["value"]) < 10


def test_a_diverged_run_ends_in_a_cross_inside_the_panel():
    with style():
        (drawing,) = training_curves(make.diverged(make_report(lrs=1, seeds=2, epochs=6), 1))
    axes = drawing.figure.axes[0]
    crosses = [line for line in axes.lines if line.get_marker() == "X"]
    assert len(crosses) == 1
    assert crosses[0].get_xdata()[0] == 2
    assert crosses[0].get_ydata()[0] == axes.get_ylim()[1] < 10


def curve(values, diverged=False):
    steps = np.arange(len(values), dtype=float)
    return Curve("r", "sgd", 0.1, 0, "", diverged, steps, steps, np.array(values, dtype=float))


def test_median_goes_as_far_as_half_of_the_runs():
    (median,) = medians([curve([5, 4, 3, 2]), curve([3, 2, 1]), curve([1])])
    assert median.value.tolist() == [4, 3, 2]


def test_a_median_is_over_runs_that_did_not_diverge():
    (median,) = medians([curve([3, 2]), curve([1, 1]), curve([5, 99], diverged=True)])
    assert median.value.tolist() == [2, 1.5]
    assert medians([curve([5, 99], diverged=True)]) == []


def test_settings_that_differ_in_a_factor_have_their_own_median(plotted):
    loss = plotted("several_models", "training_curves")["train_loss"]
    assert len(loss["medians"]) == len(loss["runs"]) == 8


def test_colours_are_linear_for_a_narrow_range():
    scale = loss_scale([slice_of([[1, 2], [2, 3]])])
    assert not scale.log
    assert (scale.low, scale.high) == (1, 3)
    assert scale.notes == ()
    assert scale.height(np.array([2.0])) == 2.0


def test_colours_are_logarithmic_for_a_wide_range_and_say_so():
    scale = loss_scale([slice_of([[0.01, 1], [2, 10]])])
    assert scale.log
    assert "logarithm" in " ".join(scale.notes)
    assert scale.height(np.array([0.1])) == pytest.approx(-1)
    assert all(scale.low < level < scale.high for level in scale.levels)


def test_infinite_losses_are_the_highest_colour_and_counted():
    scale = loss_scale([slice_of([[1, 2], [np.inf, np.nan]], [[1, 2], [2, 3]])])
    assert scale.high == 3
    assert "2 of 8 grid points have an infinite" in " ".join(scale.notes)
    assert scale.height(np.array([np.inf, np.nan])).tolist() == [3, 3]


def test_absurd_losses_far_out_do_not_take_all_colours():
    grid = np.full((3, 3), 1e30)
    grid[1, 1] = 0.1
    scale = loss_scale([slice_of(grid)])
    assert scale.high == pytest.approx(1e3)
    assert "drawn as 1000" in " ".join(scale.notes)


def test_one_scale_for_all_slices_and_both_kinds():
    scale = loss_scale([slice_of([[1, 2], [2, 3]], [[2, 2], [2, 9]]), slice_of([[0.5, 1], [1, 1]], optimizer="adam")])
    assert (scale.low, scale.high) == (0.5, 9)


def test_a_constant_loss_has_a_range():
    scale = loss_scale([slice_of(np.ones((3, 3)))])
    assert scale.high > scale.low
    assert all(np.isfinite(scale.levels))


def test_nothing_finite_has_no_scale():
    assert loss_scale([slice_of(np.full((3, 3), np.inf))]) is None
    assert loss_scale([]) is None


def test_contours_put_a_along_x():
    # The loss depends on a alone, so every contour line is vertical.
    a = np.linspace(-1, 1, 9)
    each = slice_of(np.repeat(1 + a[:, None] ** 2, 9, axis=1))
    with style():
        (drawing,) = contours(make_report(lrs=1, seeds=1), [each])
        FigureCanvasAgg(drawing.figure).draw()
    lines = next(c for c in drawing.figure.axes[0].collections if type(c).__name__ == "QuadContourSet" and not c.filled)
    segments = [segment for level in lines.allsegs for segment in level if len(segment)]
    assert segments
    assert all(np.ptp(segment[:, 0]) < 1e-9 < np.ptp(segment[:, 1]) for segment in segments)


def test_an_axis_is_logarithmic_only_for_positive_values_far_apart():
    assert axis_scale([1, 100]).log
    assert not axis_scale([1, 2]).log
    assert not axis_scale([-1, 100]).log
    alone = axis_scale([5.0])
    assert alone.low < 5 < alone.high
    zero = axis_scale([0.0])
    assert zero.low < 0 < zero.high


@pytest.mark.parametrize("high", [1.6, 3, 10, 30, 1e3, 1e9])
def test_a_logarithmic_axis_has_a_few_ticks(high):
    scale = axis_scale([1, high], log_from=1.5)
    assert 2 <= len(log_ticks(scale)) <= 9


def test_sheets_are_even():
    assert [len(part) for _, part in sheets(list(range(7)))] == [4, 3]
    assert [name for name, _ in sheets(list(range(14)))] == ["", "_2", "_3"]
    assert sheets([]) == []


def test_a_forest_of_many_rows_stays_within_a_page():
    report = make_report(("sgd", "adam", "rmsprop"), **{**SMALL, "measures": many_measures(8)}, stops=("end",))
    with style():
        (drawing,) = sharpness_ratios(report)
        assert drawing.figure.get_figheight() < 9
        assert "thin below it" not in drawing.caption
        (axes,) = drawing.figure.axes
        labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == 16
    assert not any("\n" in label for label in labels)
    assert {ratio["pairing"] for ratio in drawing.numbers["end"]} > {"all"}
