"""Second moments: Adam's own, RMSProp's, and the one kept beside everything else."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from landscape.randomness import derive_seed
from landscape.training import OptimizerState, TrainingConfig, second_moment, train


def gradients_along(model, dataset, optimizer, *, epochs, batch, clip=None):
    """Train plainly, giving the flat mini-batch gradient of every step."""
    x, y = (each.to(next(model.parameters()).device) for each in dataset.train)
    for epoch in range(epochs):
        generator = torch.Generator().manual_seed(derive_seed(0, "data order", epoch))
        for rows in torch.randperm(len(x), generator=generator).split(batch):
            optimizer.zero_grad()
            cross_entropy(model(x[rows]), y[rows]).backward()
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            yield torch.cat([each.grad.flatten() for each in model.parameters()])
            optimizer.step()


@pytest.mark.parametrize("clip", [None, 0.2])
def test_the_shadow_is_adams_v_on_the_same_gradients(make_mlp, clusters, clip, device):
    config = TrainingConfig("sgd", 0.05, epochs=3, batch_size=40, clip_norm=clip)
    result = train(make_mlp(), cross_entropy, clusters, config, device=device)
    model = make_mlp().to(device)
    sgd = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)
    vector = torch.zeros(163, requires_grad=True)
    adam = torch.optim.Adam([vector], lr=0.0)
    for gradient in gradients_along(model, clusters, sgd, epochs=3, batch=40, clip=clip):
        vector.grad = gradient.cpu()
        adam.step()
    moment = second_moment(result.end.optimizer)
    assert torch.allclose(moment.value, adam.state[vector]["exp_avg_sq"], rtol=1e-5, atol=1e-12)
    assert (moment.step, moment.beta2, moment.eps) == (12, 0.999, 1e-8)
    assert "beside sgd" in moment.source


def test_the_shadow_changes_nothing(make_mlp, clusters):
    config = TrainingConfig("sgd", 0.05, epochs=3, batch_size=40)
    model, plain = make_mlp(), make_mlp()
    train(model, cross_entropy, clusters, config, device="cpu")
    sgd = torch.optim.SGD(plain.parameters(), lr=0.05, momentum=0.9, fused=True)
    for _ in gradients_along(plain, clusters, sgd, epochs=3, batch=40):
        pass
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), plain.parameters(), strict=True))


@pytest.mark.parametrize(
    ("name", "key", "beta2", "step"),
    [("adam", "exp_avg_sq", 0.99, 9), ("adamw", "exp_avg_sq", 0.99, 9), ("rmsprop", "square_avg", 0.99, 0)],
)
def test_own_second_moments_are_torchs(make_mlp, clusters, name, key, beta2, step):
    options = {"alpha": 0.99, "eps": 1e-6} if name == "rmsprop" else {"betas": "0.9,0.99", "eps": 1e-6}
    config = TrainingConfig(name, 0.01, options, epochs=3, batch_size=50)
    state = train(make_mlp(), cross_entropy, clusters, config, device="cpu").end.optimizer
    model = make_mlp()
    build = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}[name]
    typed = {"alpha": 0.99} if name == "rmsprop" else {"betas": (0.9, 0.99), "fused": True}
    optimizer = build(model.parameters(), lr=0.01, eps=1e-6, **typed)
    for _ in gradients_along(model, clusters, optimizer, epochs=3, batch=50):
        pass
    expected = torch.cat([optimizer.state[each][key].flatten() for each in model.parameters()])
    moment = second_moment(state)
    assert torch.equal(moment.value, expected)
    assert (moment.beta2, moment.step, moment.eps) == (beta2, step, 1e-6)
    assert "shadow_exp_avg_sq" not in state.tensors
    assert state.step == 9


def test_there_is_none_before_the_first_step():
    assert second_moment(OptimizerState("adam", {}, 0.1, 0, {})) is None


def test_a_parameter_that_is_one_number_is_not_taken_for_a_counter(clusters):
    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(1.0))
            self.layer = torch.nn.Linear(6, 3)

        def forward(self, x):
            return self.scale * self.layer(x)

    config = TrainingConfig("adam", 0.01, epochs=1)
    state = train(Scaled(), cross_entropy, clusters, config, device="cpu").end.optimizer
    assert {name: len(each) for name, each in state.tensors.items()} == {"exp_avg": 22, "exp_avg_sq": 22}


def test_a_parameter_without_gradients_has_zeros(make_mlp, clusters):
    class Unused(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.idle = torch.nn.Parameter(torch.ones(5))
            self.used = make_mlp()

        def forward(self, x):
            return self.used(x)

    for name in ("sgd", "adam"):
        model = Unused()
        config = TrainingConfig(name, 0.01, {"weight_decay": 0.5}, epochs=2)
        state = train(model, cross_entropy, clusters, config, device="cpu").end.optimizer
        assert torch.equal(model.idle, torch.ones(5))
        moment = second_moment(state).value
        assert len(moment) == 168
        assert not moment[:5].any()
        assert moment[5:].any()
