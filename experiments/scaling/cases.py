"""What is measured: a network, its size, its examples, and over how many processes."""

from dataclasses import dataclass

APART = 10**7
"""Weights from which on a perceptron has a process to itself."""


@dataclass(frozen=True)
class Case:
    """One product to be timed.

    Attributes:
        series: ``"examples"``, ``"parameters"``, ``"processes"`` or ``"models"``.
        network: See `networks`.
        size: Weights of a perceptron; otherwise 0, or a smaller network for a trial.
        examples: How many.
        tokens: A sequence, of a language model.
        batch: Examples of a forward pass; chosen by the library when None.
        processes: How many share the examples, by gloo.
        sharded: Whether the parameters are dealt out over them by ``fully_shard``.
        eigenvalue: Whether the largest eigenvalue is found too.
    """

    series: str
    network: str
    size: int = 0
    examples: int = 64
    tokens: int = 0
    batch: int | None = None
    processes: int = 1
    sharded: bool = False
    eigenvalue: bool = False

    @property
    def name(self) -> str:
        """What it is called in the record."""
        parts = [self.series, self.network, self.size, self.examples, self.tokens, self.processes]
        return "-".join(map(str, parts)) + "-sharded" * self.sharded

    @property
    def apart(self) -> bool:
        """Whether it runs in processes of its own: its peak of memory is its own then."""
        return self.series in ("models", "processes") or (self.network == "perceptron" and self.size >= APART)


def cases(device: str, *, tiny: bool = False) -> list[Case]:
    """Return all cases of a device; small ones for a trial of the script."""
    gpu = device != "cpu"
    if tiny:
        shared = [Case("processes", "perceptron", 10_000, 64, processes=p, sharded=s) for p, s in _JOBS[:3]]
        models = [
            Case("models", "gpt2", 1, 2, tokens=8, eigenvalue=True),
            Case("models", "resnet50", 32, 2, eigenvalue=True),
        ]
        few = [Case("examples", "perceptron", 10_000, count) for count in (32, 64, 128)]
        return [*few, *(Case("parameters", "perceptron", count) for count in (1000, 10_000)), *shared, *models]
    most = 10 if gpu else 1
    examples = [Case("examples", "perceptron", 10**5, most * 10**power) for power in (2, 3, 4, 5)]
    examples += [Case("examples", "resnet20", 0, most * 2**power, batch=64 * most) for power in (3, 5, 7, 9)]
    parameters = [Case("parameters", "perceptron", 10**power, 64 * most) for power in (4, 5, 6, 7, 8)]
    jobs = [] if gpu else [Case("processes", "perceptron", 10**6, 1024, processes=p, sharded=s) for p, s in _JOBS]
    if gpu:
        models = [
            Case("models", "gpt2", 0, 16, tokens=256, batch=8, eigenvalue=True),
            Case("models", "resnet50", 0, 256, batch=64, eigenvalue=True),
        ]
    else:
        models = [Case("models", "gpt2", 0, 1, tokens=64), Case("models", "resnet50", 0, 2)]
    return [*examples, *parameters, *jobs, *models]


_JOBS = ((1, False), (2, False), (2, True), (4, False), (4, True))
