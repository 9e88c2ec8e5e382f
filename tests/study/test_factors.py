"""Options with levels and data sets as factors, and balanced parts of their product."""

import itertools
import tomllib
from collections import Counter

import pytest

from landscape.errors import UsageError
from landscape.report import write_report
from landscape.report.tidy_table import tidy_table
from landscape.statistics.pairing import find_pairs
from landscape.study.cells import cells, factors
from landscape.study.config import resolve, to_toml
from landscape.study.extend import is_extension
from landscape.study.fraction import drawn
from landscape.study.option_levels import LISTS, option_levels
from landscape.study.run import run_study
from landscape.study.train_cell import model_options, training_config

RATES = {"sgd": [0.05, 0.1], "adam": [0.01, 0.02]}
SMALL = {
    "model": "mlp", "train_examples": 80, "epochs": 2, "seeds": 3, "target_loss": [2.1], "lr": RATES,
    "measures": "weight_norm", "surface_points": 0, "resamples": 100, "device": "cpu",
}  # fmt: skip


def configured(**keys):
    return resolve(("Here", {"lr": RATES, "seeds": 1, **keys}))


def same_as_written(config):
    return resolve(("there", tomllib.loads(to_toml(config)))) == config


def test_options_for_all_are_paired_by_value():
    config = configured(optimizer="heavy_ball,sgd", lr=[0.1], optimizer_option={"momentum": [0.0, 0.9]})
    every = cells(config)
    assert [cell.id for cell in every] == [
        "heavy_ball-lr0.1-momentum0.0-seed0", "sgd-lr0.1-momentum0.0-seed0",
        "heavy_ball-lr0.1-momentum0.9-seed0", "sgd-lr0.1-momentum0.9-seed0",
    ]  # fmt: skip
    assert [training_config(config, cell).optimizer_options["momentum"] for cell in every] == [0.0, 0.0, 0.9, 0.9]
    assert [factors(config, cell)["momentum"] for cell in every] == [0.0, 0.0, 0.9, 0.9]
    assert same_as_written(config)


def runs_of(config):
    return [
        {"id": c.id, "optimizer": c.optimizer, "seed": c.seed, "lr_rank": c.lr_rank, "factors": factors(config, c)}
        for c in cells(config)
    ]


def test_options_of_one_optimizer_are_paired_by_rank():
    own = {"sgd": {"momentum": [0.0, 0.9]}, "adam": {"betas": [[0.9, 0.999], [0.5, 0.9]]}}
    config = configured(optimizer_option=own)
    pairs, alone = find_pairs(runs_of(config), "adam", "sgd")
    assert (len(pairs), alone) == (4, 0)
    assert {(p.denominator["factors"]["sgd.momentum"], p.numerator["factors"]["adam.betas"]) for p in pairs} == {
        (0.0, "0.9x0.999"), (0.9, "0.5x0.9")
    }  # fmt: skip
    assert [training_config(config, cell).optimizer_options.get("betas") for cell in cells(config)][2 * 2 :] == [
        (0.9, 0.999), (0.9, 0.999), (0.5, 0.9), (0.5, 0.9)
    ]  # fmt: skip
    assert same_as_written(config)
    # one that has no levels pairs with the first of the other's
    pairs, alone = find_pairs(runs_of(configured(optimizer_option={"sgd": own["sgd"]})), "adam", "sgd")
    assert (len(pairs), alone) == (2, 2)


def test_options_of_networks_and_data_sets():
    config = configured(
        model="cnn,mlp", optimizer="sgd", lr=[0.1], dataset="digits,synthetic",
        model_option={"mlp": {"widths": [[8], [8, 4]], "activation": ["tanh", "relu"]}, "cnn": {"channels": [4, 8]}},
    )  # fmt: skip
    every = cells(config)
    assert len(every) == 2 * (1 + 4) == len({cell.id for cell in every})
    assert Counter(cell.dataset for cell in every) == {"digits": 5, "synthetic": 5}
    assert every[0].id == "sgd-lr0.1-modelcnn-datasetdigits-seed0"
    assert model_options(config, every[0]) == {"channels": [4, 8]}
    (deep,) = [cell for cell in every if cell.id == "sgd-lr0.1-modelmlp-datasetdigits-widths8x4-activationrelu-seed0"]
    assert model_options(config, deep) == {"widths": (8, 4), "activation": "relu"}
    assert factors(config, deep)["widths"] == "8x4"
    assert factors(config, every[0])["widths"] is None
    assert same_as_written(config)


def test_words_of_a_command_line():
    assert option_levels(["momentum=0.9"]) == {"momentum": "0.9"}
    assert option_levels(["momentum=0", "momentum=0.9"]) == {"momentum": (0, 0.9)}
    assert option_levels(["adam.betas=0.9,0.99", "adam.betas=0.5,0.9"]) == {
        "adam": {"betas": ([0.9, 0.99], [0.5, 0.9])}
    }
    assert option_levels(["file.py:net.norm=batch", "file.py:net.norm=none"]) == {
        "file.py:net": {"norm": ("batch", "none")}
    }
    assert option_levels({"norm": ["batch"], "widths": (8, 8)}) == {"norm": "batch", "widths": [8, 8]}


