"""What is on the disk after write_report, for the ordinary study and for every odd one."""

import json
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from report_variants import SMALL, VARIANTS
from synthetic_folder import make_report, write_folder

from landscape.cli.report import VENUES as COMMAND_VENUES
from landscape.errors import StorageError, UsageError
from landscape.report import write_report
from landscape.report.figures.canvas import inches, letters, style
from landscape.report.figures.venue import HOUSE, VENUES
from landscape.report.methods import methods
from landscape.report.palette import colors

ALL = {
    "training_curves",
    "paired_sharpness_matched",
    "paired_sharpness_end",
    "sharpness_ratios",
    "optimizer_by_measure_matched",
    "optimizer_by_measure_end",
    "sharpness_gap_matched",
    "sharpness_gap_end",
    "slices_contours_matched",
    "slices_3d_matched",
    "trade_offs",
}
FIGURES = {
    "demo": ALL,
    "one_optimizer": {
        each for each in ALL if not each.startswith(("paired_sharpness", "sharpness_ratios", "optimizer_by_measure"))
    },
    "nothing_reached": {
        "training_curves",
        "paired_sharpness_end",
        "sharpness_ratios",
        "optimizer_by_measure_end",
        "sharpness_gap_end",
        "trade_offs",
    },
    "many_measures": {
        "training_curves",
        "paired_sharpness_end",
        "paired_sharpness_end_2",
        "sharpness_ratios",
        "optimizer_by_measure_end",
        "sharpness_gap_end",
        "sharpness_gap_end_2",
        "trade_offs",
    },
    "all_diverged": {"training_curves", "trade_offs"},
    "checkpoints": {"paired_sharpness_end", "sharpness_gap_end"},
}


def no_constant(text):
    raise AssertionError(f"{text} in JSON")


@pytest.mark.parametrize("name", VARIANTS)
def test_every_study_gives_a_whole_report(name, written):
    folder, paths = written(name)
    assert len(set(paths)) == len(paths)
    assert all(path.stat().st_size > 0 for path in paths)
    assert {path.name for path in paths} >= {"table.tex", "table.md", "methods.md", "report.html"}
    assert sorted(folder.glob("figures/*")) == sorted(path for path in paths if path.parent.name == "figures")
    assert (folder / "report.html").stat().st_size < 8e6
    drawn = {path.stem for path in paths if path.suffix == ".pdf"}
    for stem in drawn:
        numbers = json.loads((folder / f"figures/{stem}.json").read_text(), parse_constant=no_constant)
        assert numbers["numbers"], f"{stem} has no numbers"
        assert numbers["caption"]
    if name in FIGURES:
        assert drawn == FIGURES[name]


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_left_out_is_said(name, written):
    folder, paths = written(name)
    drawn = {path.stem for path in paths if path.suffix == ".pdf"}
    page, table = ((folder / each).read_text(encoding="utf-8") for each in ("report.html", "table.md"))
    for figure in (
        "training_curves",
        "paired_sharpness",
        "optimizer_by_measure",
        "sharpness_gap",
        "slices_contours",
        "slices_3d",
        "trade_offs",
    ):
        missing = not any(stem.startswith(figure) for stem in drawn)
        assert (f'<th scope="row" class="name">{figure}</th>' in page) == missing
        assert (f"The figure {figure.replace('_', chr(92) + '_')} is left out" in table) == missing


@pytest.mark.parametrize("name", VARIANTS)
def test_pdf_embeds_truetype(name, written):
    _, paths = written(name)
    for path in paths:
        if path.suffix == ".pdf":
            data = path.read_bytes()
            assert b"/FontFile2" in data, f"{path.name} embeds no TrueType font"
            assert not re.search(rb"/Subtype\s*/Type3|/Type3\b", data), f"{path.name} has a Type 3 font"


