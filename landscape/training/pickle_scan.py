"""What a pickle asks for, read from its opcodes before any is executed: in proportion to what it holds, or refused."""

import pickle
import pickletools
from dataclasses import dataclass, field
from typing import IO, Any

MOST_REPEATED = 2**24
"""Characters and entries that all references of one pickle to what it holds already may stand for together."""

DEEPEST = 100
"""Containers within each other; what is hashed or shown goes down all of them."""

_REBUILT = frozenset(
    f"torch._utils _rebuild_{each}"
    for each in (
        *("tensor", "tensor_v2", "tensor_v3", "parameter", "parameter_with_state"),
        *("qtensor", "sparse_tensor", "meta_tensor_no_storage"),
    )
)
_BUILTINS = ("builtins", "__builtin__")
_ORDERED = "collections OrderedDict"
_SETS = tuple(f"{module} set" for module in _BUILTINS)
_CALLED = (
    _REBUILT
    | {"torch Size", "torch device", "torch.serialization _get_layout"}
    | {f"{module} complex" for module in _BUILTINS}
)
_LEAVES = frozenset(
    (
        *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "BINFLOAT", "LONG1"),
        *("BINUNICODE", "SHORT_BINSTRING", "EMPTY_TUPLE", "EMPTY_LIST", "EMPTY_DICT"),
    )
)


class BeyondWeights(pickle.UnpicklingError):
    """A pickle of something else than weights and what is saved beside them; the message says what."""


@dataclass(eq=False, slots=True)
class _Value:
    """What stands for a value.

    Attributes:
        made: The opcode that made it, or the name of what was called.
        argument: Of the opcode.
        parts: Of a tuple.
        weight: Characters and entries in it, counted as often as they occur.
        depth: Containers within each other.
        keys: Whether all entries of a list can be keys.
        fetched: Whether another place refers to it, for which its weight was counted.
    """

    made: str
    argument: Any = None
    parts: "tuple[_Value, ...]" = ()
    weight: int = 1
    depth: int = 0
    keys: bool = True
    fetched: bool = False

    @property
    def is_key(self) -> bool:
        """Whether it may be a key: hashes of tuples and of large numbers can be made to collide."""
        return self.made in _LEAVES and not self.made.startswith(("LONG", "EMPTY"))

    def take(self, entry: "_Value") -> None:
        if self.fetched:
            raise BeyondWeights("it changes a container that other places refer to already")
        self.weight += entry.weight
        self.depth = max(self.depth, 1 + entry.depth)
        self.keys = self.keys and entry.is_key
        if self.depth > DEEPEST:
            raise BeyondWeights(f"it nests containers more than {DEEPEST} deep")


@dataclass
class _Scan:
    """The stack and the memo that torch's unpickler would have, with a `_Value` for each value."""

    stack: list[_Value] = field(default_factory=list)
    marked: list[list[_Value]] = field(default_factory=list)
    memo: dict[int, _Value] = field(default_factory=dict)
    repeated: int = 0

    def step(self, name: str, argument: Any) -> None:
        if name in _LEAVES:
            size = len(argument) if isinstance(argument, str | bytes) else 0
            self.stack.append(_Value(name, argument, weight=1 + size))
        elif name == "MARK":
            self.marked.append(self.stack)
            self.stack = []
        elif name == "GLOBAL":
            self.stack.append(_Value(name, argument))
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self._fetch(self.memo[argument])
        elif name.startswith("TUPLE"):
            self._tuple(self._top(int(name[5:])) if name[5:] else self._from_mark())
        elif name in ("APPEND", "APPENDS"):
            self._extend(self._top(1) if name == "APPEND" else self._from_mark())
        elif name in ("SETITEM", "SETITEMS"):
            self._set(self._top(2) if name == "SETITEM" else self._from_mark())
        elif name in ("REDUCE", "BUILD", "BINPERSID"):
            {"REDUCE": self._call, "BUILD": self._build, "BINPERSID": self._storage}[name](self.stack.pop())
        elif name not in ("PROTO", "STOP"):
            raise BeyondWeights(f"it has the opcode {name}, which torch.save does not write")

    def _top(self, count: int) -> list[_Value]:
        found = self.stack[-count:]
        del self.stack[-count:]
        return found

    def _from_mark(self) -> list[_Value]:
        found, self.stack = self.stack, self.marked.pop()
        return found

    def _fetch(self, value: _Value) -> None:
        value.fetched = True
        self.repeated += value.weight
        if self.repeated > MOST_REPEATED:
            raise BeyondWeights(f"it repeats what it holds more than {MOST_REPEATED:,} times")
        self.stack.append(value)

    def _tuple(self, parts: list[_Value]) -> None:
        whole = _Value("TUPLE", parts=tuple(parts))
        for each in parts:
            whole.take(each)
        self.stack.append(whole)

    def _extend(self, entries: list[_Value]) -> None:
        for each in entries:
            self.stack[-1].take(each)

    def _set(self, entries: list[_Value]) -> None:
        for key in entries[::2]:
            if not key.is_key:
                raise BeyondWeights("it has a key that is no text and no small number")
        self._extend(entries)

    def _call(self, given: _Value) -> None:
        called = self.stack.pop()
        if called.made != "GLOBAL" or not _harmless(called.argument, given):
            raise BeyondWeights(f"it calls {str(called.argument or called.made).replace(' ', '.')}")
        made = _Value(called.argument)
        made.take(given)
        self.stack.append(made)

    def _build(self, state: _Value) -> None:
        if self.stack[-1].made != _ORDERED or state.made != "EMPTY_DICT":
            raise BeyondWeights("it sets the state of what is no ordered dictionary")
        self.stack[-1].take(state)

    def _storage(self, found: _Value) -> None:
        # ('storage', type, key, location, elements), and before torch 1.6 (key, offset, elements) of a view
        views = [each.parts[:1] for each in found.parts[5:] if each.made != "NONE"]
        for (key,) in [found.parts[2:3], *views]:
            # two names of one storage would have it read twice
            if not (isinstance(key.argument, str) and key.argument.isascii() and key.argument.isdigit()):
                raise BeyondWeights("it names a storage by what is no number")
        self.stack.append(_Value("BINPERSID"))


def _harmless(name: str, given: _Value) -> bool:
    """Return whether a call takes no more than its arguments, of which each was counted."""
    first = given.parts[0] if given.parts else None
    if name == _ORDERED:
        return given.weight == 1
    if name == "collections Counter":
        return first is not None and first.made == "EMPTY_DICT"
    if name in _SETS:
        return first is not None and first.made == "EMPTY_LIST" and first.keys
    if name == "_codecs encode":
        # of bytes; other codecs take the square of a text's length
        return [each.argument for each in given.parts[1:]] == ["latin1"]
    if name == "torch._tensor _rebuild_from_type_v2":
        return first is not None and first.argument in _REBUILT
    return name in _CALLED


def refuse_beyond_weights(file: IO[bytes]) -> None:
    """Return if the pickle that begins here is one of weights, counters, settings and plain containers.

    PyTorch's own unpickler runs no code, but a few bytes may ask it for any amount of memory (``bytearray(10**12)``) or
    time (a tuple of the same tuple twice, of the same tuple twice, ..., as a key).

    Args:
        file: Left after the pickle.

    Raises:
        BeyondWeights: If it is another one; says why.
        ValueError: If it is none, or has no end.
    """
    scan = _Scan()
    try:
        for opcode, argument, _ in pickletools.genops(file):
            scan.step(opcode.name, argument)
    except (IndexError, KeyError) as error:
        raise ValueError("its pickle refers to what is not there") from error
