import numpy as np
import pytest
import torch

from landscape.minimum import Minimum
from landscape.problem import Problem
from landscape.store import read_json, read_rows
from landscape.study.config import resolve
from landscape.study.moved_points import BALANCED, RESCALED, log_scales
from landscape.study.run import run_study
from landscape.symmetries import find_neurons
from landscape.symmetries.apply import rescaled


@pytest.fixture(scope="module")
def minimum(device):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(5, 4, bias=False), torch.nn.ReLU(), torch.nn.Linear(4, 3, bias=False)
    ).double()
    with torch.no_grad():
        model[0].weight.mul_(torch.tensor([[0.1], [3.0], [7.0], [1.0]]))
    problem = Problem(model, "cross_entropy", (torch.randn(20, 5).double(), torch.randint(3, (20,))), device=device)
    return Minimum(problem, problem.theta)


def test_balanced_is_where_weights_in_and_out_are_as_large(minimum):
    """Closed form: of a unit with |in| and |out| the least norm has |in| = |out| = sqrt(|in| |out|)."""
    neurons = find_neurons(minimum.problem, minimum.theta)
    theta = rescaled(minimum.problem, minimum.theta, neurons, log_scales(minimum, neurons, BALANCED, 0))
    first, second = minimum.problem.unflatten(theta)
    was_first, was_second = minimum.problem.unflatten(minimum.theta)
    expected = torch.sqrt(was_first.norm(dim=1) * was_second.norm(dim=0))
    assert torch.allclose(first.norm(dim=1), expected, rtol=1e-6)
    assert torch.allclose(second.norm(dim=0), expected, rtol=1e-6)
    assert theta.norm() < minimum.theta.norm()
    assert minimum.problem.loss(theta) == pytest.approx(minimum.problem.loss(minimum.theta), rel=1e-12)


def test_rescaled_is_the_same_draw_for_a_seed(minimum):
    neurons = find_neurons(minimum.problem, minimum.theta)
    one, again, other = (log_scales(minimum, neurons, RESCALED, seed) for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_study_moves_its_minima_and_goes_on_where_it_was(tmp_path, device):
    config = resolve(
        (
            "test",
            {
                "train_examples": 100, "model": "mlp", "model_option": {"widths": [8], "activation": "relu"},
                "optimizer": ("adam",), "lr": {"adam": (0.01,)}, "epochs": 2, "seeds": 1, "target_loss": 1.8,
                "measures": ("weight_norm", "trace", "preconditioned_top_eigenvalue"), "surface_points": 0,
                "move": ("rescaled", "balanced"), "dtype": "float64", "device": str(device),
            },
        )
    )  # fmt: skip
    report = run_study(config, tmp_path / "study", jobs=1)
    (run,) = report["runs"]
    for minimum in run["minima"].values():
        assert minimum["test_examples"] == 497
        for point in ("rescaled", "balanced"):
            there = minimum["moved"][point]
            # the function is the same, so the gap is; the weights are not
            assert there["gap_loss"] == pytest.approx(minimum["gap_loss"], abs=1e-10)
            assert there["log_scale"] > 0
            assert there["measurements"]["preconditioned_top_eigenvalue"]["value"] is None
        norms = [each["measurements"]["weight_norm"]["value"] for each in (minimum, minimum["moved"]["balanced"])]
        assert norms[1] < norms[0]
    rows = [row for row in report["relations"]["end"]["interventions"] if row["kind"] == "balanced"]
    assert {row["measure"] for row in rows} == set(config.measures)
    assert {row["answer"] for row in rows if row["measure"] == "weight_norm"} == {"the gap stays"}
    path = tmp_path / "study" / "runs" / run["id"] / "moved.jsonl"
    before = path.read_bytes()
    assert len(read_rows(path)) == 2 * len(run["minima"])
    run_study(config, tmp_path / "study", jobs=1)
    assert path.read_bytes() == before
    assert read_json(tmp_path / "study" / "report.json") == report


def test_a_network_without_rescalings_says_so(tmp_path):
    config = resolve(
        (
            "test",
            {
                "train_examples": 60, "model": "mlp", "model_option": {"widths": [6], "activation": "tanh"},
                "optimizer": ("sgd",), "lr": {"sgd": (0.1,)}, "epochs": 1, "seeds": 1, "measures": ("weight_norm",),
                "surface_points": 0, "move": ("balanced",),
            },
        )
    )  # fmt: skip
    report = run_study(config, tmp_path / "study", jobs=1)
    (run,) = report["runs"]
    assert run["minima"]["end"]["moved"]["balanced"]["reason"] == "no neuron can be rescaled"
    assert not any(row["kind"] == "balanced" and row["ratio"] for row in report["relations"]["end"]["interventions"])
