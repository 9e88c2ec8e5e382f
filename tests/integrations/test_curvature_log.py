"""Rows of curvature along somebody else's training loop."""

import pytest
import torch
from torch import nn

import landscape
from landscape.errors import UsageError
from landscape.integrations.curvature_log import CurvatureLog, library
from landscape.store import read_rows


def examples():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(12, 3, generator=generator), torch.randint(2, (12,), generator=generator)


def test_a_row_every_other_epoch(tmp_path):
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    log = CurvatureLog(tmp_path / "new" / "folder", examples(), "cross_entropy", every=2)
    for epoch in range(1, 5):
        log.epoch_ended(model, epoch, 3 * epoch)
    rows = read_rows(log.path)
    assert [(row["epoch"], row["step"], row["examples"], row["reason"]) for row in rows] == [
        (2, 6, 12, ""),
        (4, 12, 12, ""),
    ]
    expected = landscape.measure(model, "cross_entropy", examples())
    for name, found in rows[0]["measurements"].items():
        assert found["value"] == pytest.approx(expected[name].value, rel=1e-12)
        assert found["error"] == pytest.approx(expected[name].error, rel=1e-6)
        assert found["matvecs"] == expected[name].matvecs
        assert found["converged"]
    x, y = examples()
    assert rows[0]["train_loss"] == pytest.approx(nn.functional.cross_entropy(model(x), y).item(), rel=1e-6)


def test_what_fails_is_written_and_ends_nothing(tmp_path):
    model = nn.Linear(3, 2)
    log = CurvatureLog(tmp_path, examples(), "cross_entropy", measures=["trace", "preconditioned_top_eigenvalue"])
    log.epoch_ended(model, 1, 1)
    with torch.no_grad():
        model.weight.fill_(torch.nan)
    log.epoch_ended(model, 2, 2)
    model.forward = lambda x: 1 / 0
    log.epoch_ended(model, 3, 3)
    first, second, third = read_rows(log.path)
    assert first["reason"] == ""
    assert first["measurements"]["trace"]["converged"]
    assert first["measurements"]["preconditioned_top_eigenvalue"]["value"] is None
    assert "no optimizer state" in first["measurements"]["preconditioned_top_eigenvalue"]["reason"]
    assert second["measurements"] == third["measurements"] == {}
    assert "nan" in second["reason"]
    assert "division by zero" in third["reason"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measures": ["top_eigenvalu"]}, "Did you mean"),
        ({"options": {"trace": {"rtoll": 1}}}, "rtol"),
        ({"every": 0}, "1 or more"),
    ],
)
def test_mistakes_are_told_before_training(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        CurvatureLog(tmp_path, examples(), "cross_entropy", **options)


def test_without_the_library_the_message_says_how_to_get_it():
    with pytest.raises(UsageError, match=r"Type: pip install this that$"):
        library("no_such_library", "this", "that")
