"""The figure of a spectral density: from plain JSON, with the outliers against the classes and the mass near zero."""

import itertools
import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from landscape.report.figures.canvas import save, style
from landscape.report.figures.density import decades, density_figure, near_zero, outliers


def curve(linear_below=None):
    at = np.linspace(-3, 8, 301)
    grid = at if linear_below is None else linear_below * np.sinh(at)
    density = np.exp(-0.5 * at**2)
    return {
        "grid": grid.tolist(),
        "density": density.tolist(),
        "error": (0.1 * density).tolist(),
        "width": 0.1,
        "linear_below": linear_below,
        "one_eigenvalue": 1e-3,
    }


def end(values, count=0, gap=1.2, gap_after=1):
    edge = values[count] if count else None
    return {
        "values": values,
        "residuals": [0.0] * len(values),
        "count": count,
        "gap": gap,
        "gap_after": gap_after,
        "bulk_edge": edge,
    }


def numbers(**changed):
    return {
        "n": 2410,
        "num_classes": 10,
        "probes": 8,
        "steps": 80,
        "seed": 0,
        "matvecs": 640,
        "converged": True,
        "reason": "all of 8 probes",
        "trace": {"value": 12.3, "error": 0.21},
        "near_zero": {"threshold": 0.08, "value": 0.9474, "error": 0.0007, "least": 0.94, "most": 0.96},
        "above": end([8.0, 7.5, 7.2, 7.0, 6.6, 6.4, 6.2, 6.0, 5.8, 2.0, 1.9, 1.8], 9, 2.9, 9),
        "below": end([-1.5, -1.4]),
        "linear": curve(),
        "symlog": curve(0.01),
    } | changed


def drawn(**changed):
    with style():
        return density_figure(json.loads(json.dumps(numbers(**changed), allow_nan=False)))


def legend(figure: Figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_outliers_are_counted_against_the_classes():
    drawing = drawn()
    assert "9 outliers above the bulk, 10 classes" in legend(drawing.figure)
    assert "5 more eigenvalues resolved" in legend(drawing.figure)
    assert "9 outliers above the bulk, 10 classes" in drawing.caption
    assert "2.90, after 9 (after 10, the number of classes, it is 1.05)" in drawing.caption


def test_no_clear_gap_and_a_single_outlier_are_said():
    found = end([3.0, 2.8, 2.7])
    assert outliers(numbers(above=found)) == "no clear gap above the bulk, 10 classes"
    assert outliers(numbers(above=found, num_classes=None)) == "no clear gap above the bulk"
    assert "no clear gap above the bulk, 10 classes" in legend(drawn(above=found).figure)
    assert outliers(numbers(above=end([3.0, 1.0], 1, 3.0))) == "1 outlier above the bulk, 10 classes"


def test_outliers_below_are_named_too():
    drawing = drawn(below=end([-9.0, -1.0], 1, 9.0))
    assert "outliers: 9 above, 1 below the bulk, 10 classes" in legend(drawing.figure)
    assert len(legend(drawing.figure)) == 4


def test_mass_near_zero_names_its_threshold_and_both_errors():
    text = near_zero(numbers())
    assert text == "94.7 ± 1.3 % of the eigenvalues within ±0.080 (the quadrature allows 94.0 to 96.0 %)"
    drawing = drawn()
    assert text in drawing.caption
    assert any(text in each.get_text() for each in drawing.figure.texts)


def test_two_panels_on_a_linear_and_a_symmetric_log_axis():
    left, right = drawn().figure.axes
    assert (left.get_xscale(), right.get_xscale()) == ("linear", "asinh")
    assert (left.get_yscale(), right.get_yscale()) == ("log", "log")
    for axes in (left, right):
        spikes = axes.collections[1]
        assert len(spikes.get_segments()) == 9
        assert axes.get_ylim()[0] < 1e-3 < axes.get_ylim()[1]
        assert axes.get_xlim()[0] < 0 < 7 < axes.get_xlim()[1]


def test_band_is_the_standard_error():
    left = drawn().figure.axes[0]
    band = left.collections[0].get_paths()[0].vertices
    at_zero = band[np.abs(band[:, 0]) < 0.02, 1]
    assert at_zero.min() == pytest.approx(0.9, rel=1e-2)
    assert at_zero.max() == pytest.approx(1.1, rel=1e-2)


def test_one_probe_has_no_band():
    mass = numbers()["near_zero"] | {"error": None}
    flat = curve() | {"error": [None] * 301}
    drawing = drawn(probes=1, near_zero=mass, linear=flat, trace={"value": 1.0, "error": None})
    assert "standard error" not in legend(drawing.figure)
    assert "from one probe" in drawing.caption


def test_ticks_of_the_symmetric_log_axis_leave_room():
    assert decades(-0.2, 3.0, 0.004) == [-0.1, -0.01, 0.0, 0.01, 0.1, 1.0]
    assert decades(0.0, 3.0, 0.5) == [0.0, 1.0, 3.0]
    assert len(decades(-1e3, 1e3, 1e-6)) <= 11


def test_ends_of_the_symmetric_log_axis_have_a_tick():
    assert decades(-0.065, 3.0, 0.05) == [-0.06, 0.0, 0.1, 1.0, 3.0]
    assert decades(-5.2, 8.7, 1.0) == [-5.0, 0.0, 8.0]
    assert decades(-0.0195, 0.0195, 0.004) == [-0.01, 0.0, 0.01]
    for low, high, below in [(-0.2, 3.0, 0.004), (-9.5, 99.0, 0.3), (-1e-3, 0.04, 2e-3), (-30.0, -1.0, 0.1)]:
        span = np.arcsinh(high / below) - np.arcsinh(low / below)
        ticks = decades(low, high, below)
        assert ticks == sorted(set(ticks))
        if low < 0 < high:
            assert low <= ticks[0]
            assert ticks[-1] <= high
            rest = np.diff(np.arcsinh(np.array([low, ticks[0], ticks[-1], high]) / below))[::2]
            assert rest.max() < 0.2 * span


def test_files_have_the_numbers_and_true_type_text(tmp_path):
    drawing = drawn()
    with style():
        pdf, png, data = save(drawing, tmp_path)
    assert json.loads(data.read_text())["numbers"]["above"]["count"] == 9
    assert png.read_bytes().startswith(b"\x89PNG")
    assert b"/FontType 3" not in pdf.read_bytes()
    assert b"/Type3" not in pdf.read_bytes()


@pytest.mark.parametrize("linear_below", [0.01, 0.0009, 0.0006])
def test_nothing_overlaps(linear_below):
    """Tick labels stay apart, and the text of the panels stays within the figure."""
    drawing = drawn(symlog=curve(linear_below))
    with style():
        drawing.figure.draw_without_rendering()
        for axes in drawing.figure.axes:
            boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
            boxes.sort(key=lambda box: box.x0)
            assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
            box = axes.get_tightbbox()
            assert box.x0 >= 0
            assert box.x1 <= drawing.figure.bbox.width
