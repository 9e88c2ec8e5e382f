"""Count how often an eigenvalue is beyond the bound of the value of its rank, for every solver.

Usage: python experiments/rank_bounds.py [MATRICES [LARGEST_N [SOLVER ...]]]
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "core"))

import torch
from rank_bounds import EVERY, counted


def main(matrices: int = 10_000, largest: int = 64, *solvers: str) -> None:
    """Print a line a solver, and the words for each value that is beyond its bound."""
    torch.set_num_threads(1)
    for name in solvers or EVERY:
        found, words = counted(name, range(matrices), largest=largest)
        print(name, dict(found), *words, sep="\n  ", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
