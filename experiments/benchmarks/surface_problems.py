"""The fixed problems of the surface benchmark, made once; loading needs only torch, so that every environment can."""

from dataclasses import dataclass, replace
from pathlib import Path

import problems
import torch
from problems import CACHE, load, make
from torch import Tensor, nn
from torch.nn import functional as F

RESNET = "surface-resnet20"
problems.RECIPES[RESNET] = replace(problems.RECIPES["resnet20"], examples=2048, epochs=8)


@dataclass(frozen=True)
class Sliced:
    """A trained network and the examples that its loss is sliced over."""

    title: str
    model: nn.Module
    x: Tensor
    y: Tensor
    batch: int


def digits_cnn() -> nn.Module:
    """Return the ``cnn`` of this package, which peers' environments do not have."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 10)
    )


def prepare(name: str) -> None:
    """Train the network of a problem where that has not been done; needs this package's environment."""
    if name != "digits-cnn":
        make(RESNET)
        return
    from landscape.data import load_dataset

    path = _digits_file()
    if path.exists():
        return
    x, y = load_dataset("digits").train
    model = digits_cnn()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    order = torch.Generator().manual_seed(0)
    for _ in range(15):
        for chosen in torch.randperm(len(x), generator=order).split(64):
            optimizer.zero_grad()
            F.cross_entropy(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state": model.state_dict(), "x": x, "y": y}, path)


def sliced(name: str, examples: int) -> Sliced:
    """Return a problem that was made before, on its first examples."""
    if name == "digits-cnn":
        kept = torch.load(_digits_file(), weights_only=True)
        model = digits_cnn()
        model.load_state_dict(kept["state"])
        x, y = kept["x"][:examples], kept["y"][:examples]
        return Sliced(f"CNN on {len(x):,} digits", model.eval(), x, y, len(x))
    loaded = load(RESNET)
    x, y = loaded.x[:examples], loaded.y[:examples]
    return Sliced(f"ResNet-20 on {len(x):,} images of {loaded.dataset}", loaded.model.eval(), x, y, 64)


def _digits_file() -> Path:
    return CACHE / "problems" / "surface-digits-cnn.pt"
