"""Paths of a folder from a stranger stay inside of it: a link out of it is refused before it is read or written."""

import json
import os
from pathlib import Path

import pytest
from fuzz_corpus import files_of, unpack

from landscape.atomic_write import write_atomically
from landscape.errors import StorageError, UsageError
from landscape.plain_folder import refuse_links_out
from landscape.report import write_report
from landscape.store import read_json, sealed, write_json
from landscape.study import record
from landscape.study.assemble import assemble
from landscape.study.cells import cells
from landscape.study.config import resolve
from landscape.study.folder import RunFolder, existing_folder, open_folder, read_result, stored_config
from landscape.study.one_minimum import find_run
from landscape.study.repair import repair
from landscape.study.run import run_study

RUN = "sgd-lr0.05-seed1"
INSIDE = (
    "study.toml",
    "report.json",
    "report.html",
    "claims",
    "figures",
    "runs",
    f"runs/{RUN}",
    f"runs/{RUN}/result.json",
    f"runs/{RUN}/surfaces",
    f"runs/{RUN}/surfaces/matched.npz",
    ".report.json.part",
    "anything",
)


@pytest.fixture
def places(tmp_path):
    """A run folder, and a folder beside it that nobody may touch."""
    unpack(files_of("study"), tmp_path / "study")
    (tmp_path / "study" / "report.json").write_text("{}")
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "letter").write_text("dear diary")
    return tmp_path / "study", tmp_path / "private"


def content(folder):
    return {path.relative_to(folder).as_posix(): path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def link_out(folder, name, private):
    """Put a link to somewhere else in the place of a file or folder, which is moved there."""
    path = folder / name
    target = private / path.name
    if path.exists():
        path.rename(target)
    path.symlink_to(target, target_is_directory=target.is_dir())


@pytest.mark.parametrize("name", INSIDE)
def test_a_link_out_of_a_run_folder_is_refused_for_reading_and_writing(places, name):
    folder, private = places
    config = stored_config(existing_folder(folder))
    link_out(folder, name, private)
    before = content(private), sorted(content(folder))
    for use in (
        lambda: existing_folder(folder),
        lambda: assemble(folder),
        lambda: open_folder(folder, config),
        lambda: run_study(config, folder, jobs=1),
        lambda: find_run(folder / "runs" / RUN),
    ):
        with pytest.raises(StorageError, match=r"is a symbolic link to .*private.*delete the link"):
            use()
    assert (content(private), sorted(content(folder))) == before


@pytest.mark.parametrize("name", ["report.json", "figures", "runs", f"runs/{RUN}/surfaces/matched.npz"])
def test_a_report_is_neither_read_from_elsewhere_nor_written_there(places, name):
    folder, private = places
    link_out(folder, name, private)
    before = content(private)
    with pytest.raises(StorageError, match="is a symbolic link to"):
        write_report(folder)
    assert content(private) == before
    assert not (folder / "report.html").exists()


def test_links_that_stay_inside_and_a_folder_that_is_a_link_are_followed(places, tmp_path):
    folder, _ = places
    (folder / "runs" / RUN).rename(folder / "kept")
    (folder / "runs" / RUN).symlink_to(Path("..") / "kept", target_is_directory=True)
    (tmp_path / "mine").symlink_to(folder, target_is_directory=True)
    report = assemble(tmp_path / "mine")
    assert RUN in [run["id"] for run in report["runs"]]
    assert json.loads((folder / "report.json").read_text())["runs"] == report["runs"]


def test_names_limit_what_is_looked_at(tmp_path):
    (tmp_path / "environment").mkdir()
    (tmp_path / "environment" / "python").symlink_to("/usr/bin/env")
    refuse_links_out(tmp_path, "figures")
    refuse_links_out(tmp_path / "not there")
    with pytest.raises(StorageError, match="outside of"):
        refuse_links_out(tmp_path)
    with pytest.raises(StorageError, match="outside of"):
        refuse_links_out(tmp_path, "environment")


def test_a_pipe_is_not_waited_for(places):
    folder, _ = places
    os.mkfifo(folder / "runs" / RUN / "moved.jsonl.new")
    with pytest.raises(StorageError, match="a pipe or a device"):
        assemble(folder)


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path):
    (tmp_path / "letter").write_text("dear diary")
    (tmp_path / ".x.json.part").symlink_to(tmp_path / "letter")
    with pytest.raises(StorageError, match="Cannot write"):
        write_atomically(tmp_path / "x.json", b"1")
    assert (tmp_path / "letter").read_text() == "dear diary"


def test_a_file_that_is_a_link_is_replaced_and_not_written_through(tmp_path):
    (tmp_path / "letter").write_text("dear diary")
    (tmp_path / "x.json").symlink_to(tmp_path / "letter")
    write_atomically(tmp_path / "x.json", b"1")
    assert (tmp_path / "letter").read_text() == "dear diary"
    assert (tmp_path / "x.json").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["surfaces/../../../../private/letter", "../letter", "/private/letter", "a/b/c", ""])
def test_names_of_files_in_a_result_cannot_lead_out_of_the_run(places, name):
    """What a result says was written, and is not there any more, is deleted to be computed again."""
    folder, private = places
    path = folder / "runs" / RUN / "result.json"
    result = read_result(RunFolder(folder), RUN)
    write_json(path, sealed({**result, "sha256": {**result["sha256"], name: "0"}}))
    cell = next(each for each in cells(stored_config(existing_folder(folder))) if each.id == RUN)
    with pytest.raises(StorageError, match=r"result\.json is damaged: sha256.*is not a file of the run"):
        read_result(RunFolder(folder), RUN)
    assert repair(RunFolder(folder), cell) == [f"runs/{RUN}/result.json is damaged: trained again."]
    assert content(private) == {"letter": b"dear diary"}


@pytest.mark.parametrize("stop", ["../../x", "matched/../..", "epoch:0", "", "matched:nan", "ema:2"])
def test_points_in_a_result_are_named_as_points_are(places, stop):
    folder, _ = places
    path = folder / "runs" / RUN / "result.json"
    result = read_json(path, record.RESULT)
    write_json(path, sealed({**result, "minima": {stop: result["minima"]["end"]}}))
    with pytest.raises(StorageError, match="not the name of a point"):
        assemble(folder)


def test_runs_are_folders_under_runs_whatever_words_a_file_has():
    options = {"widths": "8", "activation": ["../../x", "/etc/passwd", "..", "a\nb"]}
    keys = {"model": ["mlp", "../../../x"], "model_option": {"mlp": options}, "optimizer": ["sgd"], "seeds": 1}
    for cell in cells(resolve(("Here", keys))):
        assert Path(cell.id).name == cell.id
        assert cell.id not in {".", ".."}
    with pytest.raises(UsageError, match="cannot be called"):
        cells(resolve(("Here", {"checkpoint": ["..=x.safetensors"]})))


def test_code_that_a_run_folder_names_is_not_run_to_relate_it(places):
    folder, private = places
    (folder / "evil.py").write_text(f"open({str(private / 'ran')!r}, 'w')\nmake = None\n")
    text = (folder / "study.toml").read_text().split("[lr]")[0]
    text = text.replace('optimizer = ["sgd", "adam"]', f"optimizer = ['{folder / 'evil.py'}:make', 'adam']")
    (folder / "study.toml").write_text(text)
    with pytest.raises(UsageError, match=r"No learning rate is given for .*evil\.py:make"):
        assemble(folder)
    assert not (private / "ran").exists()
