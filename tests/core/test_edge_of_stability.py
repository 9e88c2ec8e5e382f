"""The base setting of the design, by the command: sharpness settles at the optimizer's edge, an absolute prediction."""

import json

import pytest
from click.testing import CliRunner

from landscape.cli.main import cli

BASE = [
    *("track", "--dataset", "digits", "--train-examples", "1000", "--model", "mlp", "--loss", "half_squared"),
    *("--model-option", "widths=100,100", "--model-option", "activation=tanh", "--batch-size", "full"),
    *("--steps", "3000", "--every", "50", "--device", "cpu", "--json"),
]
ROWS = [
    ("sgd", 0.2, ("momentum=0",), 2 / 0.2, (0.98, 1.06)),
    ("sgd", 0.3, ("momentum=0",), 2 / 0.3, (0.98, 1.06)),
    ("sgd", 0.5, ("momentum=0",), 2 / 0.5, (0.98, 1.06)),
    ("heavy_ball", 0.3, (), 3.8 / 0.3, (0.93, 1.03)),
    ("heavy_ball", 0.2, (), 3.8 / 0.2, (0.93, 1.03)),
    ("adam", 1e-3, ("betas=0.9,0.999",), 38 / 1e-3, (0.97, 1.03)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer", "lr", "options", "edge", "accepted"), ROWS)
def test_sharpness_settles_at_the_edge(tmp_path, optimizer, lr, options, edge, accepted):
    own = [word for each in options for word in ("--optimizer-option", each)]
    words = [*BASE, "--optimizer", optimizer, "--lr", str(lr), *own, "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    found = json.loads(result.stdout)
    rows, crossing = found["rows"], found["summary"]["crossing"]
    assert len(rows) == 61
    assert all(row["edge"] == pytest.approx(edge) for row in rows)
    assert crossing["step"] is not None, f"never reached the edge: largest ratio {crossing['largest_ratio']}"
    assert accepted[0] <= crossing["mean_ratio"] <= accepted[1]
    # each ratio is known far better than the band is wide
    assert all(row["ratio_bound"] < 0.02 * row["ratio"] for row in rows)
    if optimizer == "adam":
        # the plain eigenvalue stays near 20, far from any edge of its own
        last = [row["top_eigenvalue"] for row in rows[-20:]]
        assert 10 < sum(last) / len(last) < 40
