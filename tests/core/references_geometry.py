"""What the coordinate-free measures and the baselines are tested against."""

from dense_geometry import GEOMETRY
from measure_case import Reference

COSTS_NOTHING = {"weight_norm", "distance_from_initialization", "learning_rate"}
PROBED = {
    "adaptive_trace": {"rtol": 0.1, "max_matvecs": 100_000},
    "adaptive_top_eigenvalue": {"rtol": 1e-4, "max_matvecs": 5000},
}


def _reference(name, value):
    return Reference(
        lambda case: value(case.minimum, case.H),
        options=PROBED.get(name, {}),
        short={"rtol": 1e-12, "max_matvecs": 2} if name in PROBED else None,
        activations=("relu",) if name == "path_norm" else ("tanh",),
        random=name in PROBED,
        free=name in COSTS_NOTHING,
    )


REFERENCES = {name: _reference(name, value) for name, value in GEOMETRY.items()}
