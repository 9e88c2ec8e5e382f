import pytest
import torch

from landscape.data import load_dataset
from landscape.errors import UsageError


def test_clusters_have_the_shape_asked_for():
    data = load_dataset("synthetic", options={"classes": "3", "dimension": 5, "examples": "99", "test_examples": 30})
    assert data.train[0].shape == (99, 5)
    assert data.train[0].dtype == torch.float32
    assert data.train[1].bincount().tolist() == [33, 33, 33]
    assert data.test[0].shape == (30, 5)
    assert (data.num_classes, data.num_outputs, data.input_shape) == (3, 3, (5,))


def test_clusters_have_unit_covariance_and_the_separation_asked_for():
    options = {"classes": 50, "dimension": 40, "separation": 7.0, "examples": 20_000}
    x, y = load_dataset("synthetic", options=options).train
    centres = torch.stack([x[y == label].mean(dim=0) for label in range(50)])
    residual = x - centres[y]
    assert residual.var() == pytest.approx(400 / 399, rel=0.01)
    # Sample means of 400 examples are themselves off by 1/20 in each direction.
    distances = torch.pdist(centres).square().mean() - 2 * 40 / 400
    assert distances.sqrt() == pytest.approx(7.0, rel=0.05)


def test_test_examples_come_from_the_same_clusters():
    data = load_dataset("synthetic", options={"classes": 2, "separation": 20})
    centres = torch.stack([data.train[0][data.train[1] == label].mean(dim=0) for label in range(2)])
    assert torch.equal(torch.cdist(data.test[0], centres).argmin(dim=1), data.test[1])
    assert not torch.equal(data.train[0], data.test[0])


def test_regression_is_a_noisy_linear_map():
    options = {"dimension": 8, "outputs": 3, "noise": 0.5, "examples": 5000}
    data = load_dataset("synthetic-regression", options=options)
    x, y = data.train
    assert data.num_classes is None
    assert data.num_outputs == 3
    assert y.dtype == torch.float32
    weights = torch.linalg.lstsq(x, y).solution
    assert (y - x @ weights).std() == pytest.approx(0.5, rel=0.03)
    assert (data.test[1] - data.test[0] @ weights).std() == pytest.approx(0.5, rel=0.05)


def test_without_noise_the_map_is_exact():
    x, y = load_dataset("synthetic-regression", options={"noise": 0}).train
    torch.testing.assert_close(x @ torch.linalg.lstsq(x, y).solution, y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["synthetic", "synthetic-regression"])
def test_the_same_seed_draws_the_same(name):
    one, same, other = (load_dataset(name, seed=seed) for seed in (4, 4, 5))
    assert torch.equal(one.train[0], same.train[0])
    assert torch.equal(one.test[1], same.test[1])
    assert not torch.equal(one.train[0], other.train[0])


def test_a_subset_of_clusters_is_balanced_and_one_of_regression_the_first():
    assert load_dataset("synthetic", train_examples=50).train[1].bincount().tolist() == [5] * 10
    few, all_of_them = (load_dataset("synthetic-regression", train_examples=n).train[0] for n in (7, None))
    assert torch.equal(few, all_of_them[:7])


def test_unknown_option_is_refused_with_a_suggestion():
    with pytest.raises(UsageError, match=r"no option 'clases'. Did you mean 'classes'\?"):
        load_dataset("synthetic", options={"clases": 3})


def test_the_place_is_no_option():
    with pytest.raises(UsageError, match="no option 'place'"):
        load_dataset("synthetic", options={"place": 3})
