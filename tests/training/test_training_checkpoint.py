"""Checkpoints: round trips, damage, kill -9, and those of others."""

import dataclasses
import errno
import os
import pickle
import random
import signal
import subprocess
import sys
import time

import pytest
import safetensors.torch
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from landscape import atomic_write
from landscape.errors import StorageError, UsageError
from landscape.training import TrainingConfig, load_into, read_snapshot, train, write_snapshot
from landscape.training.checkpoint import read_tensors, write_tensors


@pytest.fixture
def snapshot(make_noisy, clusters, device):
    config = TrainingConfig("adam", 0.01, epochs=4, batch_size=20, target_loss=0.9)
    return train(make_noisy(), cross_entropy, clusters, config, device=device).matched


def files(folder):
    return folder / "minimum.safetensors", folder / "optimizer.safetensors"


def equal_tensors(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_snapshot_comes_back_as_it_was(tmp_path, snapshot, make_noisy, device):
    write_snapshot(snapshot, *files(tmp_path))
    read = read_snapshot(*files(tmp_path))
    assert equal_tensors(read.state_dict, snapshot.state_dict)
    assert equal_tensors(read.optimizer.tensors, snapshot.optimizer.tensors)
    plain = {"state_dict": {}, "optimizer": None}
    assert dataclasses.replace(read, **plain) == dataclasses.replace(snapshot, **plain)
    for name in ("name", "options", "lr", "step"):
        assert getattr(read.optimizer, name) == getattr(snapshot.optimizer, name)
    assert sorted(os.listdir(tmp_path)) == ["minimum.safetensors", "optimizer.safetensors"]
    for place in {torch.device("cpu"), device}:
        model = make_noisy().to(place)
        load_into(model, files(tmp_path)[0])
        assert all(each.device.type == place.type for each in model.state_dict().values())
        assert equal_tensors(model.cpu().state_dict(), snapshot.state_dict)


def test_what_is_not_finite_comes_back_as_nan(tmp_path, snapshot):
    write_snapshot(dataclasses.replace(snapshot, test_loss=float("inf")), *files(tmp_path))
    read = read_snapshot(*files(tmp_path))
    assert read.test_loss != read.test_loss
    assert b"Infinity" not in files(tmp_path)[0].read_bytes()


def test_truncated_files_are_refused_wherever_they_end(tmp_path, snapshot):
    write_snapshot(snapshot, *files(tmp_path))
    chooser = random.Random(0)
    for path in files(tmp_path):
        whole = path.read_bytes()
        for length in [0, 4, 8, len(whole) - 1, *(chooser.randrange(len(whole)) for _ in range(20))]:
            path.write_bytes(whole[:length])
            with pytest.raises(StorageError, match="truncated"):
                read_snapshot(*files(tmp_path))
        path.write_bytes(whole)
    assert read_snapshot(*files(tmp_path)).step == snapshot.step


def test_foreign_and_missing_files_are_refused(tmp_path, snapshot):
    write_snapshot(snapshot, *files(tmp_path))
    minimum, optimizer = files(tmp_path)
    with pytest.raises(StorageError, match="are not a minimum"):
        read_snapshot(optimizer, minimum)
    safetensors.torch.save_file({"a": torch.ones(2)}, optimizer)
    with pytest.raises(StorageError, match="not written by landscape"):
        read_snapshot(minimum, optimizer)
    optimizer.unlink()
    with pytest.raises(StorageError, match=r"Cannot read .*optimizer"):
        read_snapshot(minimum, optimizer)


def test_shared_and_strided_tensors_are_written(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    tensors = {"a": base, "tied": base, "transposed": base.T, "view": base[1], "empty": torch.empty(0)}
    write_tensors(tmp_path / "x.safetensors", tensors, {"n": 1})
    read, about = read_tensors(tmp_path / "x.safetensors")
    assert equal_tensors(read, tensors)
    assert about == {"n": 1}


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.ones(3)}, {})

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_tensors(path, {"a": torch.zeros(3)}, {})
    assert torch.equal(read_tensors(path)[0]["a"], torch.ones(3))
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Cannot write"):
        write_tensors(tmp_path / "file" / "x.safetensors", {"a": torch.ones(1)}, {})


WRITER = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("atomic_write", sys.argv[1])  # alone, without torch
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
value = 0
while True:
    value += 1
    module.write_atomically(Path(sys.argv[2]), bytes([value % 256]) * 20_000_000)
    print(value, flush=True)
