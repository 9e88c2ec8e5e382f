import math

import numpy as np
import pytest

SEED_SPREAD = 0.1


def _measurement(value, converged=True):
    return {"value": value, "error": 0.01, "matvecs": 9, "converged": converged, "reason": ""}


def _minimum(epoch, train_loss, gap, values, target=None):
    found = {
        "epoch": epoch,
        "train_loss": train_loss,
        "test_loss": train_loss + gap,
        "train_accuracy": 0.99,
        "test_accuracy": 0.99 - gap / 5,
        "gap_loss": gap,
        "gap_error": gap / 5,
        "measurements": {name: _measurement(value) for name, value in values.items()},
    }
    return found if target is None else found | {"mismatch": train_loss / target - 1}


@pytest.fixture(scope="session")
def make_runs():
    """A study with known truth: what multiplies the sharpness, and how the gap follows from it."""

    def make(
        optimizers=("sgd", "adam"),
        ranks=3,
        seeds=5,
        ratios=(2.0,),
        lr_factor=1.2,
        gap_slope=0.3,
        gap_of_optimizer=0.0,
        gap_noise=0.03,
        seed=0,
    ):
        rng = np.random.default_rng(seed)
        base = rng.normal(size=seeds) * SEED_SPREAD
        runs = []
        for o, optimizer in enumerate(optimizers):
            for rank in range(ranks):
                for s in range(seeds):
                    lr = 0.01 * 3**rank if o == 0 else 0.001 * 3**rank
                    logs = [
                        base[s] + o * math.log(ratio) + rank * math.log(lr_factor) + rng.normal() * SEED_SPREAD
                        for ratio in ratios
                    ]
                    names = ["top_eigenvalue", "trace", "frobenius_norm"][: len(ratios)]
                    values = {name: math.exp(log) for name, log in zip(names, logs, strict=True)}
                    values["power_iteration_top_eigenvalue"] = values["top_eigenvalue"] * 0.9995
                    gap = 1 + gap_slope * logs[0] + gap_of_optimizer * o + gap_noise * rng.normal()
                    runs.append(
                        {
                            "id": f"{optimizer}-lr{lr:g}-seed{s}",
                            "optimizer": optimizer,
                            "lr": lr,
                            "lr_rank": rank,
                            "seed": s,
                            "factors": {"lr": lr},
                            "status": "finished",
                            "message": "",
                            "reached": True,
                            "cost": {"seconds_per_epoch": 0.1 + o, "optimizer_bytes_per_parameter": 4.0 + 4 * o},
                            "speed": {
                                "target_loss": {"target": 0.05, "epochs": 3.0 + s, "examples": 3900, "seconds": 0.3},
                                "target_accuracy": None,
                            },
                            "minima": {
                                "matched": _minimum(3, 0.05 * (1 - 0.02 * rng.random()), gap, values, target=0.05),
                                "end": _minimum(20, 0.01 / (1 + o), gap, {k: v / 5 for k, v in values.items()})
                                | {"test_accuracy": 0.9 - 0.1 * abs(rank - ranks // 2)},
                            },
                        }
                    )
        return runs

    return make
