"""What reduced precision does to the largest eigenvalues of two trained networks.

TF32 keeps 10 bits of each factor of a product, bfloat16 keeps 7; sums stay in float32. A GPU's own TF32 is measured
where there is one; the emulation rounds the factors of matrix products and convolutions and is the same everywhere.
"""

from contextlib import contextmanager
from typing import Any

import torch
from place import Place
from torch.utils._python_dispatch import TorchDispatchMode

from landscape import Hessian, Problem, lanczos
from landscape.data import load_dataset
from landscape.errors import ProblemError
from landscape.losses import cross_entropy
from landscape.models import build_model
from landscape.training import TrainingConfig, train

BITS = {"tf32, emulated": 10, "bfloat16, emulated": 7}
PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "convolution", "convolution_backward")
VALUES = 3


def digits_cnn(place: Place) -> dict[str, Any]:
    """Return the effect on a small convolutional network on digits."""
    return _effects(place, "cnn", place.size(10, 1), 0.05, place.size(1000, 40))


def resnet20(place: Place) -> dict[str, Any]:
    """Return the effect on ResNet-20 on digits."""
    return _effects(place, "resnet20", place.size(3, 1), 0.02, place.size(128, 20))


def _effects(place: Place, name: str, epochs: int, lr: float, examples: int) -> dict[str, Any]:
    digits = load_dataset("digits", train_examples=place.size(1024, 64))
    options = {"width": 4} if name == "resnet20" and place.smoke else {}
    model = build_model(name, digits.input_shape, 10, options=options).to(place.device)
    end = train(model, cross_entropy, digits, TrainingConfig("sgd", lr, epochs=epochs), device=place.device).end
    x, y = (each[:examples] for each in digits.train)

    def values(dtype: torch.dtype = torch.float32, tf32: bool = False) -> list[float]:
        problem = Problem(model, "cross_entropy", (x, y), dtype=dtype, device=place.device, tf32=tf32)
        H = Hessian(problem, product="double backward")
        return [float(each) for each in lanczos(H, VALUES, rtol=place.size(1, 10) * 1e-3, max_matvecs=100).values]

    exact = values(torch.float64)
    found: dict[str, Any] = {"examples": examples, "train_loss": end.train_loss, "float64": exact, "errors": {}}
    ways: dict[str, Any] = {"float32": values}
    if place.device.type == "cuda":
        ways["tf32, the device's own"] = lambda: _with_tf32(values)
    ways |= {way: lambda bits=bits: _rounded(bits, values) for way, bits in BITS.items()}
    for way, compute in ways.items():
        try:
            found["errors"][way] = [abs(a - b) / b for a, b in zip(compute(), exact, strict=True)]
        except (ProblemError, FloatingPointError) as error:
            found["errors"][way] = str(error).split(":")[0]
    return found


def _with_tf32(values: Any) -> list[float]:
    with _allowed():
        found: list[float] = values(tf32=True)
    return found


@contextmanager
def _allowed() -> Any:
    before, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = True
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
        torch.backends.cudnn.allow_tf32 = cudnn


def _rounded(bits: int, values: Any) -> list[float]:
    with RoundedFactors(bits):
        found: list[float] = values()
    return found


class RoundedFactors(TorchDispatchMode):
    """While entered, the float32 factors of matrix products and convolutions are rounded to some bits.

    Args:
        bits: Of the mantissa that are kept; to nearest, ties away from zero.
    """

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute one operation."""
        name = func.overloadpacket.__name__
        if name in PRODUCTS:
            first = 1 if name in ("addmm", "baddbmm") else 0
            count = 3 if name == "convolution_backward" else 2
            factors = [rounded(each, self.bits) for each in args[first : first + count]]
            args = (*args[:first], *factors, *args[first + count :])
        return func(*args, **(kwargs or {}))


def rounded(x: torch.Tensor, bits: int) -> torch.Tensor:
    """Return a float32 tensor with so many bits of mantissa; others as they are."""
    if x.dtype != torch.float32:
        return x
    dropped = 23 - bits
    whole = x.contiguous().view(torch.int32) + (1 << (dropped - 1))
    return (whole & -(1 << dropped)).view(torch.float32).view(x.shape)