"""


def test_kill_9_during_a_write_leaves_a_whole_file(tmp_path):
    path, chooser = tmp_path / "x.safetensors", random.Random(0)
    for _ in range(8):
        command = [sys.executable, "-c", WRITER, atomic_write.__file__, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            time.sleep(chooser.random() * 0.05)
            process.send_signal(signal.SIGKILL)
            last = int((process.stdout.read().split() or ["1"])[-1])
        content = path.read_bytes()
        assert len(content) == 20_000_000
        assert content in (bytes([last % 256]) * len(content), bytes([(last + 1) % 256]) * len(content))
    write_tensors(path, {"a": torch.ones(1)}, {})  # over whatever the killed ones left behind
    assert os.listdir(tmp_path) == ["x.safetensors"]


@pytest.fixture
def weights(make_noisy):
    torch.manual_seed(1)
    model = make_noisy()
    with torch.no_grad():
        for each in model.parameters():
            each.normal_()
    return model.state_dict()


def prefixed(weights, prefix):
    return {prefix + name: each for name, each in weights.items()}


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_prefixes_are_stripped(tmp_path, make_noisy, weights, prefix, suffix):
    path = tmp_path / f"model{suffix}"
    save = safetensors.torch.save_file if suffix == ".safetensors" else torch.save
    save(prefixed(weights, prefix), path)
    model = make_noisy()
    load_into(model, path)
    assert equal_tensors(model.state_dict(), weights)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: {"state_dict": weights, "epoch": 3, "optimizer": {"state": {}}},
        lambda weights: {"model": weights},
        lambda weights: {"model_state_dict": prefixed(weights, "module."), "loss": 0.1},
        lambda weights: {"model": {"state_dict": weights}},
        lambda weights: {"args": {"lr": 0.1}, **weights},
    ],
)
def test_wrapped_state_dicts_are_found(tmp_path, make_noisy, weights, wrap):
    torch.save(wrap(weights), tmp_path / "x.pt")
    model = make_noisy()
    load_into(model, tmp_path / "x.pt")
    assert equal_tensors(model.state_dict(), weights)


def test_a_submodule_called_module_keeps_its_name(tmp_path):
    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = nn.Linear(2, 2)
            self.inner = nn.ModuleDict({"_orig_mod": nn.Linear(2, 2)})

    source, model = Holder(), Holder()
    torch.save(source.state_dict(), tmp_path / "x.pt")
    load_into(model, tmp_path / "x.pt")
    assert equal_tensors(model.state_dict(), source.state_dict())
    plain = {"weight": torch.ones(2, 2), "bias": torch.ones(2)}
    torch.save({**plain, **prefixed(plain, "inner.")}, tmp_path / "y.pt")
    load_into(model, tmp_path / "y.pt")
    assert torch.equal(model.module.weight, torch.ones(2, 2))


def test_names_that_differ_by_the_prefix_alone_are_kept_apart(tmp_path):
    class Nested(nn.Linear):
        def __init__(self):
            super().__init__(2, 2)
            self.module = nn.Linear(2, 2)

    source, model = Nested(), Nested()
    torch.save(source.state_dict(), tmp_path / "x.pt")
    load_into(model, tmp_path / "x.pt")
    assert equal_tensors(model.state_dict(), source.state_dict())


def test_what_does_not_fit_is_listed_and_nothing_is_loaded(tmp_path, make_noisy, weights):
    wrong = {name: each for name, each in weights.items() if name != "4.bias"}
    wrong |= {"0.weight": torch.zeros(5, 6), "head.weight": torch.zeros(2)}
    torch.save(wrong, tmp_path / "x.pt")
    model = make_noisy()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    with pytest.raises(UsageError) as caught:
        load_into(model, tmp_path / "x.pt")
    for expected in (
        "missing '4.bias'",
        "extra 'head.weight'",
        "'0.weight' has shape (5, 6), the model's (16, 6)",
    ):
        assert expected in str(caught.value)
    assert equal_tensors(model.state_dict(), before)


def test_at_most_ten_keys_are_listed(tmp_path, make_noisy):
    torch.save({f"layer{i}": torch.zeros(1) for i in range(30)}, tmp_path / "x.pt")
    with pytest.raises(UsageError, match="and 29 more") as caught:  # 9 missing and 30 extra
        load_into(make_noisy(), tmp_path / "x.pt")
    assert str(caught.value).count("missing") + str(caught.value).count("extra") == 10


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_a_pickle_that_runs_code_is_refused_and_not_run(tmp_path, make_noisy, weights, save):
    ran = tmp_path / "ran"
    save({"state_dict": weights, "x": Malicious(str(ran))}, tmp_path / "x.pt")
    with pytest.raises(StorageError, match="could run code"):
        load_into(make_noisy(), tmp_path / "x.pt")
    assert not ran.exists()


def test_a_whole_module_is_refused(tmp_path, make_noisy):
    torch.save(make_noisy(), tmp_path / "x.pt")
    with pytest.raises(StorageError, match=r"torch\.save\(model\.state_dict\(\)"):
        load_into(make_noisy(), tmp_path / "x.pt")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_truncated_checkpoints_are_refused(tmp_path, make_noisy, weights, suffix):
    path = tmp_path / f"x{suffix}"
    save = safetensors.torch.save_file if suffix == ".safetensors" else torch.save
    save(weights, path)
    whole, chooser = path.read_bytes(), random.Random(1)
    model = make_noisy()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    for length in [0, 1, 9, len(whole) - 1, *(chooser.randrange(len(whole)) for _ in range(20))]:
        path.write_bytes(whole[:length])
        with pytest.raises(StorageError):
            load_into(model, path)
    assert equal_tensors(model.state_dict(), before)


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04" + bytes(200), bytes(range(256)) * 9])
@pytest.mark.parametrize("name", ["x.pt", "x.safetensors"])
def test_foreign_files_are_refused(tmp_path, make_noisy, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StorageError, match="checkpoint"):
        load_into(make_noisy(), tmp_path / name)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_plain_pickle_of_something_else_says_what_it_is(tmp_path, make_noisy, protocol):
    (tmp_path / "x.pt").write_bytes(pickle.dumps([1, 2], protocol))
    with pytest.raises((UsageError, StorageError), match=r"a list|no checkpoint"):
        load_into(make_noisy(), tmp_path / "x.pt")


def test_files_without_a_state_dict_say_what_they_hold(tmp_path, make_noisy):
    torch.save({"epoch": 3, "lr": 0.1}, tmp_path / "x.pt")
    with pytest.raises(UsageError, match="'epoch', 'lr'"):
        load_into(make_noisy(), tmp_path / "x.pt")
    torch.save([torch.ones(2)], tmp_path / "y.pt")
    with pytest.raises(UsageError, match="a list"):
        load_into(make_noisy(), tmp_path / "y.pt")
    with pytest.raises(StorageError, match="no checkpoint"):
        load_into(make_noisy(), tmp_path / "absent.pt")
    with pytest.raises(StorageError, match="no checkpoint"):
        load_into(make_noisy(), tmp_path)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(6, 3, bias=False)
        self.decoder = nn.Linear(6, 3, bias=False)
        self.decoder.weight = self.encoder.weight

    def forward(self, x):
        return self.encoder(x) + self.decoder(x)


def test_tied_weights_survive(tmp_path, clusters):
    model = Tied()
    result = train(model, cross_entropy, clusters, TrainingConfig("sgd", 0.1, epochs=2), device="cpu")
    assert result.cost.parameters == 18
    assert len(result.end.optimizer.tensors["momentum_buffer"]) == 18
    write_snapshot(result.end, *files(tmp_path))
    again = Tied()
    load_into(again, files(tmp_path)[0])
    assert torch.equal(again.decoder.weight, model.encoder.weight)
    assert again.decoder.weight is again.encoder.weight
    safetensors.torch.save_model(model, str(tmp_path / "deduplicated.safetensors"))
    assert len(safetensors.torch.load_file(tmp_path / "deduplicated.safetensors")) == 1
    third = Tied()
    load_into(third, tmp_path / "deduplicated.safetensors")
    assert torch.equal(third.encoder.weight, model.encoder.weight)


def test_precision_and_device_of_the_model_stay(tmp_path, make_noisy, weights, device):
    halves = {name: each.half() if each.is_floating_point() else each for name, each in weights.items()}
    torch.save(halves, tmp_path / "x.pt")
    model = make_noisy().to(device, torch.float64)
    load_into(model, tmp_path / "x.pt")
    assert (model[0].weight.dtype, model[0].weight.device.type) == (torch.float64, device.type)
    assert torch.equal(model[0].weight.cpu(), halves["0.weight"].double())