def test_the_methods_name_the_learning_rates_that_ran_and_the_work_they_rest_on():
    report = make_report(("sgd", "adam"), lrs=2, seeds=2)
    report["settings"] |= {"lr": {"sgd": [7.0], "adam": [8.0]}, "move": ["rescaled", "balanced"]}
    assert "measured again" not in methods(report)  # asked for, but no network allowed it
    there = {"measurements": {"trace": {}}, "reason": ""}
    report["runs"][0]["minima"]["end"]["moved"] = {"balanced": there, "rescaled": there}
    ran = {
        name: sorted({run["lr"] for run in report["runs"] if run["optimizer"] == name}) for name in report["optimizers"]
    }
    text = methods(report)
    assert f"at learning rates sgd: {ran['sgd'][0]:g}, {ran['sgd'][1]:g}; adam: {ran['adam'][0]:g}" in text
    assert "sgd: 7" not in text
    sizes = {run["cost"]["parameters"] for run in report["runs"]}
    assert f"We trained {report['settings']['model']} ({sizes.pop():,} parameters) on" in text
    assert not sizes
    assert "with every neuron rescaled at random and at the point of least weight norm among all rescalings" in text
    assert "with sgd, adam (Kingma and Ba 2015) for" in text
    report["settings"] |= {"optimizer_option": {"sgd": {"momentum": [0.0, 0.9]}}, "weight_decay": [0.1]}
    report["optimizer_options"] = {"sgd": {"momentum": 0.0}, "adam": {"betas": [0.9, 0.999], "weight_decay": 0}}
    assert "; optimizer options sgd: momentum 0, 0.9; adam: betas 0.9, 0.999, with" in methods(report)
    assert "- Kingma, Ba (2015), Adam" in text
    assert "Clopper and Pearson 1934" in text
    assert "- Clopper, Pearson (1934)" in text
    assert "Foret" not in text
    assert "Choi" not in text
    assert "filter normalisation" not in text
    report["search"] = {
        "budget": 20,
        "seed": 3,
        "validation_examples": 260,
        "optimizers": [{"judged_by": "validation_loss"}, {"judged_by": "validation_loss"}],
    }
    report["surfaces"] = [{"run": "run0", "optimizer": "sgd", "stop": "matched", "file": "x.npz", "points": 31}]
    text = methods(report)
    assert "best of 20 configurations drawn from a scrambled Halton sequence (seed 3)" in text
    assert "by validation loss on 260 examples held out of the training set" in text
    assert "sliced on 31 x 31 points along two random directions with filter normalisation (Li et al. 2018)" in text
    for work in ("Choi, Shallue", "Li, Xu, Taylor"):
        assert text.count(work) == 1
    (cited,) = [line for line in text.splitlines() if line.startswith("- Li, Xu")]
    assert cited.endswith("NeurIPS.")


def test_an_unreadable_slice_is_said_and_nothing_else_lost(written):
    folder, paths = written("broken_slice")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("The slice of") == 2
    assert "sharpness_gap_end" in {path.stem for path in paths}


def test_the_same_files_give_the_same_bytes(tmp_path, written):
    folder, paths = written("one_optimizer")
    again = write_report(VARIANTS["one_optimizer"](tmp_path))
    for first, second in zip(paths, again, strict=True):
        assert first.relative_to(folder) == second.relative_to(tmp_path)
        assert first.read_bytes() == second.read_bytes(), first.name


@pytest.mark.parametrize("venue", ["neurips", "icml"])
def test_a_style_draws_at_the_venues_text_width_and_letters(tmp_path, venue):
    report = make_report(("adam",), lrs=1, seeds=1, epochs=2, measures=[], stops=())
    paths = write_report(write_folder(tmp_path, report, surfaces=0), venue)
    (curves,) = [path for path in paths if path.name == "training_curves.pdf"]
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", curves.read_bytes())
    assert float(box[1]) / 72 == pytest.approx(VENUES[venue].width, abs=0.01)
    assert b"STIXGeneral" in curves.read_bytes()
    assert b"DejaVu" not in curves.read_bytes()


