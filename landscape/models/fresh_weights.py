"""Networks of others come with fresh weights: options that would have their own code read or fetch some are refused."""

from collections.abc import Iterable

from landscape.errors import UsageError

_OF_WEIGHTS = ("checkpoint", "pretrained", "weights", "cache_dir")


def refuse_weights(name: str, options: Iterable[str]) -> None:
    """Refuse options by which a network's weights would come out of a file or from the network.

    The libraries read such files as they like, older ones as pickles, which run code.

    Raises:
        UsageError: If there is one.
    """
    for option in options:
        if option.startswith(_OF_WEIGHTS):
            raise UsageError(f"{name} comes with fresh weights and takes no {option!r}. Give some with --checkpoint.")
