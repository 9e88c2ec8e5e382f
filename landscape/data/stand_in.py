"""Examples of the sizes of data sets that have to be downloaded: a study is planned before its data are there."""

import torch

from landscape.data.dataset import Examples

_SIZES = {
    "mnist": ((1, 28, 28), 60_000, 10),
    "fashion-mnist": ((1, 28, 28), 60_000, 10),
    "cifar10": ((3, 32, 32), 50_000, 10),
    "cifar100": ((3, 32, 32), 50_000, 100),
}
_TEST = 10_000


def stand_in(name: str) -> str:
    """Return the reference of what stands for a data set in a plan; the name itself where no file is needed.

    Example:
        >>> stand_in("cifar10"), stand_in("digits")
        ('landscape.data.stand_in:cifar10', 'digits')
    """
    return f"{__name__}:{name.replace('-', '_')}" if name in _SIZES else name


def mnist() -> tuple[Examples, Examples]:
    """Return examples of the sizes of MNIST: noise, with as many of each class."""
    return _examples("mnist")


def fashion_mnist() -> tuple[Examples, Examples]:
    """Return examples of the sizes of Fashion-MNIST."""
    return _examples("fashion-mnist")


def cifar10() -> tuple[Examples, Examples]:
    """Return examples of the sizes of CIFAR-10."""
    return _examples("cifar10")


def cifar100() -> tuple[Examples, Examples]:
    """Return examples of the sizes of CIFAR-100."""
    return _examples("cifar100")


def _examples(name: str) -> tuple[Examples, Examples]:
    shape, train, classes = _SIZES[name]
    image = torch.randn(classes, *shape, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(classes)
    # repeated, not drawn: quick, and as large in memory as the real ones
    both = [(image.repeat(count // classes, 1, 1, 1), labels.repeat(count // classes)) for count in (train, _TEST)]
    return both[0], both[1]
