"""What is on the disk after write_report, for the ordinary study and for every odd one."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from report_variants import SMALL, VARIANTS
from synthetic_folder import make_report, write_folder

from landscape.errors import StorageError
from landscape.report import write_report
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
    with pytest.raises(StorageError, match=r"no report\.json.*landscape analyze --out"):
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
