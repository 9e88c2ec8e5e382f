"""Bad settings are refused with one message before anything runs; schedules equal torch's."""

import warnings

import pytest
import torch
from torch.optim import lr_scheduler

from landscape.errors import UsageError
from landscape.training import TrainingConfig
from landscape.training.schedules import Schedule


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": 0.0}, "lr must be positive"),
        ({"lr": -1.0}, "lr must be positive"),
        ({"lr": float("nan")}, "lr must be positive and finite"),
        ({"lr": float("inf")}, "lr must be positive and finite"),
        ({"lr": None}, "lr must be a number"),
        ({"lr": "0.1"}, "lr must be a number"),
        ({"epochs": None}, "exactly one"),
        ({"steps": 10}, "exactly one"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"epochs": True}, "epochs must be a whole number"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"evaluate_every": 0}, "evaluate_every"),
        ({"schedule": "cosin"}, "Did you mean 'cosine'"),
        ({"warmup": 5}, "leaves nothing"),
        ({"milestones": (0.7, 0.5)}, "increasing"),
        ({"milestones": (0.5, 1.0)}, "between 0 and 1"),
        ({"decay": 0.0}, "decay must be positive"),
        ({"clip_norm": 0.0}, "clip_norm must be positive"),
        ({"target_loss": 0.0}, "target_loss must be positive"),
        ({"target_accuracy": 95.0}, "between 0 and 1"),
        ({"max_loss": float("nan")}, "max_loss"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        TrainingConfig(**{"optimizer": "sgd", "lr": 0.1, "epochs": 5, **settings})


def torch_factors(scheduler, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    with warnings.catch_warnings():
        # SequentialLR passes an argument that torch itself deprecates
        warnings.simplefilter("ignore", UserWarning)
        schedule = scheduler(optimizer)
        factors = []
        for _ in range(steps):
            factors.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
    return factors


def warmed(after, warmup):
    def make(optimizer):
        first = lr_scheduler.LinearLR(optimizer, 1 / warmup, total_iters=warmup - 1)
        return lr_scheduler.SequentialLR(optimizer, [first, after(optimizer)], [warmup])

    return make


@pytest.mark.parametrize(
    ("schedule", "reference"),
    [
        (Schedule("cosine", 40), lambda opt: lr_scheduler.CosineAnnealingLR(opt, 40)),
        (Schedule("step", 40), lambda opt: lr_scheduler.MultiStepLR(opt, [20, 30])),
        (
            Schedule("step", 41, milestones=(0.5,), decay=0.5),
            lambda opt: lr_scheduler.MultiStepLR(opt, [21], gamma=0.5),
        ),
        (Schedule("constant", 40, warmup=5), warmed(lambda opt: lr_scheduler.ConstantLR(opt, 1.0), 5)),
        (Schedule("cosine", 40, warmup=8), warmed(lambda opt: lr_scheduler.CosineAnnealingLR(opt, 32), 8)),
        (Schedule("step", 40, warmup=4), warmed(lambda opt: lr_scheduler.MultiStepLR(opt, [16, 26]), 4)),
    ],
)
def test_schedules_equal_torch(schedule, reference):
    ours = [schedule(step) for step in range(schedule.total)]
    assert ours == pytest.approx(torch_factors(reference, schedule.total), rel=1e-9, abs=1e-12)


def test_constant_is_one_everywhere():
    assert {Schedule("constant", 10)(step) for step in range(10)} == {1.0}
