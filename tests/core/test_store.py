"""What is read is what was written, or the file and line that is not."""

import math
from pathlib import Path

import numpy as np
import pytest

from landscape.errors import StorageError
from landscape.store import append_row, finite, read_rows, sealed, sound_rows, write_rows


def test_rows_come_back(tmp_path):
    rows = [{"a": 1, "b": [1.5, None]}, {"c": {"d": "é\u2028"}}]
    write_rows(tmp_path / "rows.jsonl", rows)
    assert read_rows(tmp_path / "rows.jsonl") == rows
    assert read_rows(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("bad", ["torn", '{"a": 1', "[1]", "", '{"a": 1}, {"b": 2}', "null", '{"a": NaN}'])
def test_the_line_that_is_no_object_is_named(tmp_path, bad):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"a": 1}}\n{bad}\n{{"b": 2}}\n')
    with pytest.raises(StorageError, match=r"Line 2 of .*rows\.jsonl is not a JSON object"):
        read_rows(path)


def test_a_row_that_no_longer_fits_its_seal_is_refused_and_one_without_is_not(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_row(path, {"value": 1.25}, seal=True)
    append_row(path, {"value": 2.5}, seal=True)
    assert read_rows(path) == [{"value": 1.25}, {"value": 2.5}]
    path.write_text(path.read_text().replace("2.5", "2.6"))
    with pytest.raises(StorageError, match="checksum does not fit"):
        read_rows(path)
    assert sound_rows(path) == ([{"value": 1.25}], 1)
    path.write_text('{"value": 7}\n')
    assert read_rows(path) == [{"value": 7}]


def test_anything_becomes_plain_json_without_nan():
    given = {
        1: (math.inf, np.float32(0.5), np.float64("nan"), np.int64(3), np.bool_(True)),
        "x": np.array([[1.0, np.nan]]),
        "p": Path("a/b"),
        "s": sealed({"y": -math.inf})["y"],
        "n": [None, True, "text", 2, 1e300],
    }
    assert finite(given) == {
        "1": [None, 0.5, None, 3, True],
        "x": [[1.0, None]],
        "p": "a/b",
        "s": None,
        "n": [None, True, "text", 2, 1e300],
    }
