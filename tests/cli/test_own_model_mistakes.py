"""What a user's own file may get wrong: one message each, with its exit code, and no traceback."""

import sys

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from landscape.cli.main import cli
from landscape.errors import LandscapeError

FILE = """
import torch
from torch import nn

number = 3
def model(): return nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 3))
def wants(width): return nn.Linear(width, 3)
def nothing(): return None
def raising(): raise RuntimeError("no such weights")
def random(): return nn.Sequential(model(), Noise())
class Noise(nn.Module):
    def forward(self, x): return x + torch.randn_like(x)
def data():
    x, y = torch.linspace(-1, 1, 120).view(20, 6), torch.arange(20) % 3
    return (x, y), (x, y)
def batches():
    (x, y), _ = data()
    return [(x[:15], y[:15]), (x[15:], y[15:])], [(x, y)]
def wants_data(count): return data()
def bad_data(): return 3
def no_batches(): return [], []
def stream(): yield torch.randn(20, 6), torch.randint(3, (20,))
def strings(): return [("a", "b")], [("a", "b")]
def vector(outputs, targets): return outputs.sum(1)
def integer(outputs, targets): return (outputs.argmax(1) == targets).sum()
def nan(outputs, targets): return outputs.mean() * float("nan")
def detached(outputs, targets): return outputs.detach().mean()
def summed(outputs, targets): return nn.functional.cross_entropy(outputs, targets, reduction="sum")
"""
MODEL, DATA, LOSS = ("own.py:model", "own.py:data", "cross_entropy")
BAD = [
    ("--model", "own.py:modle", 2, "Did you mean 'model'"),
    ("--model", "none.py:model", 2, "There is no file 'none.py'"),
    ("--model", "own:model", 2, "there is no module 'own'. Did you mean 'own.py:model'?"),
    ("--model", "none:model", 2, "there is no module 'none'."),
    ("--model", "own.py:number", 2, "is a int, not a function"),
    ("--model", "own.py:wants", 2, "wants width, which nobody gives"),
    ("--model", "own.py:nothing", 2, "returned a NoneType; it must return a torch.nn.Module"),
    ("--model", "own.py:raising", 2, "raised RuntimeError: no such weights"),
    ("--model", "own.py:random", 3, "random in evaluation mode"),
    ("--checkpoint", "other.pt", 2, "'0.weight' has shape (5, 6), the model's (7, 6)"),
    ("--data", "own.py:wants_data", 2, "wants count, which nobody gives"),
    ("--data", "own.py:bad_data", 2, "returned a int"),
    ("--data", "own.py:no_batches", 3, "the data yields nothing"),
    (
        "--data",
        "own.py:stream",
        3,
        "they are a generator. Give tensors (x, y), a Dataset, a DataLoader or a list of "
        "batches, or freeze_data=True (--freeze-data) to keep them in memory.",
    ),
    ("--data", "own.py:strings", 3, "Cannot tell how many examples"),
    ("--loss", "own.py:vector", 3, "The loss must be one number for a batch; it gave a float32 tensor of shape (20,)"),
    ("--loss", "own.py:integer", 3, "it gave an int64 tensor"),
    ("--loss", "own.py:nan", 3, "is nan"),
    ("--loss", "own.py:detached", 3, "does not depend on the parameters"),
    ("--loss", "own.py:summed", 3, "the sum over its examples"),
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(FILE, encoding="utf-8")
    torch.save(nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).state_dict(), "other.pt")
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("_landscape_user"):
            del sys.modules[name]


def invoke(**changed):
    flags = {"--model": MODEL, "--data": DATA, "--loss": LOSS, **changed}
    arguments = [part for flag in flags.items() for part in flag]
    return CliRunner().invoke(cli, ["hessian", "--top-k", "1", "--bottom-k", "0", "--no-trace", *arguments])


@pytest.mark.parametrize(("flag", "value", "code", "words"), BAD)
def test_one_message_and_its_exit_code(here, flag, value, code, words):
    result = invoke(**{flag: value})
    assert isinstance(result.exception, LandscapeError), result.exception
    assert result.exception.exit_code == code
    assert words in str(result.exception)
    assert not result.stdout


def test_batches_of_a_users_own(here):
    a, b = invoke(), invoke(**{"--data": "own.py:batches"})
    assert a.exit_code == b.exit_code == 0, (a.output, b.output)
    largest = [next(line for line in each.stdout.splitlines() if line.startswith("largest")) for each in (a, b)]
    assert largest[0] == largest[1]
