"""What modules keep beside parameters: taken before a forward pass, and put back after it."""

import contextlib
from collections import deque
from collections.abc import Iterator
from typing import Any

from torch import nn

_CONTAINERS = (dict, list, set, deque)


@contextlib.contextmanager
def kept_attributes(root: nn.Module) -> Iterator[None]:
    """Put back every attribute of every module below ``root`` on leaving: modes, hooks, cached tensors, counters.

    Attributes that are dicts, lists, sets or deques get back what they held (not what these held in turn). Tensors
    changed in place are not put back: parameters and buffers are exchanged for others before a forward pass.
    """
    kept = [(module, dict(vars(module)), _contents(vars(module))) for module in root.modules()]
    try:
        yield
    finally:
        for module, attributes, contents in kept:
            present = vars(module)
            present.clear()
            present.update(attributes)
            for container, content in contents:
                _fill(container, content)


def _contents(attributes: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Return (container, copy) of every container among the attributes; most are empty, and cost no copy."""
    return [(each, each.copy() if each else ()) for each in attributes.values() if isinstance(each, _CONTAINERS)]


def _fill(container: Any, content: Any) -> None:
    if not container and not content:
        return
    container.clear()
    if isinstance(container, dict | set):
        container.update(content)
    else:
        container.extend(content)
