"""``landscape audit`` from the command line, on a network of one's own."""

import json

import pytest
from click.testing import CliRunner

from landscape.cli.main import cli
from landscape.errors import LandscapeError

OWN = """
import torch
from torch import nn
def make_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
def attention():
    return nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
def make_data():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 6, generator=generator), torch.randint(3, (60,), generator=generator)
    return (x[:40], y[:40]), (x[40:], y[40:])
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return lambda *flags: CliRunner().invoke(cli, ["audit", *flags])


def test_an_own_network(run, tmp_path):
    own = ("--model", "own.py:make_model", "--data", "own.py:make_data")
    measures = ("--measures", "trace,adaptive_trace,path_norm")
    found = run(*own, *measures, "--out", "audit", "--json", "--strict")
    assert found.exit_code == 0, found.output
    result = json.loads(found.stdout)
    (network,) = result["networks"]
    assert network["dtype"] == "float64"
    cells = {row["measure"]: {each["transformation"]: each for each in row["cells"]} for row in network["rows"]}
    assert cells["trace"]["neurons_1"]["verdict"] == "moved"
    assert cells["adaptive_trace"]["neurons_1"]["verdict"] == cells["path_norm"]["layer_10"]["verdict"] == "invariant"
    assert cells["trace"]["batch_norm_2"]["verdict"] is None
    assert (tmp_path / "audit" / "report.html").is_file()
    assert (tmp_path / "audit" / "table.md").is_file()


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (("--measures", "trase"), 2, "Did you mean 'trace'"),
        (("--examples", "10"), 2, "--examples says how a minimum is measured, but none is named"),
        (("--rtol", "-1"), 2, "--rtol must be"),
        (
            ("--model", "own.py:attention", "--data", "own.py:make_data", "--measures", "trace"),
            3,
            "cannot be audited: attention",
        ),
    ],
)
def test_mistakes_are_named(run, flags, code, words):
    found = run(*flags)
    assert isinstance(found.exception, LandscapeError)
    assert found.exception.exit_code == code
    assert words in str(found.exception)
