"""Cases by the loss and by what a batch looks like."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from any_model import Case, rows, sequences
from any_model_networks import mlp
from torch import nn
from torch.nn import functional as F

WEIGHTS = torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64)


def numbers():
    x, _ = rows()
    return x, torch.sin(x[:, :3])


def with_ignored():
    x, y = rows()
    return x, torch.where(torch.arange(9) % 3 == 1, -100, y)


def positions():
    """A class for every position, some of them padding."""
    x, _ = sequences()
    y = torch.arange(36).view(9, 4) % 3
    return x, torch.where(torch.arange(4) < (torch.arange(9) % 4 + 1)[:, None], y, -100)


class ByPosition(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))

    def forward(self, x):
        return self.layers(x).transpose(1, 2)


class Stateful(nn.Module):
    """A loss with a parameter, a running mean and a counter of its own."""

    def __init__(self):
        super().__init__()
        self.temperature = nn.Parameter(torch.tensor(0.7, dtype=torch.float64))
        self.register_buffer("center", torch.full((3,), 0.1, dtype=torch.float64))
        self.calls = 0

    def forward(self, outputs, targets):
        self.calls += 1
        self.center.mul_(0.9).add_(0.1 * outputs.detach().mean(0))
        return F.cross_entropy((outputs - 0.1) / self.temperature, targets)


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.classes, self.number = nn.Linear(5, 4), nn.Linear(4, 3), nn.Linear(4, 1)

    def forward(self, x):
        h = self.trunk(x).tanh()
        return {"classes": self.classes(h), "number": self.number(h)[:, 0]}


def two_targets():
    x, y = rows()
    return x, {"classes": y, "number": x[:, 0]}


def both_heads(outputs, targets):
    return F.cross_entropy(outputs["classes"], targets["classes"]) + F.mse_loss(outputs["number"], targets["number"])


def one_head(outputs, targets):
    return F.cross_entropy(outputs["classes"], targets["classes"])


def cubes(outputs, targets):
    return (outputs - targets).abs().pow(3).mean()


def linear(outputs, targets):
    return (outputs * targets).sum(1).mean()


@dataclass
class Output:
    loss: torch.Tensor
    logits: torch.Tensor


class LossInside(nn.Module):
    """A model that returns its own loss in a dataclass, as those of Hugging Face do."""

    def __init__(self):
        super().__init__()
        self.inner = mlp()

    def forward(self, x, y):
        logits = self.inner(x)
        return Output(F.cross_entropy(logits, y), logits)


def as_dict():
    x, y = rows()
    return {"x": x, "y": y}


class Pair(NamedTuple):
    x: torch.Tensor
    y: torch.Tensor


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = mlp()

    def forward(self, pair):
        a, b = pair
        return self.inner(a + b.square())


def nested():
    x, y = rows()
    return (x, x.flip(1)), y


def of(criterion):
    return lambda model, batch: criterion(model(batch[0]), batch[1])


def own_loss(model, batch):
    return model(**batch).loss


smooth = nn.CrossEntropyLoss(label_smoothing=0.1)
weighted = nn.CrossEntropyLoss(weight=WEIGHTS)
both = nn.CrossEntropyLoss(weight=WEIGHTS, label_smoothing=0.1)
LOSSES = {
    "cross entropy": Case(mlp, rows, nn.CrossEntropyLoss()),
    "function of torch": Case(mlp, rows, F.cross_entropy),
    "summed cross entropy": Case(
        mlp, rows, nn.CrossEntropyLoss(reduction="sum"), notes=("sums; it is divided by the number of examples",)
    ),
    "summed squares": Case(
        mlp, numbers, nn.MSELoss(reduction="sum"), lambda m, b: (m(b[0]) - b[1]).square().sum() / 9, notes=("sums",)
    ),
    "squares over outputs too": Case(mlp, numbers, nn.MSELoss(), of(nn.MSELoss())),
    "half squares": Case(mlp, numbers, "half_squared", lambda m, b: 0.5 * (m(b[0]) - b[1]).square().sum(1).mean()),
    "label smoothing": Case(mlp, rows, smooth, of(smooth)),
    "class weights": Case(mlp, rows, weighted, of(weighted), notes=("weights of classes",)),
    "class weights and smoothing": Case(mlp, rows, both, of(both)),
    "ignored targets": Case(
        mlp, with_ignored, nn.CrossEntropyLoss(), notes=("batches count by what their mean is over (6 in all)",)
    ),
    "ignored targets by name": Case(mlp, with_ignored, "cross_entropy"),
    "nll with weights": Case(
        lambda: nn.Sequential(mlp(), nn.LogSoftmax(1)), rows, nn.NLLLoss(WEIGHTS), of(nn.NLLLoss(WEIGHTS))
    ),
    "padded positions": Case(lambda: ByPosition().double(), positions, nn.CrossEntropyLoss()),
    "weighted logistic": Case(
        mlp,
        lambda: (rows()[0], (numbers()[1] > 0).double()),
        nn.BCEWithLogitsLoss(pos_weight=WEIGHTS),
        of(nn.BCEWithLogitsLoss(pos_weight=WEIGHTS)),
    ),
    "a loss with state": Case(
        mlp, rows, Stateful(), lambda m, b: F.cross_entropy((m(b[0]) - 0.1) / 0.7, b[1]), notes=("no part of theta",)
    ),
    "two heads": Case(lambda: TwoHeads().double(), two_targets, both_heads, of(both_heads)),
    "the model's own loss": Case(LossInside, as_dict, own_loss, own_loss),
    "named tuples": Case(mlp, lambda: Pair(*rows()), lambda model, batch: F.cross_entropy(model(batch.x), batch.y)),
    "nested tuples": Case(TwoInputs, nested),
    "custom criterion": Case(mlp, numbers, cubes, of(cubes)),
    "linear loss": Case(lambda: nn.Linear(5, 3).double(), numbers, linear, of(linear)),
    "an ignored parameter": Case(
        lambda: TwoHeads().double(), two_targets, one_head, of(one_head), notes=("do not enter the loss",)
    ),
}
