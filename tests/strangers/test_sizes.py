"""Files of a folder from a stranger that stand for terabytes, or for hours, end in one clear message."""

import time
import tomllib
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner
from fuzz_corpus import files_of, unpack

from landscape.cli.main import cli
from landscape.errors import LandscapeError, StorageError, UsageError
from landscape.file_size import AS_VALUES
from landscape.memory import available_memory, peak_memory
from landscape.store import read_arrays, read_json, read_rows, sound_rows, write_arrays
from landscape.study.config import read_toml

RUN = "runs/sgd-lr0.05-seed1"
LITTLE = 300 * 2**20
HOLES = 300 * 2**30


@pytest.fixture
def folder(tmp_path):
    unpack(files_of("study"), tmp_path / "study")
    (tmp_path / "study" / "report.json").write_text("{}")
    return tmp_path / "study"


def stretch(path, size=HOLES):
    path.touch()
    try:
        with path.open("r+b") as file:
            file.truncate(size)
    except OSError:
        pytest.skip("no file of that size here")


def refused(command):
    before, start = peak_memory(), time.monotonic()
    found = CliRunner().invoke(cli, list(map(str, command)))
    assert isinstance(found.exception, LandscapeError), (found.exception, found.output)
    assert found.exception.exit_code in (2, 4)
    assert peak_memory() - before < LITTLE
    assert time.monotonic() - start < 60
    return str(found.exception)


READ = [
    ("study.toml", "relate"),
    ("study.toml", "hessian"),
    ("environment.json", "relate"),
    ("measures.json", "relate"),
    ("search.json", "relate"),
    ("search.json", "hessian"),
    ("primary.json", "relate"),
    ("report.json", "report"),
    ("report.json", "export"),
    (f"{RUN}/config.json", "relate"),
    (f"{RUN}/history.jsonl", "relate"),
    (f"{RUN}/measurements.jsonl", "relate"),
    (f"{RUN}/result.json", "relate"),
]


@pytest.mark.parametrize(("name", "command"), READ)
def test_a_file_of_holes_in_place_of_any_is_refused_by_its_size(folder, name, command):
    stretch(folder / name)
    more = {"export": ["--csv"], "hessian": ["--run", RUN.removeprefix("runs/")]}
    assert "of memory that are free" in refused([command, folder, *more.get(command, [])])


@pytest.mark.parametrize("kind", ["track", "surface", "hessian", "sharpness"])
def test_so_is_one_of_a_single_measurement(tmp_path, kind):
    stretch(tmp_path / f"{kind}.json")
    assert f"{kind}.json has {HOLES:,} bytes" in refused(["report", tmp_path])


def test_text_must_fit_as_values(tmp_path):
    there = available_memory()
    if there is None:
        pytest.skip("the system does not tell its memory")
    stretch(tmp_path / "x", 2 * there // AS_VALUES)
    for read in (read_json, read_rows, sound_rows, read_toml):
        with pytest.raises(StorageError, match="which can take"):
            read(tmp_path / "x")


def test_a_key_of_many_parts_takes_no_square_of_them(tmp_path):
    path = tmp_path / "study.toml"
    deep = ".".join(["a"] * 10**5)
    for text in (f"{deep} = 1", f"[{deep}]", f'x = {{"a". b."c" . {deep} = 1}}', f"# '''\n\"#\".{deep} = 1"):
        path.write_text(text)
        start = time.monotonic()
        with pytest.raises(UsageError, match="more than 16 parts"):
            read_toml(path)
        assert time.monotonic() - start < 5
    dots = "." * 100
    path.write_text(f"# {dots}\nx = \"{dots}\"\ny = '''\n{dots}'''\nz = [{', '.join(['0.1'] * 100)}]\na.b.c.d = 1")
    assert read_toml(path) == tomllib.loads(path.read_text())


def test_whole_numbers_of_a_study_have_64_bits(tmp_path):
    path = tmp_path / "study.toml"
    for text in ("lr = 0x" + "F" * 20_000, "[model_option]\nwidths = [[0x" + "F" * 20_000 + "]]", f"seed = {2**63}"):
        path.write_text(text)
        assert "more than 64 bits" in refused(["analyze", path, "--dry-run"])


def array(shape, kind, content=b""):
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


ARRAYS = {
    "empty elements": array((10**12,), "|V0"),
    "empty texts": array((10**12,), "<U0"),
    "terabytes": array((10**12,), "<f8"),
    "a product that overflows": array((2**62, 4), "<f8"),
    "less than there is": array((1,), "<f8", bytes(80)),
    "objects": array((1,), "|O", bytes(8)),
    "a negative shape": array((-1,), "<f8", bytes(8)),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_have_the_size_that_they_say(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", ARRAYS[name])
    start = time.monotonic()
    with pytest.raises(StorageError, match=r"x\.npz"):
        read_arrays(tmp_path / "x.npz")
    assert time.monotonic() - start < 5


def test_arrays_that_are_written_are_read(tmp_path):
    arrays = {"a": np.eye(3), "b": np.zeros(0), "c": np.array(2), "d": np.array(["x", "yy"]), "e": np.ones((2, 3)).T}
    write_arrays(tmp_path / "x.npz", arrays)
    found = read_arrays(tmp_path / "x.npz")
    assert all(np.array_equal(found[name], each) for name, each in arrays.items())
