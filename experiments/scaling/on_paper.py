r"""What a product costs where nothing of it can be measured here: formulas, and what they assume.

A network of n weights that are used in matrix products, T tokens (or examples that use each weight once), P devices, k
vectors in the Krylov basis, float32.

- Operations, as torch counts them on GPT-2 (`results.json`): a forward pass is 2nT, a gradient 6nT, a product 12nT on
  graphs that are held and 18nT from scratch (16nT where all layers are convolutions).
- Exchange, each device: 8n(P-1)/P bytes for the sum of the products, and as much to gather theta and the vector where
  parameters are sharded (4n each).
- Orthogonalisation, twice against k rows: 16 kn/P bytes are read from memory.
- Memory, each device: 24n bytes during a product (theta, vector, gradient, product, sums) and 72n during the first,
  which is checked in float64 (9.3 GB with GPT-2); 4kn/P for the basis.
"""

from dataclasses import dataclass

RATE = 4e13
"""Operations a second of a device, in float32 matrix products without TF32: 60 % of 67e12, an H100's by its maker."""
LINK = 5e10
"""Bytes a second between devices: 400 Gbit/s each."""
BANDWIDTH = 3.35e12
"""Bytes a second of a device's memory."""
MEMORY = 80e9
"""Bytes of a device's memory."""
VECTORS = 20
"""In the basis when a largest eigenvalue has been found to a residual of 1 %; 10 to 30 products on networks here."""
SCRATCH, GRADIENT = 18, 6
"""Operations a weight and token."""


@dataclass(frozen=True)
class Cost:
    """Seconds of the parts of a product, and bytes on each device.

    Attributes:
        compute: Matrix products.
        exchange: Sums and gathering over devices.
        basis: Orthogonalisation.
        working: Bytes during a product, without activations.
        first: Bytes during the first product.
        vectors: Bytes of the device's part of the basis.
    """

    compute: float
    exchange: float
    basis: float
    working: float
    first: float
    vectors: float

    @property
    def seconds(self) -> float:
        """Of a product, with nothing done at the same time."""
        return self.compute + self.exchange + self.basis

    @property
    def bottleneck(self) -> str:
        """What bounds it: the memory if it does not fit, or the part that takes longest."""
        if max(self.first, self.working + self.vectors) > MEMORY:
            return "memory"
        return max(("compute", "exchange", "basis"), key=lambda part: float(getattr(self, part)))


def cost(parameters: float, tokens: float, devices: int, vectors: int = VECTORS) -> Cost:
    """Return the cost of a product from scratch with sharded parameters, as this package does it."""
    n, P = parameters, devices
    return Cost(
        compute=SCRATCH * n * tokens / (P * RATE),
        exchange=16 * n * (P - 1) / P / LINK,
        basis=16 * vectors * n / P / BANDWIDTH,
        working=24 * n,
        first=72 * n,
        vectors=4 * vectors * n / P,
    )


def largest_network(devices: int, vectors: int = VECTORS) -> float:
    """Return how many parameters fit, activations aside."""
    return MEMORY / max(72, 24 + 4 * vectors / devices)


def tokens_where_exchange_is_hidden(devices: int) -> float:
    """Return from how many tokens on computing takes longer than exchanging."""
    return 16 * (devices - 1) * RATE / (SCRATCH * LINK)
