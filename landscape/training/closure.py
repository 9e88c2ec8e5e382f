"""Optimizers that ask for the loss and its gradient again within a step."""

import inspect

import torch


def needs_closure(optimizer: torch.optim.Optimizer) -> bool:
    """Return whether ``step`` has to be given a function that computes the gradient anew and returns the loss."""
    parameters = list(inspect.signature(optimizer.step).parameters.values())
    return (
        bool(parameters)
        and parameters[0].default is inspect.Parameter.empty
        and parameters[0].kind
        in {
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.POSITIONAL_ONLY,
        }
    )