def test_options_that_are_lists_are_known():
    import inspect
    from typing import get_origin

    from landscape.registry import models, optimizers
    from landscape.training.optimizer_definition import OptimizerDefinition

    found = set()
    for entry in (*models.entries(), *optimizers.entries()):
        value = entry.value.build if isinstance(entry.value, OptimizerDefinition) else entry.value
        if "NAME" in entry.name:
            continue
        offered = entry.value.options if isinstance(entry.value, OptimizerDefinition) else None
        for name, each in inspect.signature(value, eval_str=False).parameters.items():
            listed = isinstance(each.default, tuple) or get_origin(each.annotation) is tuple
            if listed and name != "input_shape" and (offered is None or name in offered):
                found.add(name)
    assert found == set(LISTS)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("factors") / "out"
    keys = {
        "model_option": {"widths": [[6], [6, 6]]},
        "optimizer_option": {"adam": {"betas": [[0.9, 0.999], [0.5, 0.9]]}},
    }
    report = run_study(resolve(("Here", {**SMALL, **keys})), root, jobs=1)
    write_report(root)
    return root, report


def test_levels_are_axes_of_the_statistics_and_columns_of_the_table(study):
    _, report = study
    assert len(report["runs"]) == 2 * 3 * 2 * (1 + 2)
    axes = {row["axis"] for row in report["relations"]["end"]["granulated"]}
    assert {"widths", "option_rank", "lr", "optimizer"} <= axes
    head = tidy_table(report).splitlines()[0].split(",")
    assert {"widths", "adam.betas", "option_rank"} <= set(head)
    rows = [row for row in report["relations"]["end"]["ratios"] if row["pairing"] == "all"]
    assert rows[0]["pairs"] == 2 * 3 * 2
    assert "runs without a partner: 12" in rows[0]["note"]


def test_a_part_is_the_same_for_every_optimizer_and_seed():
    product = {"batch_size": [16, 32, 64], "label_noise": [0.0, 0.1], "lr": {"*": [0.1, 0.2, 0.3]}}
    config = configured(**product, seeds=2, fraction=0.25)
    every = cells(config)
    settings = {(c.optimizer, c.seed): set() for c in every}
    for c in every:
        settings[c.optimizer, c.seed].add((c.batch_size, c.label_noise, c.lr_rank))
    assert len(settings) == 4
    assert len(set(map(frozenset, settings.values()))) == 1
    assert len(every) == 4 * 5
    assert same_as_written(config)
    assert [c.id for c in cells(config)] == [c.id for c in every]
    assert {c.id for c in every} < {c.id for c in cells(configured(**product, seeds=2))}
    assert [c.id for c in cells(configured(**product, seeds=2, fraction=0.25, fraction_seed=1))] != [
        c.id for c in every
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.02, 0.1, 0.25, 0.5])
def test_a_part_is_balanced_and_holds_every_level(share, seed):
    levels = [2, 3, 4, 5]
    settings = list(itertools.product(*map(range, levels)))
    found = drawn(settings, share, seed)
    assert len(set(found)) == len(found) >= max(share * len(settings), max(levels))
    assert len(found) <= max(-(-share * len(settings) // 1), max(levels))
    for factor, count in enumerate(levels):
        seen = Counter(settings[index][factor] for index in found)
        assert len(seen) == count
        assert max(seen.values()) - min(seen.values()) <= 2


def test_a_half_of_two_by_two_is_a_diagonal():
    for seed in range(4):
        a, b = (divmod(index, 2) for index in drawn(list(itertools.product((0, 1), (0, 1))), 0.5, seed))
        assert a[0] != b[0]
        assert a[1] != b[1]


@pytest.mark.parametrize(
    ("old", "new", "grows"),
    [
        (
            {"optimizer_option": {"sgd": {"momentum": 0.9}}},
            {"optimizer_option": {"sgd": {"momentum": [0.0, 0.9]}}},
            True,
        ),
        ({"model_option": {"widths": [8]}}, {"model_option": {"widths": [[8], [4]]}}, True),
        ({"model_option": {"widths": [8]}}, {"model_option": {"widths": [[9], [4]]}}, False),
        ({}, {"dataset": ["digits", "synthetic"]}, True),
        ({"fraction": 0.5}, {"fraction": 0.5, "seeds": 2}, True),
        ({"fraction": 0.5}, {"fraction": 0.5, "batch_size": [64, 32]}, False),
    ],
)
def test_levels_can_be_added(old, new, grows):
    old, new = configured(model="mlp", **old), configured(model="mlp", **new)
    assert is_extension(old, new) is grows


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"fraction": 0}, "above 0, up to 1"),
        ({"fraction": 1.5}, "above 0, up to 1"),
        ({"fraction": "half"}, "above 0, up to 1"),
        ({"optimizer_option": {"momentum": []}}, "lists of one value or more"),
        ({"optimizer_option": {"momentum": [0.9, 0.9]}}, "without repetitions"),
        ({"optimizer_option": {"momentum": [0.0, 0.9], "sgd": {"momentum": 0.5}}}, "cannot be paired by it"),
        ({"optimizer_option": {"weight_decay": [0.0, 0.1]}}, "a factor of its own"),
        ({"model": "mlp", "model_option": {"mlpp": {"widths": [8]}}}, "[Dd]id you mean 'mlp'"),
        ({"dataset": ["digits", "digits"]}, "without repetitions"),
        ({"dataset": ["digits", "synthetic"], "data": "file.py:make"}, "Keep one of the two"),
        ({"tune": 3, "lr": {}, "optimizer_option": {"sgd": {"momentum": [0.0, 0.9]}}}, "A search is for one setting"),
        ({"checkpoint": ["a=a.pt"], "fraction": 0.5}, "Checkpoints are trained already"),
    ],
)
def test_levels_that_make_no_sense_are_refused(keys, words):
    with pytest.raises(UsageError, match=words):
        configured(**keys)
