import re

import pytest
import torch

from landscape.data import load_dataset
from landscape.errors import ProblemError, UsageError

HEADER = """
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset
from landscape.data import DataSet

x, y = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 3
"""


@pytest.fixture
def user(tmp_path):
    """Return a function that loads the data of a file with the given code, which defines make()."""

    def load(code, **arguments):
        file = tmp_path / f"data{len(list(tmp_path.iterdir()))}.py"
        file.write_text(HEADER + code)
        return load_dataset(f"{file}:make", **arguments)

    return load


FORMS = {
    "DataSet": "DataSet('mine', (x, y), (x[:6], y[:6]), 3)",
    "tensors": "(x, y), (x[:6], y[:6])",
    "lists": "[[x, y], [x[:6], y[:6]]]",
    "arrays": "(x.double().numpy(), y.numpy().astype('int32')), (x[:6].numpy(), y[:6].numpy().astype('uint8'))",
    "datasets": "TensorDataset(x, y), TensorDataset(x[:6], y[:6])",
    "loaders": "DataLoader(TensorDataset(x, y), batch_size=7), DataLoader(TensorDataset(x[:6], y[:6]))",
    "generators": "((x[i:i+7], y[i:i+7]) for i in range(0, 30, 7)), [(x[:6], y[:6])]",
    "two batches": "[(x[:20], y[:20]), (x[20:], y[20:])], [(x[:3], y[:3]), (x[3:6], y[3:6])]",
    "examples": "Pairs(30), Pairs(6)",
}
PAIRS = """
class Pairs(Dataset):
    def __init__(self, count): self.count = count
    def __len__(self): return self.count
    def __getitem__(self, i): return x[i].numpy(), int(y[i])
"""


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_every_form_gives_the_same_tensors(user, form):
    data = user(f"{PAIRS}\ndef make(): return {form}")
    x = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(data.train[0], x)
    assert torch.equal(data.test[0], x[:6])
    assert data.train[1].tolist() == [0, 1, 2] * 10
    assert data.test[1].tolist() == [0, 1, 2] * 2
    assert (data.train[0].dtype, data.train[1].dtype, data.test[1].dtype) == (torch.float32, torch.int64, torch.int64)
    assert (data.num_classes, data.num_outputs, data.input_shape) == (3, 3, (4,))


def test_floating_point_targets_are_regression(user):
    data = user("def make(): return (x, x.sum(1).double()), (x[:6], x[:6].sum(1).double())")
    assert data.num_classes is None
    assert data.train[1].shape == (30, 1)
    assert data.train[1].dtype == torch.float32


def test_tokens_stay_whole_numbers_and_bytes_become_numbers(user):
    data = user("def make(): return ((10 * x).long(), y), ((10 * x).long(), y)")
    assert data.train[0].dtype == torch.int64
    data = user("def make(): return (x.byte(), y), (x.byte(), y)")
    assert data.train[0].dtype == torch.float32


def test_size_noise_and_options_apply(user):
    code = "def make(scale: float = 1.0): return (scale * x, y), (scale * x, y)"
    plain = user(code)
    data = user(code, train_examples=6, label_noise=0.5, options={"scale": "2"})
    assert len(data.train[1]) == 6
    assert torch.equal(data.test[0], 2 * plain.test[0])
    clean = user(code, train_examples=6)
    assert clean.train[1].bincount().tolist() == [2, 2, 2]
    assert int((clean.train[1] != data.train[1]).sum()) == 3
    with pytest.raises(UsageError, match=r"no option 'scal'. Did you mean 'scale'\?"):
        user(code, options={"scal": 2})


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("def make(): raise RuntimeError('no disk')", UsageError, r"data0.py:make raised RuntimeError: no disk"),
        ("def make(): return 3", UsageError, "returned a int.*must return a landscape.data.DataSet"),
        ("def make(): return (x, y), 5", UsageError, "returned a int as training or test set"),
        ("def make(): return (x, y), []", UsageError, "without examples"),
        ("def make(): return (x[:0], y[:0]), (x, y)", ProblemError, "training set of .* has no examples"),
        ("def make(): return (x, y[:9]), (x, y)", UsageError, "30 inputs but 9 targets"),
        ("def make(): return (x, y - 1), (x, y)", UsageError, "labels from -1 to 1"),
        ("def make(): return (x, y[:, None]), (x, y)", UsageError, r"labels of shape \(30, 1\)"),
        ("def make(): return (x, y), (x, y.float())", UsageError, "int64 training targets but torch.float32 test"),
        ("def make(): return (x, y), (x[:, :2], y)", UsageError, r"shape \(4,\) in the training set but \(2,\)"),
        ("def make(): return (x / 0, y), (x, y)", ProblemError, "NaN or infinite"),
        ("def make(): return (x, y / 0.), (x, y / 1.)", ProblemError, "NaN or infinite"),
        ("def make(): return DataSet('m', (x, y), (x, y), 2), ", UsageError, "returned a tuple"),
        ("def make(): return DataSet('m', (x, y), (x, y), 2)", UsageError, "labels from 0 to 2; with 2 classes"),
        ("def make(): return DataSet('m', (x, y), (x, y), None)", UsageError, "regression targets of shape"),
        ("def make(): return [(x, y, y)], [(x, y)]", UsageError, r"batches that are not \(x, y\)"),
        ("make = (x, y), (x, y)", UsageError, "is a tuple, not a function"),
        ("def make(path): return path", UsageError, "missing 1 required positional argument: 'path'"),
    ],
)
def test_what_cannot_be_used_is_said(user, code, error, message):
    with pytest.raises(error, match=re.compile(message, re.DOTALL)):
        user(code)


def test_unknown_names_are_refused_with_a_suggestion():
    with pytest.raises(UsageError, match=r"no data set 'digit'. Did you mean 'digits'\?"):
        load_dataset("digit")
    with pytest.raises(UsageError, match="'first' or 'balanced', not 'last'"):
        load_dataset("digits", subset="last")
