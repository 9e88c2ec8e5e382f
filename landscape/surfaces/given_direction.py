"""A user's own vectors as directions."""

from pathlib import Path

import numpy as np
import torch

from landscape.errors import StorageError, UsageError
from landscape.problem import Problem
from landscape.surfaces.direction import Direction


def given_directions(problem: Problem, path: Path) -> list[Direction]:
    """Return the vectors of a file as directions, as long as they are.

    Args:
        problem: Says how long they have to be.
        path: A ``.npy`` with one row a direction, or a ``.npz`` with one array each; elements in the order of the
            problem's parameters.

    Raises:
        StorageError: If it cannot be read.
        UsageError: If a vector has another number of elements than there are parameters.
    """
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            arrays = dict(loaded) if hasattr(loaded, "files") else {"": loaded}
    except (OSError, ValueError, EOFError) as error:
        raise StorageError(
            f"Cannot read directions from {path}: {error}. Give a .npy or .npz of plain arrays."
        ) from error
    found = []
    for name, array in arrays.items():
        for index, row in enumerate(np.atleast_2d(array)):
            if row.shape != (problem.num_parameters,):
                raise UsageError(
                    f"{path} holds a vector of shape {row.shape}; there are {problem.num_parameters} parameters. "
                    f"Give one element a parameter, in the order of named_parameters()."
                )
            vector = torch.from_numpy(np.ascontiguousarray(row)).to(problem.device, problem.dtype)
            found.append(Direction(name or f"given {index + 1}", vector, f"from {path.name}, as given"))
    return found
