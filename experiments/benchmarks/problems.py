"""The fixed problems of the benchmark; needs only torch and numpy, so that every environment can import it.

A problem is a trained network and labelled images in uneven batches. It is made once, with a fixed seed and one
thread, and kept in a file; every contender loads the same weights and the same images from there.
"""

import gzip
import hashlib
import json
import os
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

CACHE = Path(__file__).resolve().parents[2] / ".bench"


@dataclass(frozen=True)
class Recipe:
    """How a problem is made.

    Args:
        network: ``cnn`` or ``resnet20``.
        dataset: Which real images are wanted, ``fashion-mnist`` or ``cifar10``; ``synthetic`` for none.
        shape: Of one image.
        examples: How many images.
        batch_size: Of all batches but the last.
        width: Channels of the first convolution.
        epochs: Of training, in batches of 64.
        lr: Learning rate of SGD with momentum 0.9.
        density_steps: Lanczos steps of the spectral density.
    """

    network: str
    dataset: str
    shape: tuple[int, int, int]
    examples: int
    batch_size: int
    width: int
    epochs: int
    lr: float
    density_steps: int = 100


RECIPES = {
    "cnn": Recipe("cnn", "fashion-mnist", (1, 28, 28), 1000, 300, 16, 6, 0.02),
    "resnet20": Recipe("resnet20", "cifar10", (3, 32, 32), 512, 200, 16, 12, 0.05),
    "small-cnn": Recipe("cnn", "synthetic", (1, 8, 8), 50, 20, 2, 20, 0.05, density_steps=20),
    "small-resnet20": Recipe("resnet20", "synthetic", (3, 8, 8), 20, 8, 4, 5, 0.05, density_steps=20),
}


@dataclass(frozen=True)
class Loaded:
    """A problem in memory: the network in evaluation mode, and its examples."""

    name: str
    model: nn.Module
    x: Tensor
    y: Tensor
    sizes: list[int]
    dataset: str

    @property
    def batches(self) -> list[tuple[Tensor, Tensor]]:
        """The examples in uneven batches."""
        return list(zip(self.x.split(self.sizes), self.y.split(self.sizes), strict=True))

    @property
    def whole(self) -> list[tuple[Tensor, Tensor]]:
        """The examples as one batch."""
        return [(self.x, self.y)]

    @property
    def even(self) -> list[tuple[Tensor, Tensor]]:
        """The examples in equal batches: four, or two where four do not divide them."""
        size = len(self.x) // (2 if len(self.x) % 4 else 4)
        return list(zip(self.x.split(size), self.y.split(size), strict=True))


def cnn(shape: tuple[int, int, int], width: int) -> nn.Module:
    """Return two convolutions with max-pooling, then two linear layers (105,866 parameters at 28x28 and width 16)."""
    channels, height, side = shape
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * (height // 4) * (side // 4), 4 * width),
        nn.ReLU(),
        nn.Linear(4 * width, 10),
    )


