"""Files of a run folder that were torn, cut or changed: noticed, named, computed again."""

import random
import re
import shutil
import threading

import pytest
from test_shared_study import configured, table

from landscape.errors import StorageError
from landscape.study.assemble import assemble
from landscape.study.run import run_study

FILES = [
    "result.json",
    "config.json",
    "history.jsonl",
    "measurements.jsonl",
    "minimum.safetensors",
    "minimum.matched.safetensors",
    "optimizer.safetensors",
    "surfaces/matched.npz",
]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("study") / "out"
    report = run_study(configured(seeds=1), root, jobs=1)
    # the run whose slice was taken has every kind of file
    return root, report, next(each["run"] for each in report["surfaces"])


def cut(data, chance):
    return data[: chance.randrange(len(data))]


def flip(data, chance):
    changed = bytearray(data)
    changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def empty(data, chance):
    return b""


DAMAGES = [*((name, damage) for name in FILES for damage in (cut, flip)), ("result.json", empty), (FILES[3], empty)]


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_damage_is_named_and_mended(study, tmp_path, name, damage):
    root, report, run = study
    shutil.copytree(root, tmp_path / "out")
    path = tmp_path / "out" / "runs" / run / name
    path.write_bytes(damage(path.read_bytes(), random.Random(f"{name} {damage.__name__}")))
    said = []
    again = run_study(configured(seeds=1), tmp_path / "out", jobs=1, on_note=said.append)
    if damage is empty and name == "measurements.jsonl":
        # an empty list of rows is no damage: nothing was measured yet, and it is now
        assert not said
    else:
        assert len(said) == 1
        assert f"runs/{run}/{name} is damaged" in said[0]
    assert table(again) == table(report)
    assert path.exists()


@pytest.mark.parametrize("name", ["result.json", "measurements.jsonl"])
def test_a_report_is_not_made_from_numbers_that_changed(study, tmp_path, name):
    root, _, run = study
    shutil.copytree(root, tmp_path / "out")
    path = tmp_path / "out" / "runs" / run / name
    text = path.read_text()
    # the first decimal of the first number that has one
    changed = re.sub(r"(?<=\d\.)\d", lambda digit: str((int(digit[0]) + 1) % 10), text, count=1)
    assert changed != text
    path.write_text(changed)
    with pytest.raises(StorageError, match=rf"{name} is damaged.*landscape analyze"):
        assemble(tmp_path / "out")


def test_nothing_is_damaged_in_a_folder_as_it_was_written(study):
    root, report, _ = study
    said = []
    assert table(run_study(configured(seeds=1), root, jobs=1, on_note=said.append)) == table(report)
    assert said == []


def test_what_another_process_works_on_is_left_alone(study, tmp_path):
    """A slice is there before its checksum: whoever comes then must not take it for damage, and waits for it."""
    root, _, run = study
    shutil.copytree(root, tmp_path / "out")
    out = tmp_path / "out"
    path = out / "runs" / run / "surfaces" / "matched.npz"
    path.write_bytes(path.read_bytes() + b" ")
    (out / "claims").mkdir()
    held = out / "claims" / f"slice-{run}@elsewhere-1-1"
    held.touch()
    said = []
    # the other one ends when files have been looked at
    ends = threading.Timer(0.5, held.unlink)
    first = iter([ends.start])
    run_study(configured(seeds=1), out, jobs=1, on_note=said.append, on_progress=lambda *_: next(first, lambda: None)())
    assert said == []
    assert not (out / "claims").exists()
    run_study(configured(seeds=1), out, jobs=1, on_note=said.append)
    assert len(said) == 1
