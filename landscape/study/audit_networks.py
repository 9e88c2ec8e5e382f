"""The small networks that an audit trains where no minimum is given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from landscape.data import load_dataset
from landscape.losses import cross_entropy
from landscape.minimum import Minimum
from landscape.models import build_model
from landscape.problem import Problem
from landscape.study.one_minimum import OneMinimum
from landscape.training import TrainingConfig, train

EPOCHS, LEARNING_RATE, BATCH = 20, 3e-3, 64


@dataclass(frozen=True)
class Network:
    """A network to train on digits."""

    name: str
    model: str
    options: dict[str, Any]


NETWORKS = (
    Network("ReLU MLP 64-24-24-10", "mlp", {"widths": (24, 24), "activation": "relu"}),
    Network("CNN with BatchNorm", "cnn", {"channels": (8, 16), "norm": "batch"}),
)


def trained_networks(seed: int, on_progress: Callable[[str], None] | None = None) -> list[OneMinimum]:
    """Return the networks fitted to digits by Adam, in float64, on the CPU: some seconds.

    Args:
        seed: Of weights and data order.
        on_progress: Told what is being trained.
    """
    dataset = load_dataset("digits")
    found = []
    for network in NETWORKS:
        if on_progress is not None:
            on_progress(f"Training {network.name} on digits.")
        model = build_model(
            network.model, dataset.input_shape, dataset.num_outputs, options=network.options, seed=seed
        ).double()
        how = TrainingConfig("adam", LEARNING_RATE, batch_size=BATCH, epochs=EPOCHS, seed=seed)
        initial = Problem(model, cross_entropy, dataset.train, dtype=torch.float64).theta
        train(model, cross_entropy, dataset, how, device="cpu", dtype=torch.float64)
        problem = Problem(model, cross_entropy, dataset.train, dtype=torch.float64, device="cpu")
        provenance = {"learning_rate": LEARNING_RATE, "seed": seed}
        minimum = Minimum(problem, problem.theta, provenance=provenance, initial=initial)
        origin = f"trained on digits by Adam (learning rate {LEARNING_RATE:g}, {EPOCHS} epochs, seed {seed})"
        settings = {"dataset": "digits", "model": network.model, "model_option": network.options, "seed": seed}
        found.append(OneMinimum(minimum, network.name, origin, dataset.num_classes, settings))
    return found
