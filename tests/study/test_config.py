import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.errors import UsageError
from landscape.study.cells import cells
from landscape.study.config import KEYS, StudyConfig, differences, read_toml, resolve, to_toml


def of(**keys):
    return resolve(("Here", keys))


def test_defaults_are_the_demo():
    config = StudyConfig()
    runs = cells(config)
    assert len(runs) == 30
    assert len({run.id for run in runs}) == 30
    assert {run.optimizer for run in runs} == {"sgd", "adam"}
    assert {run.seed for run in runs} == set(range(5))


def test_words_of_the_command_line_and_values_of_a_file_mean_the_same(tmp_path):
    flags = {
        "optimizer": ("sgd", "adam"),
        "lr": ("sgd=0.05,0.1", "adam=3e-4,1e-3"),
        "optimizer_option": ("sgd.momentum=0.8", "weight_decay=0.1"),
        "batch_size": ("32,full",),
        "seeds": "3",
    }
    file = tmp_path / "study.toml"
    file.write_text(
        """
        optimizer = ["sgd", "adam"]
        batch_size = [32, "full"]
        seeds = 3
        [lr]
        sgd = [0.05, 0.1]
        adam = [3e-4, 1e-3]
        [optimizer_option]
        weight_decay = "0.1"
        sgd = {momentum = "0.8"}
        """
    )
    assert resolve(("flags", flags)) == resolve((str(file), read_toml(file)))


def test_flags_win_over_environment_over_file():
    config = resolve(
        ("flags", {"epochs": "3"}),
        ("env", {"epochs": "4", "seeds": "2"}),
        ("file", {"epochs": 5, "seeds": 9, "seed": 7}),
    )
    assert (config.epochs, config.seeds, config.seed) == (3, 2, 7)
    merged = resolve(("flags", {"lr": ("adam=0.5",)}), ("file", {"lr": {"sgd": [0.1], "adam": [0.2]}}))
    assert merged.lr == {"sgd": (0.1,), "adam": (0.5,)}


OTHER = {
    "dataset": "mnist", "data": "a.py:f", "data_dir": "d", "subset": "first", "loss": "mse", "schedule": "cosine",
    "device": "cpu", "dtype": "float64", "clip_norm": 1.5, "steps": 7, "examples": 9, "rtol": 0.1,
    "checkpoint": ("a.pt", "b,c.pt"),
    "train_examples": (None, 5), "weight_decay": (None, 0.1), "batch_size": ("full", 3), "measures": ("trace",),
    "model": ("mlp",), "optimizer": ("adam", "sgd"), "lr": {"*": (0.1, 0.2), "sgd": (0.3,)},
    "model_option": {"widths": [3, 4], 'odd "name"': "x\ny\\"},
    "optimizer_option": {"sgd": {"momentum": 0.5}, "eps": 1e-3},
    "dataset_option": {"classes": 3}, "measure_option": {"trace": {"rtol": "0.1"}}, "label_noise": (0.0, 0.5),
}  # fmt: skip


def test_toml_comes_back_as_the_same_configuration(tmp_path):
    path = tmp_path / "study.toml"
    for config in (StudyConfig(), of(**OTHER)):
        path.write_text(to_toml(config))
        assert resolve((str(path), read_toml(path))) == config
    changed = [key for key in KEYS if getattr(StudyConfig(), key) != getattr(of(**OTHER), key)]
    assert set(changed) == set(OTHER)
    assert len(differences(StudyConfig(), of(**OTHER))) == len(OTHER) - 1  # where the data lie makes none


@given(st.text())
def test_any_text_survives_toml(tmp_path_factory, text):
    config = of(model_option={"note": text})
    path = tmp_path_factory.mktemp("toml") / "study.toml"
    path.write_text(to_toml(config), encoding="utf-8", newline="")
    assert resolve((str(path), read_toml(path))).model_option == {"note": text}


def test_lists_multiply_and_seeds_pair_optimizers():
    config = of(batch_size=[32, 64], label_noise=[0.0, 0.2], seeds=2, lr={"sgd": [0.3, 0.1], "adam": [1e-3]})
    runs = cells(config)
    assert len(runs) == 2 * 2 * 2 * 3
    sgd = [
        run
        for run in runs
        if run.optimizer == "sgd" and run.seed == 1 and run.batch_size == 64 and run.label_noise == 0
    ]
    assert [(run.lr_rank, run.lr) for run in sgd] == [(0, 0.1), (1, 0.3)]
    assert "sgd-lr0.1-batch_size64-label_noise0.0-seed1" in {run.id for run in runs}


