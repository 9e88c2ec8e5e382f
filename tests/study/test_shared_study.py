"""One study by several processes that know nothing of each other: real processes, killed at random moments."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from test_claims import processes, work

from landscape.errors import UsageError
from landscape.study.cells import cells
from landscape.study.claims import Claims
from landscape.study.config import resolve
from landscape.study.run import run_study

KILLS = int(os.environ.get("LANDSCAPE_KILLS", "3"))
"""Rounds of the kill test; more of them by hand."""

SETTINGS = {
    "model": "mlp", "model_option": {"widths": "8"}, "train_examples": 120, "epochs": 3, "seeds": 2,
    "target_loss": 2.0, "lr": {"sgd": [0.05, 0.1], "adam": [0.005, 0.01]}, "measures": "top_eigenvalue",
    "surface_points": 3, "resamples": 100, "device": "cpu", "population": "off",
}  # fmt: skip
COMMAND = [
    sys.executable, "-m", "landscape", "analyze", "--model", "mlp", "--model-option", "widths=8",
    "--train-examples", "120", "--epochs", "3", "--seeds", "2", "--target-loss", "2.0", "--lr", "sgd=0.05,0.1",
    "--lr", "adam=0.005,0.01", "--measures", "top_eigenvalue", "--surface-points", "3", "--resamples", "100",
    "--device", "cpu", "--jobs", "1", "--population", "off",
]  # fmt: skip


def configured(**keys):
    return resolve(("Here", {**SETTINGS, **keys}))


def table(report):
    """What a study found, without how long it took: training twice is the same to the last bit on a CPU."""
    return [
        (run["id"], run["history"]["train_loss"], [each["value"] for each in measured(run)]) for run in report["runs"]
    ]


def measured(run):
    return [each for minimum in run["minima"].values() for each in minimum["measurements"].values()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return table(run_study(configured(), tmp_path_factory.mktemp("undisturbed") / "out", jobs=1))


def start(out, *more):
    return subprocess.Popen(
        [*COMMAND, "--out", out, *more],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_processes_killed_at_random_moments_end_with_the_undisturbed_table(undisturbed, tmp_path):
    out, chance = tmp_path / "out", random.Random(0)
    for _ in range(KILLS):
        two = [start(out), start(out)]
        time.sleep(chance.uniform(3, 9))
        for process in two:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    two = [start(out), start(out)]
    for process in two:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    assert table(json.loads((out / "report.json").read_text())) == undisturbed
    assert not (out / "claims").exists()
    assert not list(out.rglob("*.part"))


def test_no_claim_of_a_killed_process_outlives_the_study(undisturbed, tmp_path):
    out, runs = tmp_path / "out", cells(configured())
    run_study(configured(), out, jobs=1)
    slices = [f"slice-{path.parent.name}" for path in out.glob("runs/*/surface*")]
    assert slices
    (out / "claims").mkdir()
    for task in (runs[0].id, runs[1].id, *slices):
        Claims(out / "claims").offer(task)
    # killed after the files of a run are written, before its claim is removed
    other = processes.Process(target=work, args=(out / "claims", runs[1].id, tmp_path / "log", 60))
    other.start()
    while not list((out / "claims").glob(f"{runs[1].id}@*-*")):
        time.sleep(0.01)
    other.kill()
    other.join()
    told = []
    again = run_study(configured(), out, jobs=1, on_progress=lambda done, total, _: told.append((done, total)))
    assert not (out / "claims").exists()
    assert told == [(count, 10) for count in range(1, 11)]
    assert table(again) == undisturbed
    # a study whose claims are left could not be extended
    assert len(run_study(configured(seeds=3), out, jobs=1)["runs"]) == 12


def test_offers_to_train_together_are_taken_back_when_runs_are_trained_one_by_one(tmp_path):
    out = tmp_path / "out"
    run_study(configured(population="on"), out, jobs=1)
    Claims(out / "claims").offer(f"together-{cells(configured())[0].id}")
    run_study(configured(), out, jobs=1)
    assert not (out / "claims").exists()


def test_shards_add_up_to_the_study(undisturbed, tmp_path):
    out = tmp_path / "out"
    first = run_study(configured(), out, jobs=1, shard=(1, 3))
    assert [run["id"] for run in first["runs"]] == [cell.id for cell in cells(configured())[::3]]
    assert "5 of 8 runs are not finished." in first["verdict"]["details"]
    assert not first["surfaces"]
    run_study(configured(), out, jobs=1, shard=(3, 3))
    last = run_study(configured(), out, jobs=1, shard=(2, 3))
    assert table(last) == undisturbed
    assert last["surfaces"]


def test_a_process_for_each_device(undisturbed, tmp_path):
    assert table(run_study(configured(), tmp_path / "out", devices=("cpu", "cpu"))) == undisturbed


@pytest.mark.parametrize("devices", [("gpu9",), ("cpu", "cuda:7")])
def test_a_device_that_is_not_there_is_refused_before_anything_is_written(tmp_path, devices):
    with pytest.raises(UsageError):
        run_study(configured(), tmp_path / "out", devices=devices)
    assert not (tmp_path / "out").exists()
