"""Independent random streams, named by what they are for."""

import hashlib


def derive_seed(seed: int, purpose: str, index: int = 0) -> int:
    """Return a 63-bit seed for one stream, by hashing (seed, purpose, index).

    Streams of different purposes or indices are independent, which ``seed + i`` is not. Draw on the CPU from
    it and move the numbers to the device, so that devices agree.

    Args:
        seed: The user's seed.
        purpose: What the numbers are for, such as ``"initialization"`` or ``"data order"``.
        index: Position in a family of streams, such as the epoch or the probe.

    Example:
        >>> derive_seed(0, "initialization") == derive_seed(0, "initialization")
        True
        >>> derive_seed(0, "initialization") == derive_seed(0, "data order")
        False
    """
    digest = hashlib.blake2b(f"{seed}\x1f{purpose}\x1f{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