def test_letters_are_those_of_the_venue():
    for venue in (HOUSE, *VENUES.values()):
        with style(venue):
            assert matplotlib.rcParams["font.size"] == venue.size == letters(8.0)
            assert matplotlib.rcParams["legend.fontsize"] == pytest.approx(7.5 * venue.size / 8)
            assert matplotlib.rcParams["lines.markersize"] == 4.5
            assert inches(7.2) == pytest.approx(venue.width)
    assert set(VENUES) == set(COMMAND_VENUES)


def test_a_style_is_refused_for_what_is_no_study(tmp_path):
    (tmp_path / "surface.json").write_text("{}")
    with pytest.raises(UsageError, match=r"surface\.json\. Leave --style out"):
        write_report(tmp_path, "icml")


def test_the_gap_by_factor_has_a_row_for_each_factor_and_every_run(plotted):
    numbers = plotted("several_models", "gap_by_factor_matched")
    assert numbers["gap"] == "gap_loss"
    points = numbers["measures"]["trace"]
    others = plotted("several_models", "sharpness_gap_matched")["measures"]["trace"]["gap_loss"]["points"]
    assert [point["run"] for point in points] == [point["run"] for point in others]
    assert {point["levels"]["model"] for point in points} == {"mlp", "cnn"}
    assert {point["levels"]["lr"] for point in points} == {0, 1}
    assert all(point["levels"]["lr"] == point["lr_rank"] for point in points)


def test_figures_that_no_longer_apply_are_removed(tmp_path):
    report = make_report(("adam",), lrs=1, seeds=1, epochs=1, measures=[], stops=())
    stale, foreign = tmp_path / "figures/paired_sharpness_matched.pdf", tmp_path / "figures/notes.pdf"
    stale.parent.mkdir()
    stale.write_bytes(b"old")
    foreign.write_bytes(b"mine")
    write_report(write_folder(tmp_path, report, surfaces=0))
    assert not stale.exists()
    assert foreign.read_bytes() == b"mine"


def test_a_folder_without_a_report_says_what_to_type(tmp_path):
    with pytest.raises(StorageError, match=r"neither report\.json nor study\.toml.*`landscape analyze` wrote"):
        write_report(tmp_path)


def test_another_format_is_refused(tmp_path):
    write_folder(tmp_path, make_report(**SMALL) | {"format": 7}, surfaces=0)
    with pytest.raises(StorageError, match="format 7"):
        write_report(tmp_path)


def test_a_slice_outside_the_folder_is_not_read(tmp_path):
    report = make_report(("adam",), lrs=1, seeds=1, epochs=1, measures=[], stops=())
    write_folder(tmp_path / "other", report, surfaces=1, points=7)
    report["surfaces"] = [
        {"run": "x", "optimizer": "adam", "stop": "matched", "file": "../other/runs/run0/surfaces/plane.npz"}
    ]
    write_report(write_folder(tmp_path / "run", report, surfaces=0))
    assert "outside the run folder" in (tmp_path / "run/report.html").read_text()


def test_a_report_is_written_without_torch(tmp_path):
    write_folder(tmp_path, make_report(("adam",), lrs=1, seeds=1, epochs=2, measures=[], stops=()), surfaces=0)
    code = (
        "import sys, pathlib\n"
        "sys.modules['torch'] = None\n"  # importing it now raises
        "from landscape.report import summary, write_report\n"
        "assert write_report(pathlib.Path(sys.argv[1]))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code, tmp_path], check=True)


def test_optimizers_keep_their_colours():
    assert colors(["sgd", "adam"])["adam"] == colors(["adam", "mine", "rmsprop"])["adam"]
    many = colors(["sgd", "adam", "a", "b", "c"])
    assert len(set(many.values())) == 5


def test_the_numbers_of_a_slice_are_those_of_its_file(written, plotted):
    folder, _ = written("demo")
    stored = np.load(folder / "runs/run0/surfaces/plane.npz")
    drawn = plotted("demo", "slices_contours_matched")["slices"][0]
    assert drawn["optimizer"] == "sgd"
    np.testing.assert_array_equal(np.array(drawn["train_loss"], dtype=float), stored["train_loss"])
