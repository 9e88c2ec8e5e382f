import numpy as np
import pytest
import torch

from landscape.errors import UsageError
from landscape.losses import count_correct, cross_entropy, half_squared, mse
from landscape.registry import losses

OUTPUTS = torch.randn(7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 3, 1, 1, 2, 0, 3])
NUMBERS = torch.randn(7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_names():
    assert losses.names() == ("cross_entropy", "half_squared", "mse")
    assert losses["half_squared"].value is half_squared


def test_cross_entropy_is_the_closed_form():
    f, y = OUTPUTS.numpy(), CLASSES.numpy()
    expected = np.mean(np.log(np.exp(f).sum(axis=1)) - f[np.arange(7), y])
    assert cross_entropy(OUTPUTS, CLASSES).item() == pytest.approx(expected, rel=1e-14)


def test_half_squared_sums_outputs_and_means_examples():
    errors = OUTPUTS.numpy() - np.eye(4)[CLASSES.numpy()]
    assert half_squared(OUTPUTS, CLASSES).item() == pytest.approx(0.5 * (errors**2).sum() / 7, rel=1e-14)
    errors = OUTPUTS.numpy() - NUMBERS.numpy()
    assert half_squared(OUTPUTS, NUMBERS).item() == pytest.approx(0.5 * (errors**2).sum() / 7, rel=1e-14)


def test_mse_is_that_of_torch():
    onehot = torch.nn.functional.one_hot(CLASSES, 4).double()
    reference = torch.nn.MSELoss()
    assert mse(OUTPUTS, CLASSES).item() == pytest.approx(reference(OUTPUTS, onehot).item(), rel=1e-14)
    assert mse(OUTPUTS, NUMBERS).item() == pytest.approx(reference(OUTPUTS, NUMBERS).item(), rel=1e-14)
    assert mse(OUTPUTS, CLASSES).item() == pytest.approx(half_squared(OUTPUTS, CLASSES).item() * 2 / 4, rel=1e-14)


@pytest.mark.parametrize("name", losses.names())
def test_a_mean_over_examples_in_the_precision_of_the_outputs(name):
    loss = losses[name].value
    whole = loss(OUTPUTS, CLASSES)
    parts = 3 * loss(OUTPUTS[:3], CLASSES[:3]) + 4 * loss(OUTPUTS[3:], CLASSES[3:])
    assert whole.shape == ()
    assert whole.dtype == torch.float64
    assert (parts / 7).item() == pytest.approx(whole.item(), rel=1e-14)
    assert loss(OUTPUTS.float(), CLASSES).dtype == torch.float32


def test_numbers_are_not_taken_for_probabilities():
    with pytest.raises(UsageError, match="needs classes"):
        cross_entropy(OUTPUTS, NUMBERS)


@pytest.mark.parametrize("loss", [half_squared, mse])
def test_targets_are_never_broadcast(loss):
    with pytest.raises(UsageError, match=r"shape \(7, 4\), not \(7, 1\)"):
        loss(OUTPUTS, NUMBERS[:, :1])


def test_correct_examples_are_counted():
    outputs = torch.tensor([[2.0, 1, 0], [0, 1, 2], [0, 2, 1], [3, 0, 1]])
    assert count_correct(outputs, torch.tensor([0, 2, 0, 0])).item() == 3
