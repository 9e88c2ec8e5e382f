"""Every optimizer does what torch's own does, step by step."""

from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy

from landscape.errors import UsageError
from landscape.randomness import derive_seed
from landscape.registry import optimizers
from landscape.training import TrainingConfig, training_steps
from landscape.training.optimizer_definition import optimizer_definition, resolve_options

FUSED = {"sgd", "heavy_ball", "nesterov", "adam", "adamw"}
CASES = [
    ("sgd", {}, torch.optim.SGD, {"momentum": 0.9}),
    ("sgd", {"momentum": "0"}, torch.optim.SGD, {}),
    (
        "sgd",
        {"momentum": "0.8", "nesterov": "true", "weight_decay": "0.01"},
        torch.optim.SGD,
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
    ),
    ("sgd", {"dampening": 0.5}, torch.optim.SGD, {"momentum": 0.9, "dampening": 0.5}),
    ("adam", {}, torch.optim.Adam, {}),
    (
        "adam",
        {"betas": "0.8,0.95", "eps": "1e-6", "weight_decay": "0.1"},
        torch.optim.Adam,
        {"betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1},
    ),
    ("adamw", {"weight_decay": 0.1}, torch.optim.AdamW, {"weight_decay": 0.1}),
    (
        "rmsprop",
        {"alpha": "0.9", "momentum": 0.5, "weight_decay": 0.01},
        torch.optim.RMSprop,
        {"alpha": 0.9, "momentum": 0.5, "weight_decay": 0.01},
    ),
    ("rmsprop", {"centered": "true"}, torch.optim.RMSprop, {"centered": True}),
    ("heavy_ball", {"momentum": 0.8}, torch.optim.SGD, {"momentum": 0.8}),
    ("nesterov", {"weight_decay": 0.1}, torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("nadam", {"betas": "0.8,0.95"}, torch.optim.NAdam, {"betas": (0.8, 0.95)}),
    ("radam", {"betas": "0.8,0.95"}, torch.optim.RAdam, {"betas": (0.8, 0.95)}),
    ("adagrad", {"lr_decay": 0.1}, torch.optim.Adagrad, {"lr_decay": 0.1}),
    ("torch:NAdam", {"momentum_decay": "0.01"}, torch.optim.NAdam, {"momentum_decay": 0.01}),
    ("torch:Adafactor", {"eps": "none,1e-3"}, torch.optim.Adafactor, {"eps": (None, 1e-3)}),
    ("torch.optim:Adamax", {"betas": [0.8, 0.9]}, torch.optim.Adamax, {"betas": (0.8, 0.9)}),
]


def plain(make_model, dataset, optimizer_class, options, *, epochs, batch, device, clip=None, seed=0):
    """Train as a tutorial would, on the data order that the seed stands for."""
    model = make_model().to(device)
    optimizer = optimizer_class(model.parameters(), **options)
    trajectory = []
    x, y = (each.to(device) for each in dataset.train)
    for epoch in range(epochs):
        generator = torch.Generator().manual_seed(derive_seed(seed, "data order", epoch))
        for rows in torch.randperm(len(x), generator=generator).split(batch):
            optimizer.zero_grad()
            cross_entropy(model(x[rows]), y[rows]).backward()
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
        trajectory.append([each.detach().clone() for each in model.parameters()])
    return trajectory


def ours(make_model, dataset, config, device):
    views = training_steps(make_model(), cross_entropy, dataset, config, device=device)
    return [[each.detach().clone() for each in view.model.parameters()] for view in views][1:]


def same_bits(got, wanted, device):
    """Say whether the weights are the same: a GPU may add up in another order each time."""
    equal = torch.equal if device.type == "cpu" else partial(torch.allclose, rtol=1e-4, atol=1e-6)
    return all(equal(a, b) for a, b in zip(got, wanted, strict=True))


@pytest.mark.parametrize(("name", "given", "reference", "options"), CASES)
def test_every_epoch_equals_torch_used_plainly(make_mlp, clusters, name, given, reference, options, device):
    # batches of 70 of 150 examples, so that the last one is uneven
    config = TrainingConfig(name, 0.01, given, batch_size=70, epochs=4)
    options = {"lr": 0.01, **options}
    implementation = {"fused": True} if name in FUSED else {}
    how = {"epochs": 4, "batch": 70, "device": device}
    expected = plain(make_mlp, clusters, reference, {**options, **implementation}, **how)
    default = plain(make_mlp, clusters, reference, options, **how)
    for got, fused, looped in zip(ours(make_mlp, clusters, config, device), expected, default, strict=True):
        assert same_bits(got, fused, device)
        assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(got, looped, strict=True))


def test_clipping_equals_torch(make_mlp, clusters, device):
    config = TrainingConfig("sgd", 0.5, batch_size=50, epochs=3, clip_norm=0.1)
    options = {"lr": 0.5, "momentum": 0.9, "fused": True}
    expected = plain(make_mlp, clusters, torch.optim.SGD, options, epochs=3, batch=50, clip=0.1, device=device)
    for got, wanted in zip(ours(make_mlp, clusters, config, device), expected, strict=True):
        assert same_bits(got, wanted, device)


def test_a_registered_optimizer_names_its_defaults():
    assert optimizers["sgd"].value.defaults == {"momentum": 0.9}
    assert resolve_options("sgd", 0.1, {})["momentum"] == 0.9
    assert resolve_options("sgd", 0.1, {"momentum": 0})["momentum"] == 0
    assert resolve_options("adam", 0.1, {}) == {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0}


@pytest.mark.parametrize("name", [each.name for each in optimizers.entries() if "NAME" not in each.name])
def test_every_registered_optimizer_lowers_the_loss(make_mlp, clusters, name, device):
    batch = None if optimizers[name].value.full_batch else 25
    # RAdam begins as gradient descent, Shampoo's steps are small
    lr = {"lbfgs": 0.1, "radam": 0.05, "shampoo": 0.1}.get(name, 0.01)
    config = TrainingConfig(name, lr, epochs=5, batch_size=batch)
    views = training_steps(make_mlp(), cross_entropy, clusters, config, device=device)
    losses = [view.row.train_loss for view in views]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sgdd", {}, "Did you mean 'sgd'"),
        ("torch:Adamm", {}, "Did you mean 'Adam'"),
        ("torch:SparseAdam", {}, "dense gradients"),
        ("math:pi", {}, "no optimizer"),
        ("collections:OrderedDict", {}, "OrderedDict"),
        ("sgd", {"momentun": 0.9}, "Did you mean 'momentum'"),
        ("sgd", {"lr": 0.1}, "--lr"),
        ("sgd", {"foreach": True}, "no option 'foreach'"),
        ("sgd", {"momentum": 1.0}, "at least 0 and below 1"),
        ("sgd", {"momentum": "nan"}, "finite"),
        ("sgd", {"momentum": True}, "number"),
        ("sgd", {"nesterov": "perhaps"}, "true or false"),
        ("sgd", {"nesterov": "true", "momentum": 0}, "Nesterov"),
        ("sgd", {"weight_decay": -0.1}, "weight_decay"),
        ("adam", {"betas": "0.9"}, "2 numbers"),
        ("adam", {"betas": "0.9,1"}, "betas of 'adam' must be at least 0 and below 1; it is 0.9,1"),
        ("adam", {"eps": -1}, "eps of 'adam' must be at least 0; it is -1"),
        ("adamw", {"weight_decay": -1}, "weight_decay"),
        ("heavy_ball", {"momentum": -0.1}, "momentum"),
        ("heavy_ball", {"nesterov": True}, "no option 'nesterov'"),
        ("nesterov", {"momentum": 0}, "momentum"),
        ("nadam", {"momentum_decay": -1}, "momentum_decay"),
        ("radam", {"betas": "1,0.9"}, "betas"),
        ("adagrad", {"lr_decay": -1}, "lr_decay"),
        ("adagrad", {"initial_accumulator_value": -1}, "initial_accumulator_value"),
        ("muon", {"ns_steps": 100}, "ns_steps of 'muon' must be at least 1 and below 100"),
        ("muon", {"momentum": 1}, "momentum"),
        ("muon", {"adjust_lr_fn": "other"}, "other"),
        ("sam", {"rho": -0.1}, "rho of 'sam' must be at least 0"),
        ("sam", {"normalize": "maybe"}, "true or false"),
        ("sam", {"base": "sgdd"}, "Did you mean 'sgd'"),
        ("sam", {"base": "sam"}, "one gradient a step"),
        ("sam", {"base": "lbfgs"}, "one gradient a step"),
        ("sam", {"base": "adam", "betas": "0.9,2"}, "betas of 'adam'"),
        ("sam", {"roh": 0.1}, "Options of sam itself: rho, normalize, base"),
        ("asam", {"eta": -1}, "eta"),
        ("lion", {"betas": "0.9,1.5"}, "betas"),
        ("soap", {"precondition_frequency": 0}, "precondition_frequency"),
        ("shampoo", {"momentum": 2}, "momentum"),
        ("lbfgs", {}, "full batch"),
        ("adam", {"betas": "0.9,nan"}, "finite"),
        ("adam", {"eps": "inf"}, "finite"),
        ("adam", {"eps": "small"}, "a number"),
        ("rmsprop", {"alpha": 1}, "below 1"),
        ("adam", {"amsgrad": True}, "no option 'amsgrad'"),
    ],
)
def test_bad_optimizers_are_refused_before_anything_runs(name, options, message):
    with pytest.raises(UsageError, match=message):
        TrainingConfig(name, 0.1, options, epochs=1)


