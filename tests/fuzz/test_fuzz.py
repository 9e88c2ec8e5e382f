"""A short round of what run.py does for hours: whatever a file holds, a reader reads it or says what is wrong."""

import json

import pytest
from fuzz_guard import Forbidden, Hang, guarded
from fuzz_readers import READERS
from fuzz_round import RECORD, fuzz

from landscape.references import load_reference

CASES = {"checkpoint": 300, "toml": 300, "folder": 100, "relate": 150, "code": 200}


@pytest.mark.parametrize("reader", READERS)
def test_mutated_inputs_are_read_or_refused_in_words(reader):
    found = fuzz(reader, range(CASES[reader]))
    assert not found.failures, next(iter(found.failures.values()))
    # some of either: a reader that refuses everything, or nothing, tests nothing
    assert 0.1 < found.refused / found.cases < 1


@pytest.mark.parametrize(
    ("reader", "seed"), [("relate", 3597), ("relate", 4332), ("relate", 26110), ("relate", 27428), ("relate", 43258)]
)
def test_what_once_failed_does_not(reader, seed):
    """Lists that are empty; a history that ends in nothing; a search judged by, or best in, what is not there."""
    assert not fuzz(reader, range(seed, seed + 1)).failures


def spin():
    while True:
        pass


def test_the_guard_sees_what_it_is_for(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    with guarded(tmp_path / "in"):
        (tmp_path / "in" / "x").write_text("x")
    with pytest.raises(Forbidden, match="open"), guarded(tmp_path / "in"):
        (tmp_path / "x").write_text("x")
    with pytest.raises(Forbidden, match=r"os\.mkdir"), guarded(tmp_path / "in"):
        (tmp_path / "in" / ".." / "y").mkdir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
    (tmp_path / "in" / "planted.py").write_text("f = print")
    monkeypatch.syspath_prepend(str(tmp_path / "in"))
    for name in (f"{tmp_path}/in/planted.py:f", "planted:f"):
        with pytest.raises(Forbidden, match=r"exec|import"), guarded(tmp_path / "in"):
            load_reference(name)
    assert load_reference(f"{tmp_path}/in/planted.py:f") is print
    monkeypatch.setattr("fuzz_guard.SECONDS", 0.01)
    with pytest.raises(Hang), guarded(tmp_path):
        spin()


def test_the_record_holds_no_failure():
    rounds = json.loads(RECORD.read_text())
    assert {each["reader"] for each in rounds} == set(READERS)
    assert all(each["cases"] and not each["failures"] for each in rounds)
