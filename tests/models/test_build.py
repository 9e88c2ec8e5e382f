import pytest
import torch
from torch import nn

from landscape.data import DataSet
from landscape.errors import UsageError
from landscape.models import build_model, check_outputs
from landscape.registry import models


def parameters(name="cnn", **arguments):
    model = build_model(name, (1, 8, 8), 10, **arguments)
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.fixture
def user(tmp_path):
    """Return a function that builds the model of a file with the given code, which defines make."""

    def build(code, **arguments):
        file = tmp_path / f"model{len(list(tmp_path.iterdir()))}.py"
        file.write_text(f"import torch\nfrom torch import nn\n{code}")
        return build_model(f"{file}:make", (1, 8, 8), 10, **arguments)

    return build


def test_the_same_seed_gives_the_same_weights():
    assert torch.equal(parameters(seed=3), parameters(seed=3))
    assert not torch.equal(parameters(seed=3), parameters(seed=4))


def test_torchs_random_state_is_neither_used_nor_changed():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = parameters(seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    assert torch.equal(parameters(seed=3), first)


def test_options_arrive_as_strings_or_values():
    for widths in ("30,20", [30, 20], (30, 20)):
        model = build_model("mlp", (1, 8, 8), 10, options={"widths": widths, "activation": "relu"})
        assert [each.out_features for each in model if isinstance(each, nn.Linear)] == [30, 20, 10]
        assert sum(isinstance(each, nn.ReLU) for each in model) == 2


@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet20", "resnet18", "vgg11", "vit"])
def test_unknown_options(name):
    known = {"mlp": "widths", "cnn": "channels", "vit": "depth"}.get(name, "norm")
    with pytest.raises(UsageError, match=rf"Model '{name}' has no option '{known}x'. Did you mean '{known}'\?"):
        build_model(name, (3, 32, 32), 10, options={f"{known}x": 1})


def test_shapes_are_no_options():
    with pytest.raises(UsageError, match="no option 'num_outputs'"):
        build_model("mlp", (1, 8, 8), 10, options={"num_outputs": 3})


def test_unknown_names():
    with pytest.raises(UsageError, match=r"no model 'resnet2'. Did you mean 'resnet20'\?"):
        build_model("resnet2", (1, 8, 8), 10)


@pytest.mark.parametrize("name", [entry.name for entry in models.entries() if ":" not in entry.name])
def test_every_model_has_a_line_that_names_its_options(name):
    assert "=" in models[name].summary


def test_a_users_factory_gets_what_its_signature_names(user):
    assert user("def make(): return nn.Linear(3, 4)").out_features == 4
    assert user("def make(num_outputs): return nn.Linear(3, num_outputs)").out_features == 10
    code = "def make(input_shape, num_outputs, width: int = 3): return nn.Linear(input_shape[1] * width, num_outputs)"
    assert user(code, options={"width": "5"}).in_features == 40
    code = "class make(nn.Linear):\n    def __init__(self, width: int = 2): super().__init__(width, 3)"
    assert user(code, options={"width": "5"}).in_features == 5


def test_a_users_factory_is_seeded_too(user):
    one, same, other = (user("def make(): return nn.Linear(3, 4)", seed=seed).weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def make(): raise ValueError('no such width')", r"model0.py:make raised ValueError: no such width"),
        ("raise KeyError('oh')", r"model0.py raised KeyError: 'oh'"),
        ("def make(): return 3", r"model0.py:make returned a int; it must return a torch.nn.Module"),
        ("make = nn.Linear(3, 4)", r"is a Linear, not a function"),
        ("make = 7", r"is a int, not a function"),
        ("def make(path): return path", r"missing 1 required positional argument: 'path'"),
        ("def mke(): return nn.Linear(3, 4)", r"has no 'make'. Did you mean 'mke'\?"),
    ],
)
def test_what_a_users_file_does_wrong_is_said(user, code, message):
    with pytest.raises(UsageError, match=message):
        user(code)


def test_unknown_option_of_a_users_factory(user):
    with pytest.raises(UsageError, match=r"no option 'widht'. Did you mean 'width'\?"):
        user("def make(width: int = 3): return nn.Linear(3, width)", options={"widht": 2})


def dataset(x, y, num_classes):
    return DataSet("mine", (x, y), (x, y), num_classes)


FOUR_CLASSES = dataset(torch.randn(8, 5), torch.arange(8) % 4, 4)


@pytest.mark.parametrize("outputs", [4, 9])
def test_enough_outputs(outputs):
    check_outputs(nn.Linear(5, outputs), FOUR_CLASSES)


def test_more_classes_than_outputs():
    with pytest.raises(UsageError, match="mine has 4 classes but the model has 3 outputs"):
        check_outputs(nn.Linear(5, 3), FOUR_CLASSES)


def test_regression_needs_as_many_outputs():
    data = dataset(torch.randn(8, 5), torch.randn(8, 2), None)
    check_outputs(nn.Linear(5, 2), data)
    with pytest.raises(UsageError, match=r"mine has 2 numbers to predict .* \(3,\)"):
        check_outputs(nn.Linear(5, 3), data)


def test_inputs_that_do_not_fit():
    found = r"cannot take inputs of shape \(5,\): RuntimeError: .*\. They are those of mine: give"
    with pytest.raises(UsageError, match=found):
        check_outputs(nn.Linear(6, 4), FOUR_CLASSES)


def test_outputs_that_are_no_tensor():
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    with pytest.raises(UsageError, match="it returned tuple"):
        check_outputs(Pair(), FOUR_CLASSES)


def test_the_model_stays_as_it_was():
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Dropout()).double()
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    check_outputs(model, FOUR_CLASSES)
    assert [each.training for each in model] == [True, False, True]
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