def test_checkpoints_are_runs_of_their_own():
    runs = cells(of(checkpoint=["a/sgd.pt", "other=b/weird name.safetensors"]))
    assert [run.id for run in runs] == ["sgd", "other"]
    assert Path(runs[0].checkpoint).is_absolute()
    with pytest.raises(UsageError, match="NAME=PATH"):
        cells(of(checkpoint=["a/x.pt", "b/x.pt"]))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"epoch": 3}, "Did you mean 'epochs'"),
        ({"epochs": "ten"}, "whole number"),
        ({"epochs": 2.5}, "whole number"),
        ({"epochs": True}, "whole number"),
        ({"seeds": 0}, "1 or more"),
        ({"lr": {"sgd": [0.0]}}, "positive"),
        ({"lr": [-1]}, "positive"),
        ({"lr": "nan"}, "positive"),
        ({"lr": [math.inf]}, "positive"),
        ({"lr": {"sdg": [0.1]}}, "Did you mean 'sgd'"),
        ({"target_loss": 0}, "positive"),
        ({"target_accuracy": 95}, "0 to 1"),
        ({"label_noise": 1.5}, "0 to 1"),
        ({"batch_size": "half"}, "'full' or"),
        ({"train_examples": 0}, "1 or more"),
        ({"schedule": "cosin"}, "one of constant"),
        ({"surface_points": 10}, "odd"),
        ({"optimizer": []}, "empty"),
        ({"optimizer": ["sgd", "sgd"]}, "repetitions"),
        ({"optimizer_option": ["momentum"]}, "KEY=VALUE"),
        ({"dtype": "float16"}, "float32, float64"),
        ({"dataset": 3}, "a word"),
        ({"measures": [["trace"]]}, "a word"),
        ({"lr": "sgd="}, "one value or more"),
        ({"optimizer_option": {"sgdd": {"momentum": 0}}}, "Did you mean 'sgd'"),
        ({"optimizer_option": ("sgd=1", "sgd.momentum=0.9")}, "not both"),
        ({"measure_option": ("trace=5",)}, "names no measure"),
        ({"weight_decay": [0.0, 0.1], "optimizer_option": {"sgd": {"weight_decay": 0.01}}}, "given twice"),
    ],
)
def test_bad_keys_and_values_are_named_with_their_source(keys, words):
    with pytest.raises(UsageError, match=words) as caught:
        of(**keys)
    assert caught.value.exit_code == 2


def test_optimizer_without_a_learning_rate():
    with pytest.raises(UsageError, match="--lr torch:NAdam="):
        cells(of(optimizer=["torch:NAdam"]))


def test_unreadable_and_invalid_files(tmp_path):
    with pytest.raises(UsageError, match="Cannot read"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("epochs = = 3")
    with pytest.raises(UsageError, match="not TOML"):
        read_toml(tmp_path / "bad.toml")


def test_tables_merge_by_entry_and_what_is_said_for_all_wins():
    options = {"sgd": {"momentum": 0.5, "nesterov": True}}
    file = ("file", {"lr": {"sgd": [0.1], "adam": [0.2]}, "optimizer_option": options})
    assert resolve(("flags", {"lr": ("0.05",)}), file).lr == {"*": (0.05,)}
    own = resolve(("flags", {"optimizer_option": ("sgd.momentum=0",)}), file).optimizer_option
    assert own == {"sgd": {"momentum": "0", "nesterov": True}}
    shared = resolve(("flags", {"optimizer_option": ("momentum=0",)}), file).optimizer_option
    assert shared == {"momentum": "0", "sgd": {"nesterov": True}}


def test_learning_rates_that_look_alike_have_folders_of_their_own():
    runs = cells(of(optimizer=["sgd"], lr=[0.1, 0.1000001], seeds=1))
    assert [run.id for run in runs] == ["sgd-lr0.1-seed0", "sgd-lr0.1000001-seed0"]


def test_checkpoint_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("lr=0.1.pt").write_text("")
    assert [run.id for run in cells(of(checkpoint=["lr=0.1.pt"]))] == ["lr_0.1"]
    for name in ("..=a.pt", "=a.pt"):
        with pytest.raises(UsageError, match="cannot be called"):
            cells(of(checkpoint=[name]))


def test_large_seeds_stay_whole():
    assert of(seed="9007199254740993").seed == 9007199254740993
