"""Sharpness along full-batch training against the edge of stability, at the base setting of the design.

    python experiments/edge_of_stability.py      (about two minutes on one thread)

A 64-100-100-10 tanh network on the first 1,000 digits, half the squared error, 3,000 steps. The edge is a prediction
without a free parameter: 2/lr for gradient descent (Cohen et al. 2021) and 38/lr for Adam's preconditioned Hessian
(Cohen et al. 2022). Writes figures/edge_of_stability.{pdf,png,json}.
"""

import json
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from landscape import Hessian, Preconditioned, Problem, lanczos
from landscape.data import load_dataset
from landscape.losses import half_squared
from landscape.measures.preconditioned_top_eigenvalue import coming_preconditioner
from landscape.models import build_model
from landscape.training import TrainingConfig, second_moment, training_steps

FIGURES = Path(__file__).resolve().parents[1] / "figures"
ROWS = [
    ("GD, lr 0.2", "sgd", 0.2, {"momentum": 0.0}, 2 / 0.2),
    ("GD, lr 0.3", "sgd", 0.3, {"momentum": 0.0}, 2 / 0.3),
    ("GD, lr 0.5", "sgd", 0.5, {"momentum": 0.0}, 2 / 0.5),
    ("heavy ball 0.9, lr 0.3", "sgd", 0.3, {"momentum": 0.9}, 3.8 / 0.3),
    ("heavy ball 0.9, lr 0.2", "sgd", 0.2, {"momentum": 0.9}, 3.8 / 0.2),
    ("Adam, lr 0.001", "adam", 1e-3, {"betas": (0.9, 0.999)}, 38 / 1e-3),
]


def follow(optimizer: str, lr: float, options: dict) -> dict[str, list[float]]:
    """Return step, loss and the sharpness that the edge speaks of, every 50 steps."""
    dataset = load_dataset("digits", train_examples=1000)
    model = build_model("mlp", dataset.input_shape, 10)
    config = TrainingConfig(optimizer, lr=lr, optimizer_options=options, batch_size=None, steps=3000, evaluate_every=50)
    found: dict[str, list[float]] = {"step": [], "train_loss": [], "sharpness": [], "residual": []}
    start = None
    for view in training_steps(model, half_squared, dataset, config, device="cpu"):
        if optimizer == "adam" and not view.step:
            continue
        problem = Problem(view.model, half_squared, dataset.train)
        operator = Hessian(problem)
        if optimizer == "adam":
            P = coming_preconditioner(second_moment(view.optimizer_state()), problem.gradient(), problem.theta)
            operator = Preconditioned(operator, P)
        pairs = lanczos(operator, start=start)
        start = pairs.vectors[:, 0]
        numbers = (view.step, view.row.train_loss, float(pairs.values[0]), float(pairs.residuals[0]))
        for name, number in zip(found, numbers, strict=True):
            found[name].append(number)
    return found


def draw(rows: list[dict]) -> Figure:
    """Return one panel a row: sharpness over its edge."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    for axes, row in zip(figure.subplots(2, 3, sharex=True, sharey=True).flat, rows, strict=True):
        axes.plot(row["step"], np.array(row["sharpness"]) / row["edge"], color="#0072B2", linewidth=1.2)
        axes.axhline(1, color="black", linestyle="--", linewidth=0.8)
        axes.set_title(f"{row['name']}\nmean after crossing {row['ratio']:.3f}", fontsize=9)
        axes.set_ylim(0, 1.4)
    figure.supxlabel("step", fontsize=9)
    figure.supylabel("sharpness / edge", fontsize=9)
    return figure


def main() -> None:
    """Train the six rows, draw and write the numbers."""
    rows = []
    for name, optimizer, lr, options, edge in ROWS:
        found = follow(optimizer, lr, options)
        values = np.array(found["sharpness"])
        ratio = float(values[np.flatnonzero(values > edge)[0] :].mean() / edge)
        rows.append({"name": name, "edge": edge, "ratio": ratio, **found})
        print(f"{name}: {ratio:.3f}")
    FIGURES.mkdir(exist_ok=True)
    (FIGURES / "edge_of_stability.json").write_text(json.dumps(rows, indent=1) + "\n")
    with rc_context({"pdf.fonttype": 42}):
        figure = draw(rows)
        FigureCanvasAgg(figure)
        figure.savefig(FIGURES / "edge_of_stability.pdf", metadata={"CreationDate": None})
        figure.savefig(FIGURES / "edge_of_stability.png", dpi=200)


if __name__ == "__main__":
    main()