def test_an_optimizer_of_the_users_own_works(tmp_path, make_mlp, clusters):
    path = tmp_path / "signs.py"
    path.write_text(
        "import torch\n"
        "class SignSGD(torch.optim.Optimizer):\n"
        "    def __init__(self, params, lr=0.1, scale=1.0, flip=False, *, power):\n"
        "        super().__init__(params, dict(lr=lr, scale=scale, flip=flip, power=power))\n"
        "    def step(self):\n"
        "        with torch.no_grad():\n"
        "            for group in self.param_groups:\n"
        "                for p in group['params']:\n"
        "                    p -= group['lr'] * group['scale'] * p.grad.sign()\n"
    )
    name = f"{path}:SignSGD"
    config = TrainingConfig(name, 0.01, {"scale": "0.5", "power": "2"}, epochs=2)
    assert config.optimizer_options == {"scale": 0.5, "flip": False, "power": 2}
    views = list(training_steps(make_mlp(), cross_entropy, clusters, config, device="cpu"))
    assert views[-1].row.train_loss < views[0].row.train_loss
    with pytest.raises(UsageError, match="needs a value for: power"):
        TrainingConfig(name, 0.01, epochs=1)


def test_a_users_definition_is_taken_as_it_is(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        "import torch\n"
        "from landscape.training.optimizer_definition import OptimizerDefinition\n"
        "MINE = OptimizerDefinition(build=torch.optim.SGD, defaults={'momentum': 0.5})\n"
    )
    assert optimizer_definition(f"{path}:MINE").defaults == {"momentum": 0.5}
