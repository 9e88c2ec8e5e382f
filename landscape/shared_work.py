"""What several measures of one minimum need, computed once."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Shared(NamedTuple, Generic[T]):
    """A result, and whether it was computed for this call: only then its cost is the caller's."""

    value: T
    fresh: bool


class SharedWork:
    """Results by key, with the measure that first needed each.

    What stands under a key depends on the key alone, never on who asks first: so a measure gives the same number
    alone and together with others. The first part of a key names the result in words.
    """

    def __init__(self) -> None:
        self._results: dict[tuple[Hashable, ...], Any] = {}
        self._makers: dict[tuple[Hashable, ...], str] = {}
        self._measure = ""
        self._reused: dict[str, None] = {}

    def get(self, key: tuple[Hashable, ...], compute: Callable[[], T]) -> Shared[T]:
        """Return the result of a key, computed where there is none yet."""
        fresh = key not in self._results
        if fresh:
            self._results[key] = compute()
            self._makers[key] = self._measure
        elif self._makers[key] != self._measure or not self._measure:
            self._reused[f"{key[0]}, from {self._makers[key] or 'an earlier call'}"] = None
        return Shared(self._results[key], fresh)

    @contextmanager
    def on_behalf_of(self, measure: str) -> Iterator[dict[str, None]]:
        """Note as this measure's what is computed inside; gives what it reuses, in words, as keys."""
        before, self._measure, self._reused = (self._measure, self._reused), measure, {}
        try:
            yield self._reused
        finally:
            self._measure, self._reused = before
