"""Optimizers, the training loop and checkpoints."""

from landscape.training.checkpoint import read_snapshot, write_snapshot
from landscape.training.coming_update import coming_update
from landscape.training.config import TrainingConfig
from landscape.training.history import Cost, HistoryRow, Speed
from landscape.training.loop import training_steps
from landscape.training.optimizer_state import OptimizerState, second_moment
from landscape.training.snapshot import Snapshot
from landscape.training.train import TrainingResult, train
from landscape.training.user_checkpoint import load_into
from landscape.training.view import TrainingView

__all__ = [
    "Cost",
    "HistoryRow",
    "OptimizerState",
    "Snapshot",
    "Speed",
    "TrainingConfig",
    "TrainingResult",
    "TrainingView",
    "coming_update",
    "load_into",
    "read_snapshot",
    "second_moment",
    "train",
    "training_steps",
    "write_snapshot",
]
