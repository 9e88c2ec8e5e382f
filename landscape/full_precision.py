"""Products of float32 numbers as float32 products: GPUs and some CPUs would round the factors first."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def full_precision(rounded: bool = False) -> Iterator[None]:
    """While entered, no factor of a float32 product is rounded to TF32 (10 bits) or bfloat16 (7 bits).

    PyTorch lets cuDNN's convolutions round to TF32 unless told otherwise, and matrix products too after
    ``torch.set_float32_matmul_precision("high")``: eigenvalues are then off by a thousandth to a hundredth, which no
    residual shows. On leaving, everything is as it was.

    Args:
        rounded: Leave PyTorch's settings as they are.
    """
    if rounded:
        yield
        return
    cudnn = torch.backends.cudnn
    convolutions, others = _settings()
    kept = [(each, each.fp32_precision) for each in others]
    kept_convolutions = [(each, each.fp32_precision) for each in convolutions]
    products = torch.get_float32_matmul_precision()
    legacy = _legacy()
    cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    for each in convolutions:
        if each.fp32_precision not in ("none", "ieee"):  # a setting above it says otherwise
            each.fp32_precision = "ieee"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        for each, value in kept:
            each.fp32_precision = value
        if legacy is not None:
            cudnn.allow_tf32 = legacy
        for each, value in kept_convolutions:
            if each.fp32_precision != value:
                each.fp32_precision = value


def _settings() -> tuple[list[Any], list[Any]]:
    """Return where PyTorch keeps the precision of cuDNN, and of the rest; before PyTorch 2.9 nowhere by operation."""
    cudnn, cuda, mkldnn = torch.backends.cudnn, torch.backends.cuda, torch.backends.mkldnn
    if not hasattr(cudnn, "conv"):
        return [], []
    others = [getattr(mkldnn, name) for name in ("matmul", "conv", "rnn") if hasattr(mkldnn, name)]
    return [cudnn.conv, cudnn.rnn], [cuda.matmul, *others]


def _legacy() -> bool | None:
    """Return the older setting of cuDNN; None where the newer ones make it meaningless."""
    try:
        return bool(torch.backends.cudnn.allow_tf32)
    except RuntimeError:
        return None
