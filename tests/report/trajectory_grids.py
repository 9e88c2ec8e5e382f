"""A small plane with a trajectory of three checkpoints on it, as a page and a film show it."""

import numpy as np

from landscape.report.surface.grids import Grids


def grids():
    a, b = np.linspace(-1, 1, 7), np.linspace(-0.5, 0.5, 5)
    losses = 0.1 + a[:, None] ** 2 + 2 * b[None] ** 2
    way = [[1.0, 0.5], [0.3, 0.1], [0.0, 0.0]]
    axis = {"how": "principal component", "norm": 1.0, "low": -1.0, "high": 1.0, "points": 7, "eigenvalue": None}
    curvature = {"direction": "component", "hessian": 2.0, "small": 2.0, "grid": 2.0, "disagreement": 0.0}
    result = {
        "name": "net", "origin": "a test", "dimensions": 2, "parameters": 9, "dtype": "float32", "device": "cpu",
        "examples": {"train": 5, "test": 4}, "populations": {}, "batch_norm": None, "notes": [], "paired_error": None,
        "axes": [axis | {"key": "a", "name": "component 1"}, axis | {"key": "b", "name": "component 2"}],
        "curvature": [curvature, curvature],
        "filled": {"computed": 35, "points": 35, "reason": "all"},
        "lowest": {"at_center": True, "loss": 0.1, "center": 0.1},
        "marks": [{"name": "end", "coordinates": [0.0, 0.0], "train_loss": 0.1, "test_loss": 0.2}],
        "trajectory": way,
        "about": {"checkpoints": ["step 0", "<b>step 5</b>", "step 9"], "explained": [0.9, 0.1],
                  "null_explained": [0.6, 0.2], "distances": [0.1, 0.1, 0.0]},
        "paths": [], "widths": [], "quantities": None, "settings": {}, "asked": {}, "environment": {},
    }  # fmt: skip
    return Grids(result, {"a": a, "b": b, "train_loss": losses, "test_loss": 2 * losses, "status": np.ones((7, 5))})
