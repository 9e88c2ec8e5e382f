"""A tracked training from a stranger goes on only from rows and a state like those that this program writes."""

import json
import pickle

import pytest
import torch
from click.testing import CliRunner

from landscape.cli.main import cli
from landscape.errors import StorageError

SMALL = ["--model", "mlp", "--model-option", "widths=4", "--train-examples", "20", "--optimizer", "sgd", "--steps", "3"]


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracked") / "out"
    assert track(folder).exception is None
    (rows,), (state,) = folder.glob("runs/*/track.jsonl"), folder.glob("runs/*/state.pt")
    return folder, rows, state, rows.read_bytes(), state.read_bytes()


def track(folder):
    return CliRunner().invoke(cli, ["track", *SMALL, "--batch-size", "full", "--out", str(folder)])


def changed(line, **entries):
    return (json.dumps({**json.loads(line), **entries}) + "\n").encode()


ROWS = {
    "no columns": lambda line: b"{}\n",
    "a step in words": lambda line: changed(line, step="x"),
    "no loss": lambda line: changed(line, train_loss=None),
    "eigenvalues of nothing": lambda line: changed(line, eigenvalues=[None]),
    "alignments in words": lambda line: changed(line, gradient_alignment=["x"]),
    "a reason that is a number": lambda line: changed(line, diverged=3),
    "nothing": lambda line: b"",
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_of_another_shape_are_refused(followed, name):
    folder, rows, state, good, live = followed
    state.write_bytes(live)
    rows.write_bytes(ROWS[name](good.splitlines()[0]))
    assert isinstance(track(folder).exception, StorageError)


class Makes:
    def __reduce__(self):
        return bytearray, (4 * 10**9,)


@pytest.mark.parametrize("name", ["bytes that it makes", "a step in words", "no warm start", "an extra of nothing"])
def test_a_state_of_another_shape_is_refused(followed, name):
    folder, rows, state, good, live = followed
    rows.write_bytes(good)
    state.write_bytes(live)
    content = torch.load(state, weights_only=True)
    if name == "a step in words":
        content["step"] = "x"
    elif name == "no warm start":
        content["extra"]["warm"] = {"x": 1}
    elif name == "an extra of nothing":
        content["extra"] = None
    torch.save(content, state)
    if name == "bytes that it makes":
        state.write_bytes(pickle.dumps(Makes(), 2))
    assert isinstance(track(folder).exception, StorageError)


def test_what_is_as_it_was_written_goes_on(followed):
    folder, rows, state, good, live = followed
    rows.write_bytes(good)
    state.write_bytes(live)
    assert track(folder).exception is None
    assert rows.read_bytes() == good
