"""Runs of which only what the statistics read is filled in."""

import itertools

TARGET = 0.05


def run(optimizer, lr_rank, seed, measures, gap, gap_error=None, **factors):
    """One run at the matched training loss; a measure that is None was not measured."""
    return {
        "id": f"{optimizer}-{lr_rank}-{seed}-{'-'.join(map(str, factors.values()))}",
        "optimizer": optimizer,
        "lr": None if lr_rank is None else 0.01 * 3**lr_rank,
        "lr_rank": lr_rank,
        "seed": seed,
        "factors": {"lr": lr_rank, **factors},
        "minima": {
            "matched": {
                "train_loss": TARGET,
                "mismatch": 0.0,
                "gap_loss": gap,
                "gap_error": gap if gap_error is None else gap_error,
                "measurements": {
                    name: {"value": value, "converged": True} for name, value in measures.items() if value is not None
                },
            }
        },
    }


def product(function, optimizers=("sgd", "adam"), ranks=3, seeds=5, **factors):
    """Runs of a full product; ``function(optimizer index, rank, seed, *levels)`` returns (measures, gap)."""
    runs = []
    for (index, name), rank, seed, *levels in itertools.product(
        enumerate(optimizers), range(ranks), range(seeds), *factors.values()
    ):
        measures, gap = function(index, rank, seed, *levels)
        runs.append(run(name, rank, seed, measures, gap, **dict(zip(factors, levels, strict=True))))
    return runs
