"""What theta is made of: names, shapes, precision and place of the parameters that are measured."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from landscape.errors import ProblemError, UsageError
from landscape.forward.parameter_choice import matching, names_of


@dataclass(frozen=True)
class ChosenParameters:
    """The parameters that make up theta.

    Attributes:
        names: In the order of ``named_parameters()``, tied ones once.
        shapes: Of each.
        dtype: Of all computations: at least float32.
        device: Where to compute.
        notes: What is to be said.
    """

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    dtype: torch.dtype
    device: torch.device
    notes: tuple[str, ...]


def choose_parameters(
    model: nn.Module,
    patterns: str | Sequence[str] | None,
    dtype: torch.dtype | None,
    device: torch.device | str | None,
) -> ChosenParameters:
    """Return the trainable parameters, or those among them whose names match.

    Raises:
        ProblemError: If none can be trained, one is complex, or they lie on several devices and none is given.
        UsageError: If a pattern matches nothing, or the precision is not one of float32 and float64.
    """
    _check_dtype(dtype, device)
    every = dict(model.named_parameters())
    trainable = {name: each for name, each in every.items() if each.requires_grad}
    if not trainable:
        raise ProblemError(_why_none(model, len(every)))
    names = tuple(trainable) if patterns is None else _matching(trainable, every, patterns)
    chosen = [trainable[name] for name in names]
    crooked = next((name for name in names if trainable[name].is_complex()), None)
    if crooked is not None:
        raise ProblemError(
            f"{crooked!r} is complex: curvature is defined for real parameters here. Hold its real and imaginary parts "
            f"(torch.view_as_real) as parameters."
        )
    notes = []
    if patterns is not None and len(names) < len(trainable):
        notes.append(f"theta is {len(names)} of {len(trainable)} trainable parameters; the others are held fixed")
    if len(trainable) < len(every):
        notes.append(f"{len(every) - len(trainable)} of {len(every)} parameters are frozen")
    tied = len([*model.named_parameters(remove_duplicate=False)]) - len(every)
    if tied:
        notes.append(f"{tied} tied parameters count once, under their first name" if tied > 1 else _ONE_TIED)
    found = _dtype([each.dtype for each in chosen])
    kinds = sorted({str(each.dtype).removeprefix("torch.") for each in chosen})
    if dtype is None and len(kinds) + (kinds[0] != str(found).removeprefix("torch.")) > 1:
        notes.append(f"weights are {' and '.join(kinds)}; curvature is computed in {found}".replace("torch.", ""))
    shapes = tuple(each.shape for each in chosen)
    return ChosenParameters(names, shapes, dtype or found, _device(every, device), tuple(notes))


def _check_dtype(dtype: torch.dtype | None, device: torch.device | str | None) -> None:
    """Refuse a precision that curvature does not bear, or that the device does not have."""
    if dtype is not None and dtype not in (torch.float32, torch.float64):
        raise UsageError(f"Curvature is computed in float32 or float64, not in {dtype}. Leave dtype out for float32.")
    if dtype == torch.float64 and device is not None and torch.device(device).type == "mps":
        raise UsageError("MPS has no float64. Use dtype=torch.float32, or device='cpu'.")


def _matching(trainable: Iterable[str], every: Iterable[str], patterns: str | Sequence[str]) -> tuple[str, ...]:
    """Return the trainable names that match; say so where only frozen ones do."""
    trainable, patterns = tuple(trainable), [patterns] if isinstance(patterns, str) else list(patterns)
    if not patterns:
        raise UsageError("No parameter is chosen: parameters is empty. Leave it out for all that are trainable.")
    for pattern in patterns:
        if not names_of(trainable, pattern) and names_of(tuple(every), pattern):
            raise UsageError(f"{pattern!r} matches only parameters that are frozen. Set requires_grad on them first.")
    return matching(trainable, patterns)


_ONE_TIED = "a tied parameter counts once, under its first name"


def _dtype(dtypes: list[torch.dtype]) -> torch.dtype:
    """Return the precision of the most precise, and at least float32."""
    found = torch.float32
    for each in dtypes:
        found = torch.promote_types(found, each) if each.itemsize > 1 else found
    return found


def _device(every: dict[str, nn.Parameter], device: torch.device | str | None) -> torch.device:
    if device is not None:
        return torch.device(device)
    places = list(dict.fromkeys(str(each.device) for each in every.values()))
    if len(places) > 1:
        raise ProblemError(
            f"The model's parameters lie on {' and '.join(places)}. Say where to compute with device=, such as "
            f"device={places[-1]!r}; its forward pass must not move tensors itself then."
        )
    return torch.device(places[0])


def _why_none(model: nn.Module, count: int) -> str:
    if any("quantized" in type(each).__module__ for each in model.modules()):
        return "The model has no trainable parameters: its weights are quantized. Give the model before quantization."
    if not count:
        return "The model has no trainable parameters, and no others either. Are its layers in a plain Python list?"
    return "The model has no trainable parameters. Set requires_grad on what to measure."
