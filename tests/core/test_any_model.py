"""Any model in one line, right against its dense Hessian in float64, and untouched afterwards."""

import random

import numpy as np
import pytest
import torch
from any_model import dense, same, snapshot
from any_model_losses import LOSSES
from any_model_networks import NETWORKS

import landscape
from landscape import Hessian, Problem

CASES = {**NETWORKS, **LOSSES}


@pytest.fixture(params=CASES, ids=str)
def case(request):
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    return CASES[request.param]


def test_matches_the_dense_hessian_and_leaves_the_model_untouched(case):
    model = case.make()
    first = next(model.parameters())
    first.grad = torch.full_like(first, 0.5)
    next(iter(model.children()), model).train(not model.training)
    before = snapshot(model)

    problem = Problem(model, case.loss, case.batches(), **case.options)
    H = Hessian(problem)
    v = torch.randn(H.shape[0], dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    Hv = H @ v
    found = landscape.measure(
        model,
        case.loss,
        case.batches(),
        options={"trace": {"rtol": 0.3}, "top_eigenvalue": {"rtol": 1e-6}},
        **case.options,
    )
    assert same(before, snapshot(model))

    exact = dense(case, model, problem.parameter_names)
    size = float((exact @ v).norm())
    assert float((Hv - exact @ v).norm()) <= 1e-9 * size
    whole = Hessian(Problem(model, case.loss, [case.data()], **case.options), product="double backward")
    assert float((whole @ v - Hv).norm()) <= 1e-11 * size
    top, trace = found.values()
    assert abs(top.value - float(torch.linalg.eigvalsh(exact)[-1])) <= top.error + 1e-9 * abs(top.value)
    assert abs(trace.value - float(exact.trace())) <= 5 * trace.error + 1e-9 * abs(trace.value)
    for words in case.notes:
        assert any(words in note for note in problem.notes), problem.notes