class Block(nn.Module):
    """Two convolutions of 3x3 with BatchNorm, and a skip connection without parameters around them."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)
        self.new, self.stride = after - before, stride

    def forward(self, x: Tensor) -> Tensor:
        """Return what goes into the next block."""
        out = self.second_norm(self.second(F.relu(self.first_norm(self.first(x)))))
        if self.stride > 1:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.new // 2, self.new - self.new // 2))
        return F.relu(out + x)


class ResNet20(nn.Module):
    """He et al. 2016, section 4.2: three stages of three blocks, skip connections without parameters."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        stages = [(width, width, 1), (width, 2 * width, 2), (2 * width, 4 * width, 2)]
        blocks = [[Block(a, b, stride), Block(b, b, 1), Block(b, b, 1)] for a, b, stride in stages]
        self.blocks = nn.Sequential(*[block for stage in blocks for block in stage])
        self.head = nn.Linear(4 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``(N, 10)``."""
        return self.head(self.blocks(F.relu(self.norm(self.stem(x)))).mean(dim=(2, 3)))


def build(recipe: Recipe) -> nn.Module:
    """Return the untrained network of a recipe."""
    torch.manual_seed(0)
    return cnn(recipe.shape, recipe.width) if recipe.network == "cnn" else ResNet20(recipe.shape[0], recipe.width)


def path_of(name: str) -> Path:
    """Return where a problem is kept; the name changes with the recipe, the images and PyTorch."""
    recipe = RECIPES[name]
    key = json.dumps([asdict(recipe), _dataset_of(recipe), torch.__version__.split("+")[0]])
    return CACHE / "problems" / f"{name}-{hashlib.blake2b(key.encode(), digest_size=4).hexdigest()}.pt"


def make(name: str) -> Path:
    """Train the network of a problem where that has not been done, and return its file."""
    path, recipe = path_of(name), RECIPES[name]
    if path.exists():
        return path
    torch.set_num_threads(1)
    x, y = _examples(recipe)
    model = _trained(build(recipe), x, y, recipe)
    sizes = [len(part) for part in x.split(recipe.batch_size)]
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"state": model.state_dict(), "x": x, "y": y, "sizes": sizes, "dataset": _dataset_of(recipe)}
    torch.save(kept, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    return path


def load(name: str, path: Path | None = None) -> Loaded:
    """Return a problem that was made before."""
    kept = torch.load(path or path_of(name), weights_only=True)
    model = build(RECIPES[name])
    model.load_state_dict(kept["state"])
    return Loaded(name, model.eval(), kept["x"], kept["y"], kept["sizes"], kept["dataset"])


def _trained(model: nn.Module, x: Tensor, y: Tensor, recipe: Recipe) -> nn.Module:
    optimizer = torch.optim.SGD(model.parameters(), lr=recipe.lr, momentum=0.9)
    order = torch.Generator().manual_seed(0)
    model.train()
    for _ in range(recipe.epochs):
        for chosen in torch.randperm(len(x), generator=order).split(64):
            optimizer.zero_grad()
            F.cross_entropy(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
    return model.eval()


def _root() -> Path:
    return Path(os.environ.get("LANDSCAPE_DATA") or Path.home() / ".cache" / "landscape")


def _dataset_of(recipe: Recipe) -> str:
    """Return which images there are: the wanted ones, or synthetic ones where those are not on this machine."""
    wanted = {"fashion-mnist": _idx("images"), "cifar10": _root() / "cifar-10-batches-py" / "data_batch_1"}
    found = wanted.get(recipe.dataset)
    return recipe.dataset if found is not None and found.is_file() else "synthetic"


def _examples(recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Return the first images of the training set, standardised, and their labels."""
    dataset, count = _dataset_of(recipe), recipe.examples
    if dataset == "fashion-mnist":
        images = _read_idx(_idx("images"), 16)[: count * 784].reshape(count, 1, 28, 28)
        labels = _read_idx(_idx("labels"), 8)[:count]
    elif dataset == "cifar10":
        with (_root() / "cifar-10-batches-py" / "data_batch_1").open("rb") as file:
            kept = pickle.load(file, encoding="bytes")
        images, labels = kept[b"data"][:count].reshape(count, 3, 32, 32), np.array(kept[b"labels"][:count])
    else:
        images, labels = _synthetic(recipe)
    x = torch.from_numpy(images.astype(np.float32))
    return (x - x.mean()) / x.std(), torch.from_numpy(labels.astype(np.int64))


def _synthetic(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Return ten blurred patterns, one a class, each image its pattern with noise."""
    random = np.random.default_rng(0)
    patterns = torch.from_numpy(random.standard_normal((10, *recipe.shape)).astype(np.float32))
    patterns = F.avg_pool2d(patterns, 3, stride=1, padding=1).numpy()
    labels = random.integers(10, size=recipe.examples)
    return patterns[labels] + 0.3 * random.standard_normal((recipe.examples, *recipe.shape)), labels


def _idx(kind: str) -> Path:
    plain = _root() / "FashionMNIST" / "raw" / f"train-{kind}-idx{3 if kind == 'images' else 1}-ubyte"
    return plain if plain.is_file() else plain.with_name(plain.name + ".gz")


def _read_idx(path: Path, header: int) -> np.ndarray:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return np.frombuffer(raw, np.uint8, offset=header)
