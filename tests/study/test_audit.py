"""The audit: what is expected of a ReLU network fitted to digits, and what stands where nothing can be said."""

import dataclasses
import json

import pytest
import torch
from torch import nn

from landscape import Minimum, Problem
from landscape.errors import ProblemError, UsageError
from landscape.measures import Measurement
from landscape.report.audit import audit_text, write_audit
from landscape.report.audit.cells import contradictions
from landscape.store import finite
from landscape.study import audit_networks
from landscape.study.audit import AuditSettings, audit, compared
from landscape.study.audit_networks import trained_networks
from landscape.study.one_minimum import OneMinimum

STAY = ("adaptive_top_eigenvalue", "adaptive_trace", "fisher_rao", "orbit_minimum_trace")
MEASURES = ("top_eigenvalue", *STAY, "orbit_excess", "relative_flatness", "filter_normalized_slice", "train_loss")


@pytest.fixture(scope="module")
def subjects():
    """The two networks of the command, trained for a third of the time and measured on some of the examples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_networks, "EPOCHS", 7)
        return [fewer(each) for each in trained_networks(0)]


def fewer(one):
    minimum = one.minimum
    return dataclasses.replace(one, minimum=dataclasses.replace(minimum, problem=minimum.problem.subset(150)))


@pytest.fixture(scope="module")
def result(subjects):
    options = {"adaptive_top_eigenvalue": {"rtol": 1e-6}}
    return audit(subjects, AuditSettings(MEASURES, options=options))


def cell(network, measure, transformation):
    row = next(each for each in network["rows"] if each["measure"] == measure)
    return next(each for each in row["cells"] if each["transformation"] == transformation)


RESCALINGS = ("layer_2", "layer_10", "neurons_0.5", "neurons_1")


@pytest.mark.parametrize("measure", STAY)
@pytest.mark.parametrize("transformation", RESCALINGS)
def test_coordinate_free_measures_stay_to_six_digits(result, measure, transformation):
    for network in result["networks"]:
        found = cell(network, measure, transformation)
        assert found["factor"] == pytest.approx(1.0, abs=1e-6)
        assert found["verdict"] == "invariant"


def test_the_top_eigenvalue_follows_the_coordinates(result):
    """About 18 times larger where the first layer is multiplied by ten: how much depends on how it was trained."""
    mlp = result["networks"][0]
    assert 5 < cell(mlp, "top_eigenvalue", "layer_10")["factor"] < 100
    assert cell(mlp, "top_eigenvalue", "layer_10")["verdict"] == "moved"
    assert cell(mlp, "orbit_excess", "layer_10")["factor"] > 5
    assert cell(mlp, "top_eigenvalue", "permutation")["verdict"] == "invariant"


def test_slices_see_neurons_but_not_layers(result):
    for network in result["networks"]:
        assert cell(network, "filter_normalized_slice", "layer_10")["factor"] == pytest.approx(1.0, abs=1e-9)
        assert cell(network, "filter_normalized_slice", "layer_10")["verdict"] == "invariant"
        assert abs(cell(network, "filter_normalized_slice", "neurons_1")["factor"] - 1) > 0.5


def test_relative_flatness_of_a_layer_sees_the_neurons_before_it(result):
    mlp = result["networks"][0]
    assert cell(mlp, "relative_flatness", "layer_10")["verdict"] == "invariant"
    assert abs(cell(mlp, "relative_flatness", "neurons_1")["factor"] - 1) > 0.5


def test_the_function_is_checked_and_claims_hold(result):
    for network in result["networks"]:
        assert contradictions(network) == []
        for each in network["transformations"]:
            if each["applies"]:
                assert each["output_difference"] < 1e-12
                assert each["decisions_kept"]
            else:
                assert each["kind"] == "batch_norm_scaling"
    cnn = result["networks"][1]
    assert cell(cnn, "adaptive_trace", "batch_norm_2")["verdict"] == "invariant"
    assert cell(cnn, "top_eigenvalue", "batch_norm_2")["verdict"] == "moved"
    assert cell(result["networks"][0], "train_loss", "logits_2")["factor"] < 0.9


def test_files_tables_and_text(result, tmp_path):
    paths = write_audit(finite(result), tmp_path)
    assert {path.suffix for path in paths} == {".json", ".md", ".tex", ".pdf", ".png", ".html"}
    assert all(path.stat().st_size > 500 for path in paths)
    assert json.loads((tmp_path / "audit.json").read_text())["format"] == 1
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/png') == 2
    assert len(page) < 1_000_000
    assert "Content-Security-Policy" in page
    assert "https://" not in page.split("<script")[0]
    markdown = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "| Fisher-Rao norm |" in markdown
    assert "invariant" in markdown
    assert (tmp_path / "table.tex").read_text(encoding="utf-8").count(r"\toprule") >= 2
    text = audit_text(result, 80)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "Every invariance that a measure is said to have holds here." in text
    assert "BatchNorm ×2: no layer is followed by a BatchNorm alone." in text


def test_a_claim_that_does_not_hold_is_said(result):
    network = json.loads(json.dumps(finite(result)))["networks"][0]
    cell(network, "top_eigenvalue", "layer_10")["claimed"] = True
    (sentence,) = contradictions(network)
    assert "top eigenvalue is said not to change under layer ×10" in sentence


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((2.0, 1e-3), (2.0015, 1e-3), "invariant"),
        ((2.0, 1e-3), (2.0025, 1e-3), "moved"),
        ((2.0, 0.5), (2.1, 0.5), "unresolved"),
        ((2.0, 0.5), (2.0, 0.5), "invariant"),
        ((0.0, 0.0), (1.0, 0.0), "moved"),
        ((None, None), (1.0, 0.1), None),
    ],
)
def test_invariant_only_within_its_own_error(before, after, verdict):
    found = compared(*(Measurement(value, error, reason="why") for value, error in (before, after)))
    assert found["verdict"] == verdict
    assert (found["reason"] == "why") == (verdict is None)


def test_random_errors_reach_three_times_as_far():
    def at(value, error):
        return Measurement(value, error, "standard error")

    assert compared(at(2.0, 0.1), at(2.4, 0.1))["verdict"] == "unresolved"
    assert compared(at(2.0, 0.1), at(2.5, 0.1))["verdict"] == "moved"
    assert compared(at(2.0, 0.001), at(2.0015, 0.001))["verdict"] == "invariant"


def one(model, name="net"):
    x = torch.randn(12, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    problem = Problem(model.double(), "cross_entropy", (x, torch.arange(12) % 3))
    return OneMinimum(Minimum(problem, problem.theta), name, "made for this test", 3, {})


def test_smooth_networks_are_permuted_and_scaled_only():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 5), nn.Tanh(), nn.Linear(5, 3))
    (network,) = audit([one(model)], AuditSettings(("weight_norm", "path_norm")))["networks"]
    done = {each["key"]: each["reason"] for each in network["transformations"]}
    assert "tanh is not positively homogeneous" in done["layer_2"]
    assert done["permutation"] == done["logits_2"] == ""
    assert cell(network, "path_norm", "permutation")["verdict"] is None
    assert "tanh" in cell(network, "path_norm", "permutation")["reason"]


def test_attention_and_unknown_measures_are_refused():
    from landscape.models import build_model

    model = build_model("vit", (3, 8, 8), 3, options={"dim": 8, "depth": 1, "heads": 2})
    with pytest.raises(ProblemError, match=r"tiny cannot be audited: attention \(softmax\)"):
        audit([one(model, "tiny")], AuditSettings(("weight_norm",)))
    with pytest.raises(UsageError, match="fisher_rao"):
        AuditSettings(("fisher_raoo",))
