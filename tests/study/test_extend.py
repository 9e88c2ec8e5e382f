"""Studies that grow: what is there stays, and only what is new is computed."""

import dataclasses

import pytest
from test_shared_study import configured, table

from landscape import store
from landscape.errors import StorageError, UsageError
from landscape.study.config import resolve
from landscape.study.extend import is_extension
from landscape.study.folder import RunFolder, stored_config
from landscape.study.run import run_study


def changed_times(root):
    return {path.name: (path / "minimum.safetensors").stat().st_mtime_ns for path in (root / "runs").iterdir()}


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A study of one seed, then of two with another learning rate between, another batch size and another measure."""
    root = tmp_path_factory.mktemp("grown") / "out"
    run_study(configured(seeds=1), root, jobs=1)
    before = changed_times(root)
    said = []
    keys = {"lr": {"sgd": [0.05, 0.07, 0.1], "adam": [0.005, 0.01]}, "batch_size": [64, 32]}
    keys["measures"] = "top_eigenvalue,weight_norm"
    report = run_study(configured(seeds=2, **keys), root, jobs=1, on_note=said.append)
    assert said == []
    return root, before, report, keys


def test_nothing_is_trained_twice(grown):
    root, before, report, _ = grown
    now = changed_times(root)
    assert len(before) == 4
    assert len(now) == len(report["runs"]) == 20
    for name, then in before.items():
        optimizer, lr, seed = name.rsplit("-", 2)
        assert now[f"{optimizer}-{lr}-batch_size64-{seed}"] == then


def test_it_is_the_study_that_would_have_been_run_at_once(grown, tmp_path):
    root, _, report, keys = grown
    at_once = run_study(configured(seeds=2, **keys), tmp_path / "out", jobs=1)
    assert table(report) == table(at_once)
    assert [run["lr_rank"] for run in report["runs"]] == [run["lr_rank"] for run in at_once["runs"]]
    assert [each["run"] for each in report["surfaces"]] == [each["run"] for each in at_once["surfaces"]]
    assert stored_config(RunFolder(root)).seeds == 2


@pytest.mark.parametrize(
    "keys",
    [{"epochs": 9}, {"lr": {"sgd": [0.05], "adam": [0.005, 0.01]}}, {"seeds": 1}, {"seed": 1}, {"target_loss": 0.5},
     {"optimizer_option": {"weight_decay": 0.1}}],
)  # fmt: skip
def test_a_study_made_otherwise_is_no_extension(keys):
    assert not is_extension(configured(), configured(**keys))


def test_an_optimizer_may_join_with_options_of_its_own():
    more = {"optimizer": ["sgd", "adam", "sam"], "optimizer_option": {"sam": {"rho": 0.1}}, "resamples": 150}
    assert is_extension(configured(), configured(**more))
    assert not is_extension(configured(**more), configured())


def test_a_study_of_checkpoints_does_not_grow():
    one = resolve(("Here", {"checkpoint": ["a=a.pt"]}))
    assert not is_extension(one, resolve(("Here", {"checkpoint": ["a=a.pt", "b=b.pt"]})))


def test_a_study_that_is_running_is_not_extended(tmp_path):
    run_study(configured(seeds=1, surface_points=0), tmp_path / "out", jobs=1, shard=(1, 4))
    (tmp_path / "out" / "claims").mkdir()
    (tmp_path / "out" / "claims" / "sgd-lr0.1-seed0@elsewhere-1-1").touch()
    with pytest.raises(StorageError, match="running or was stopped"):
        run_study(configured(seeds=2, surface_points=0), tmp_path / "out", jobs=1)
    with pytest.raises(UsageError, match="another configuration"):
        run_study(configured(seeds=1, surface_points=0, epochs=4), tmp_path / "out", jobs=1)


def test_how_runs_are_trained_may_change(tmp_path):
    """Runs that are done stay, those that join train in the new way, and each says how it was trained."""
    root, said = tmp_path / "out", []
    keys = {"surface_points": 0, "measures": "weight_norm"}
    run_study(configured(seeds=1, **keys), root, jobs=1)
    before = changed_times(root)
    run_study(configured(seeds=1, population="on", **keys), root, jobs=1)
    assert changed_times(root) == before
    assert stored_config(RunFolder(root)).population == "on"
    run_study(configured(seeds=3, population="on", **keys), root, jobs=1, on_note=said.append)
    assert said == [f"The 6 runs of {name} train together, as one batched model." for name in ("sgd", "adam")]
    said.clear()
    run_study(configured(seeds=3, population="on", **keys), root, jobs=1, on_note=said.append)
    assert not said, "nothing is left to train"
    now = changed_times(root)
    assert {name: now[name] for name in before} == before
    described = [store.read_json(root / "runs" / name / "config.json") for name in now]
    assert {(each["seed"], each["together"]) for each in described} == {(0, 1), (1, 4), (2, 4)}
    # back: what is missing is trained by itself
    lost = root / "runs" / "sgd-lr0.1-seed1"
    (lost / "result.json").unlink()
    run_study(configured(seeds=3, **keys), root, jobs=1)
    assert store.read_json(lost / "config.json")["together"] == 1


def test_runs_that_train_together_keep_doing_so_under_new_names(tmp_path):
    root = tmp_path / "out"
    keys = {"surface_points": 0, "measures": "weight_norm", "population": "on", "optimizer": ["sgd"]}
    run_study(configured(seeds=1, lr={"sgd": [0.05, 0.1]}, **keys), root, jobs=1)
    run_study(configured(seeds=1, lr={"sgd": [0.05, 0.1]}, batch_size=[64, 32], **keys), root, jobs=1)
    parts = store.read_json(root / "together.json")
    assert [sorted(part) for part in parts] == [
        [f"sgd-lr{lr}-batch_size{size}-seed0" for lr in ("0.05", "0.1")] for size in (64, 32)
    ]


def test_how_does_not_change_while_others_work(tmp_path):
    root = tmp_path / "out"
    config = configured(seeds=1, surface_points=0, measures="weight_norm")
    run_study(config, root, jobs=1)
    (root / "claims").mkdir()
    (root / "claims" / "sgd-lr0.1-seed0@elsewhere-1-1").touch()
    with pytest.raises(StorageError, match="Another process is working"):
        run_study(dataclasses.replace(config, population="on"), root, jobs=1)


@pytest.mark.parametrize(
    "more", [{"optimizer_option": {"sgd": {"momentum": 0.9}}}, {"model_option": {"mlp": {"widths": [3]}}}]
)
def test_options_that_come_to_what_was_there_make_another_study(more):
    from landscape.study.config import resolve
    from landscape.study.extend import is_extension

    keys = {"model": "mlp", "optimizer": "sgd", "lr": {"sgd": [0.1]}}
    old, new = resolve(("here", keys)), resolve(("here", {**keys, **more}))
    assert not is_extension(old, new)
