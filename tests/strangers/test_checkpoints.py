"""Checkpoints from a stranger: nothing is run, nothing is believed, and each ends in one clear message."""

import json
import pickle
import struct

import pytest
import safetensors.torch
import torch
from fuzz_corpus import HERE, files_of, unpack
from torch import nn

from landscape.errors import LandscapeError, StorageError, UsageError
from landscape.memory import peak_memory
from landscape.study.folder import existing_folder, stored_config
from landscape.study.one_minimum import stored_minimum
from landscape.training import load_into
from landscape.training.checkpoint import read_snapshot, read_tensors, write_tensors

LITTLE = 300 * 2**20
"""Bytes that a refusal may take; what is asked for here is thousands of times as much."""


def network():
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def with_header(path, header, content=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + content)
    return path


def tensor(shape, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}


HEADERS = {
    "a header longer than any file": (b"{}", b"", 2**63),
    "a header of 2^40 bytes": (b"{}", b"", 2**40),
    "a header of nothing": (b"", b"", 0),
    "terabytes that are not there": ({"weight": tensor([10**13], 4 * 10**13)}, bytes(24), None),
    "a size that overflows": ({"weight": tensor([2**32, 2**32], 24)}, bytes(24), None),
    "a shape below zero": (b'{"weight": {"dtype": "F32", "shape": [-1, 2], "data_offsets": [0, 8]}}', bytes(8), None),
    "tensors that overlap": ({"weight": tensor([2, 3], 24), "bias": tensor([2], 8)}, bytes(24), None),
    "no such type": ({"weight": tensor([2, 3], 24, "F1000")}, bytes(24), None),
    "deep nesting": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b"", None),
    "no JSON": (b"\xff" * 64, b"", None),
    "a long list": (b"[" + b"1," * 500_000 + b"1]", b"", None),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_lie_are_refused_without_memory(tmp_path, name):
    path = with_header(tmp_path / "x.safetensors", *HEADERS[name])
    before = peak_memory()
    for read in (lambda: load_into(network(), path), lambda: read_tensors(path)):
        with pytest.raises(LandscapeError, match=r"x\.safetensors") as caught:
            read()
        assert len(str(caught.value)) < 2000
    assert peak_memory() - before < LITTLE


def test_a_file_of_holes_that_is_larger_than_memory_is_not_read(tmp_path):
    size = 4 * 10**12
    path = with_header(
        tmp_path / "x.safetensors", {"weight": tensor([size // 4], size), "__metadata__": {"landscape": "{}"}}
    )
    try:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size + size)
    except OSError:
        pytest.skip("no file of that size here")
    before = peak_memory()
    for read in (lambda: load_into(network(), path), lambda: read_tensors(path)):
        with pytest.raises(StorageError, match=r"more than the .* of memory that are free"):
            read()
    assert peak_memory() - before < LITTLE


def test_a_pickle_that_stretches_one_number_over_terabytes_does_not_fit(tmp_path):
    weights = {"weight": torch.zeros(1).expand(10**12), "bias": torch.zeros(1).expand(2)}
    torch.save(weights, tmp_path / "x.pt")
    before = peak_memory()
    with pytest.raises(UsageError, match=r"'weight' has shape \(1000000000000,\)"):
        load_into(network(), tmp_path / "x.pt")
    assert peak_memory() - before < LITTLE


NAMES = (
    "../../x",
    "/etc/passwd",
    "<script>alert(1)</script>",
    "$(touch x)",
    "\x1b[31mred",
    "\\input{x}",
    "a\nb",
    "y" * 10**6,
)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_names_in_a_checkpoint_are_only_shown(tmp_path, suffix):
    weights = {**network().state_dict(), **{name: torch.zeros(1) for name in NAMES}}
    path = tmp_path / f"x.{suffix}"
    (safetensors.torch.save_file if suffix == "safetensors" else torch.save)(weights, path)
    with pytest.raises(UsageError, match="extra") as caught:
        load_into(network(), path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2000
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_mapping_that_holds_itself_is_not_followed_for_ever(tmp_path):
    content: dict = {"epoch": 1}
    content["model"] = content
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(StorageError, match="changes a container that other places refer to"):
        load_into(network(), tmp_path / "x.pt")


@pytest.mark.parametrize(
    "make",
    [torch.Tensor.to_sparse, torch.Tensor.to_sparse_csr, lambda w: w.to(torch.complex64), lambda w: w.to("meta")],
)
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_tensors_without_plain_numbers_are_refused_and_nothing_is_loaded(tmp_path, make):
    torch.save({"bias": torch.ones(2), "weight": make(torch.ones(2, 3))}, tmp_path / "x.pt")
    model = network()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    with pytest.raises((UsageError, StorageError), match=r"x\.pt"):
        load_into(model, tmp_path / "x.pt")
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


class Runs:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("name", ["x.pt", "x.bin", "x", "x.safetensors"])
def test_a_pickle_is_executed_under_no_name(tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps({"weight": Runs(str(tmp_path / "ran"))}))
    with pytest.raises(StorageError):
        load_into(network(), tmp_path / name)
    assert not (tmp_path / "ran").exists()


BAD_ABOUT = {
    "step": "../x",
    "epoch": [[1]],
    "train_loss": {"a": 1},
    "seconds": None,
    "note": 7,
    "strange": 1,
}


@pytest.mark.parametrize("key", BAD_ABOUT)
def test_what_a_minimum_says_of_itself_is_looked_at(tmp_path, key):
    tensors, about = read_tensors(HERE / "minimum.safetensors")
    assert (
        read_snapshot(HERE / "minimum.safetensors", HERE / "optimizer.safetensors").state_dict.keys() == tensors.keys()
    )
    write_tensors(tmp_path / "minimum.safetensors", tensors, {**about, key: BAD_ABOUT[key]})
    with pytest.raises(StorageError, match="not a minimum"):
        read_snapshot(tmp_path / "minimum.safetensors", HERE / "optimizer.safetensors")


def test_a_run_whose_weights_are_another_networks_is_refused(tmp_path):
    folder = existing_folder(unpack(files_of("study"), tmp_path / "study"))
    config, run = stored_config(folder), "adam-lr0.01-seed1"
    minimum, optimizer = folder.minimum(run, "matched"), folder.optimizer(run, "matched")
    for path in (minimum, optimizer):
        path.write_bytes((HERE / path.name.replace(".matched", "")).read_bytes())
    assert stored_minimum(config, folder, run=run, stop="matched").minimum.problem.num_parameters == 160
    tensors, about = read_tensors(optimizer)
    write_tensors(optimizer, {name: each[:-1] for name, each in tensors.items()}, about)
    with pytest.raises(StorageError, match=r"not of the network that study\.toml names"):
        stored_minimum(config, folder, run=run, stop="matched")
