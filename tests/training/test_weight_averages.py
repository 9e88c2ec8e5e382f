"""Averages of the weights are torch's own, whatever happens to the training in between."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from landscape.errors import UsageError
from landscape.training import TrainingConfig, train
from landscape.training.averaged_minima import averaged_snapshots
from landscape.training.live_checkpoint import read_live, write_live
from landscape.training.loop import training_steps
from landscape.training.prepare import prepare_run
from landscape.training.run import take_steps
from landscape.weight_average import WeightAverage

AVERAGES = ("ema:0.9", "swa:0.5")


def config(**keys):
    return TrainingConfig("adam", 0.01, **{"batch_size": 50, "epochs": 4, "average": AVERAGES, **keys})


def plain(make_model, dataset, batch, epochs):
    """Average as torch's documentation does, along the same trajectory: EMA every step, SWA every epoch from half."""
    model = make_model()
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    swa = AveragedModel(model)
    settings = TrainingConfig("adam", 0.01, batch_size=batch, epochs=epochs)
    run = prepare_run(model, cross_entropy, dataset, settings, device=torch.device("cpu"), dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        total = len(run.learning_rates)
        for step in take_steps(run, 0, total):
            ema.update_parameters(model)
            if step % run.steps_per_epoch == 0 and step >= total / 2:
                swa.update_parameters(model)
    x, y = dataset.train
    for each in (ema, swa):
        each.eval()  # dropout off, as it is when the network is used
        norms = [part for part in each.modules() if isinstance(part, torch.nn.BatchNorm1d)]
        for norm in norms:
            norm.train()
        each.train = lambda mode=True: None
        update_bn(list(x.split(batch)), each)
        del each.train
        each.eval()
    return {"ema:0.9": ema.module, "swa:0.5": swa.module}, (x, y)


def test_averages_and_their_batch_norm_are_torchs_own(make_noisy, clusters):
    expected, (x, y) = plain(make_noisy, clusters, 50, 4)
    result = train(make_noisy(), cross_entropy, clusters, config(), device="cpu")
    assert set(result.averages) == set(AVERAGES)
    for name, model in expected.items():
        found = result.averages[name]
        for key, value in model.state_dict().items():
            if "num_batches" not in key:
                assert torch.allclose(found.state_dict[key], value, rtol=1e-5, atol=1e-6), (name, key)
        with torch.no_grad():
            assert found.train_loss == pytest.approx(float(cross_entropy(model(x), y)), rel=1e-5)
        assert (found.step, found.epoch, found.target) == (12, 4, None)
    end = result.end.state_dict
    assert not any(torch.equal(each.state_dict["0.weight"], end["0.weight"]) for each in result.averages.values())
    # statistics of the last steps of training would not do
    assert not torch.allclose(result.averages["swa:0.5"].state_dict["1.running_var"], end["1.running_var"], rtol=1e-3)


def test_an_uneven_last_batch_weighs_by_its_size(make_noisy, clusters, device):
    """Batches of 70, 70 and 10 of 150: the mean over examples is that of one pass over all."""
    result = train(make_noisy(), cross_entropy, clusters, config(batch_size=70), device=device)
    found = result.averages["swa:0.5"].state_dict
    hidden = clusters.train[0] @ found["0.weight"].T + found["0.bias"]
    assert torch.allclose(found["1.running_mean"], hidden.mean(0), atol=1e-6)
    # the unbiased variances of three batches, weighted by 70, 70 and 10
    variance = sum(len(part) / 150 * part.var(0) for part in hidden.split(70))
    assert torch.allclose(found["1.running_var"], variance, rtol=1e-5)


def test_training_itself_does_not_see_them(make_noisy, clusters):
    with_averages = train(make_noisy(), cross_entropy, clusters, config(target_loss=0.9), device="cpu")
    without = train(make_noisy(), cross_entropy, clusters, config(target_loss=0.9, average=()), device="cpu")
    assert without.averages == {}
    assert [row.train_loss for row in with_averages.history] == [row.train_loss for row in without.history]
    for a, b in ((with_averages.end, without.end), (with_averages.matched, without.matched)):
        assert all(torch.equal(a.state_dict[key], b.state_dict[key]) for key in a.state_dict)


def test_the_search_for_the_matched_loss_leaves_them_as_they_are(make_noisy, clusters):
    """Steps of the crossing epoch are taken twice; they must not be averaged in twice."""
    plainly = train(make_noisy(), cross_entropy, clusters, config(), device="cpu")
    matched = train(make_noisy(), cross_entropy, clusters, config(target_loss=0.9), device="cpu")
    assert matched.matched is not None
    for name, each in plainly.averages.items():
        other = matched.averages[name].state_dict
        assert all(torch.equal(value, other[key]) for key, value in each.state_dict.items())


def test_they_go_on_from_a_file_bit_for_bit(make_noisy, clusters, tmp_path):
    whole = train(make_noisy(), cross_entropy, clusters, config(), device="cpu")

    def run():
        return prepare_run(
            make_noisy(), cross_entropy, clusters, config(), device=torch.device("cpu"), dtype=torch.float32
        )

    first = run()
    with torch.random.fork_rng(devices=[]):
        for _ in take_steps(first, 0, 7):
            pass
        write_live(tmp_path / "state.pt", first, 7, {})
        second = run()
        step, _ = read_live(tmp_path / "state.pt", second)
        for _ in take_steps(second, step, 12):
            pass
    row = list(training_steps(make_noisy(), cross_entropy, clusters, config(), device="cpu"))[-1].row
    for name, each in averaged_snapshots(second, row).items():
        expected = whole.averages[name].state_dict
        assert all(torch.equal(value, expected[key]) for key, value in each.state_dict.items())


def test_the_live_model_is_put_back(make_noisy, clusters):
    model = make_noisy()
    result = train(model, cross_entropy, clusters, config(), device="cpu")
    for key, value in model.state_dict().items():
        assert torch.equal(value, result.end.state_dict[key])


@pytest.mark.parametrize(
    ("name", "total", "each", "expected"),
    [
        ("ema:0.5", 4, 2, [1, 2, 3, 4]),
        ("swa:0.75", 40, 5, [30, 35, 40]),
        ("swa:0", 6, 2, [2, 4, 6]),
        # training in steps that ends within an epoch: an epoch apart, counted back from the end
        ("swa:0.5", 11, 3, [8, 11]),
        ("swa:0.9", 10, 1, [9, 10]),
    ],
)
def test_points(name, total, each, expected):
    assert list(WeightAverage.parse(name).points(total, each)) == expected


def test_a_moving_average_that_remembers_the_start_says_so(make_mlp, clusters):
    result = train(make_mlp(), cross_entropy, clusters, config(average=("ema:0.99",)), device="cpu")
    assert f"{100 * 0.99**11:.0f} % of this average" in result.averages["ema:0.99"].note
    result = train(make_mlp(), cross_entropy, clusters, config(average=("ema:0.5",)), device="cpu")
    assert result.averages["ema:0.5"].note == ""


def test_a_diverged_run_has_none(make_mlp, clusters):
    diverging = config(max_loss=1e-3)
    assert train(make_mlp(), cross_entropy, clusters, diverging, device="cpu").averages == {}


@pytest.mark.parametrize(
    "name",
    [
        "ema",
        "ema:",
        "ema:1",
        "ema:0",
        "ema:1.5",
        "ema:-0.1",
        "ema:nan",
        "swa:1",
        "swa:-1",
        "mean:0.5",
        ":",
        "ema:0.9:1",
    ],
)
def test_bad_names_are_refused(name):
    with pytest.raises(UsageError, match=r"ema:0\.999, or swa:START"):
        config(average=(name,))


def test_doubled_names_and_single_points_are_refused(make_mlp, clusters):
    with pytest.raises(UsageError, match="named twice"):
        config(average=("ema:0.9", "ema:0.90"))
    with pytest.raises(UsageError, match="list of names"):
        config(average="ema:0.9")
    with pytest.raises(UsageError, match="one point only"):
        train(make_mlp(), cross_entropy, clusters, config(average=("swa:0.9",)), device="cpu")
    assert math.isclose(WeightAverage.parse("swa:.75").number, 0.75)
