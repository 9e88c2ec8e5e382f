"""Optimizers that ask for several gradients a step: SAM, ASAM, L-BFGS; and Muon, which is made of two."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from landscape.errors import UsageError
from landscape.randomness import derive_seed
from landscape.training import TrainingConfig, training_steps


def final(model, dataset, config, dtype=torch.float64, device="cpu"):
    for view in training_steps(model, cross_entropy, dataset, config, device=device, dtype=dtype):
        last = view
    return torch.cat([each.detach().flatten() for each in last.model.parameters()]), last


def by_hand(model, dataset, epochs, batch, step, device="cpu"):
    """Train with ``step(model, loss of the batch)``, on the data order that the seed stands for."""
    model = model.to(device, torch.float64)
    x, y = dataset.train[0].to(device, torch.float64), dataset.train[1].to(device)
    for epoch in range(epochs):
        generator = torch.Generator().manual_seed(derive_seed(0, "data order", epoch))
        for rows in torch.randperm(len(x), generator=generator).split(batch):
            step(model, lambda rows=rows: cross_entropy(model(x[rows]), y[rows]))
    return torch.cat([each.detach().flatten() for each in model.parameters()])


def gradients(model, loss):
    return torch.autograd.grad(loss(), list(model.parameters()))


@pytest.mark.parametrize("normalize", [True, False])
def test_sam_around_sgd_is_its_formula(make_mlp, clusters, normalize, device):
    def step(model, loss):
        theta = [each.detach().clone() for each in model.parameters()]
        g = gradients(model, loss)
        norm = torch.cat([each.flatten() for each in g]).norm() if normalize else 1.0
        with torch.no_grad():
            for p, each in zip(model.parameters(), g, strict=True):
                p += 0.1 * each / norm
        up = gradients(model, loss)
        with torch.no_grad():
            for p, old, each in zip(model.parameters(), theta, up, strict=True):
                p.copy_(old - 0.05 * each)

    options = {"rho": "0.1", "normalize": str(normalize).lower(), "momentum": 0}
    config = TrainingConfig("sam", 0.05, options, batch_size=70, epochs=3)
    got, _ = final(make_mlp(), clusters, config, device=device)
    torch.testing.assert_close(got, by_hand(make_mlp(), clusters, 3, 70, step, device), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("base", "reference"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)])
@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_and_asam_equal_another_library(make_mlp, clusters, base, reference, adaptive):
    library = pytest.importorskip("pytorch_optimizer")
    model = make_mlp().double()
    settings = {"lr": 0.01, **({"momentum": 0.9} if base == "sgd" else {})}
    theirs = library.SAM(model.parameters(), reference, rho=0.2, adaptive=adaptive, perturb_eps=0.0, **settings)

    def step(model, loss):
        loss().backward()
        theirs.first_step(zero_grad=True)
        loss().backward()
        theirs.second_step(zero_grad=True)

    wanted = by_hand(model, clusters, 3, 70, step)
    name, extra = ("asam", {"eta": 0}) if adaptive else ("sam", {})
    config = TrainingConfig(name, 0.01, {"rho": 0.2, "base": base, **extra}, batch_size=70, epochs=3)
    got, _ = final(make_mlp(), clusters, config)
    # the other one takes its norm in float32
    torch.testing.assert_close(got, wanted, rtol=1e-6, atol=1e-8)


def test_sam_takes_the_options_of_its_base():
    config = TrainingConfig("sam", 0.1, {"base": "adam", "betas": "0.8,0.9"}, epochs=1)
    expected = {"rho": 0.05, "normalize": True, "base": "adam", "betas": (0.8, 0.9), "eps": 1e-8, "weight_decay": 0}
    assert config.optimizer_options == expected
    assert TrainingConfig("sam", 0.1, epochs=1).optimizer_options["momentum"] == 0.9


def test_the_second_gradient_leaves_running_statistics_alone(make_noisy, clusters, device):
    config = TrainingConfig("sam", 0.01, epochs=2, batch_size=50)
    _, view = final(make_noisy(), clusters, config, device=device)
    assert int(view.model[1].num_batches_tracked) == 6


def test_clipping_holds_for_the_gradient_that_is_stepped_with(make_mlp, clusters):
    config = TrainingConfig("sam", 1.0, {"momentum": 0}, batch_size=None, steps=1, clip_norm=1e-3)
    start = torch.cat([each.detach().flatten() for each in make_mlp().double().parameters()])
    got, _ = final(make_mlp(), clusters, config)
    assert float((got - start).norm()) == pytest.approx(1e-3, rel=1e-4)


@pytest.mark.parametrize("search", ["none", "strong_wolfe"])
def test_lbfgs_equals_torch(make_mlp, clusters, search):
    line_search = None if search == "none" else search
    model = make_mlp().double()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=5, line_search_fn=line_search)
    x, y = clusters.train[0].double(), clusters.train[1]

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        return loss

    for _ in range(4):
        optimizer.step(closure)
    wanted = torch.cat([each.detach().flatten() for each in model.parameters()])
    config = TrainingConfig("lbfgs", 0.5, {"max_iter": 5, "line_search_fn": search}, batch_size=None, steps=4)
    got, view = final(make_mlp(), clusters, config)
    assert torch.equal(got, wanted)
    assert view.row.train_loss < 0.5


def test_lbfgs_chunked_is_the_same_to_rounding(make_mlp, clusters, device):
    whole = TrainingConfig("lbfgs", 0.5, {"max_iter": 5}, batch_size=None, steps=3)
    chunked = TrainingConfig("lbfgs", 0.5, {"max_iter": 5}, batch_size=None, steps=3, max_batch=37)
    a, b = (final(make_mlp(), clusters, each, device=device)[0] for each in (whole, chunked))
    torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)


def test_lbfgs_needs_the_full_batch():
    with pytest.raises(UsageError, match="full batch at each step; batch_size is 64"):
        TrainingConfig("lbfgs", 0.5, epochs=1)


def convolutional():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, (2, 2)), nn.Tanh(), nn.Flatten(), nn.Linear(8, 5), nn.Linear(5, 3)
    )


def test_muon_equals_torch_on_matrices_and_adamw_on_the_rest(clusters):
    with torch.random.fork_rng(devices=[]):
        model, ours = convolutional().double(), convolutional()
    conv, _, hidden, _, last, _ = model.parameters()
    view = nn.Parameter(conv.detach().view(4, -1))
    settings = {"lr": 0.01, "weight_decay": 0.1}
    muon = torch.optim.Muon([view, hidden], adjust_lr_fn="match_rms_adamw", **settings)
    others = [each for each in model.parameters() if each is not conv and each is not hidden]
    assert any(each is last for each in others)
    adamw = torch.optim.AdamW(others, **settings)

    def step(model, loss):
        model.zero_grad()
        loss().backward()
        view.grad = conv.grad.view(4, -1)
        muon.step()
        adamw.step()

    wanted = by_hand(model, clusters, 3, 70, step)
    config = TrainingConfig("muon", 0.01, {"weight_decay": 0.1}, batch_size=70, epochs=3)
    got, _ = final(ours, clusters, config)
    assert torch.equal(got, wanted)


def test_what_a_package_lacks_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pytorch_optimizer", None)
    with pytest.raises(UsageError, match="Type: pip install pytorch-optimizer"):
        TrainingConfig("lion", 0.1, epochs=1)
