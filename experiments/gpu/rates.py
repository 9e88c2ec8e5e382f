"""What the device does at best: multiplications of large matrices, and bytes copied."""

from typing import Any

import torch
from place import Place, spread

from landscape.full_precision import full_precision


def rates(place: Place) -> dict[str, Any]:
    """Return operations (multiplications and additions) and bytes a second, the median of some calls."""
    size = place.size(8192, 256)
    A, B = (torch.randn(size, size, device=place.device) for _ in range(2))
    found: dict[str, Any] = {"size": size}
    with full_precision():
        found["float32"] = _rate(place, 2 * size**3, lambda: A @ B)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        found["tf32"] = _rate(place, 2 * size**3, lambda: A @ B)
    finally:
        torch.set_float32_matmul_precision(before)
    C, D = A.bfloat16(), B.bfloat16()
    found["bfloat16"] = _rate(place, 2 * size**3, lambda: C @ D)
    source = torch.empty(place.size(2**30, 2**22), dtype=torch.uint8, device=place.device)
    target = torch.empty_like(source)
    # read and written
    found["bytes"] = _rate(place, 2 * source.numel(), lambda: target.copy_(source))
    return found


def _rate(place: Place, work: int, call: Any) -> float:
    return work / spread(place.seconds(call, budget=1.0))["median"]
