"""A .pt file takes the memory and the time that its size lets one expect, and loads where torch.save wrote it."""

import collections
import pickle
import struct
import time
import zipfile
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn
from torch.optim import Adam
from torch.optim.lr_scheduler import MultiStepLR

from landscape.cli.main import cli
from landscape.errors import LandscapeError, StorageError, UsageError
from landscape.memory import peak_memory
from landscape.training import load_into
from landscape.training.pickle_scan import DEEPEST, MOST_REPEATED
from landscape.training.pickled_weights import LARGEST_PICKLE, load_pickled

LITTLE = 300 * 2**20
SOON = 60.0


class Calls:
    """What a pickle is made to call."""

    def __init__(self, function, *given):
        self.function, self.given = function, given

    def __reduce__(self):
        return self.function, self.given


def network():
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value


def put(index):
    return b"r" + struct.pack("<I", index)


def get(index):
    return b"j" + struct.pack("<I", index)


def whole(number):
    return b"\x8a\x0c" + number.to_bytes(12, "little")


SAME = b"\x80\x02K\x01q\x00" + b"h\x00h\x00\x86q\x00" * 32
"""A pair of the same pair twice, of the same pair twice, ...: 2^32 numbers."""
MERSENNE = 2**61 - 1
GLOBALS = {name: f"c{name.replace(' ', chr(10))}\n".encode() for name in ("builtins set", "_codecs encode")}

PICKLES = {
    "bytes that it makes": pickle.dumps(Calls(bytearray, 4 * 10**9), 2),
    "a tensor that it makes": pickle.dumps(Calls(torch.FloatTensor, 10**9), 2),
    "a key of 2^32 numbers": SAME + b"}h\x00K\x01s.",
    "a list of 2^32 numbers": SAME + b"h\x00.",
    "a call of 2^32 numbers": SAME + b"h\x00h\x00R.",
    "keys of one hash": b"\x80\x02}(" + b"".join(whole(k * MERSENNE) + b"N" for k in range(1, 10**5)) + b"u.",
    "members of one hash": b"\x80\x02"
    + GLOBALS["builtins set"]
    + b"]("
    + b"".join(whole(k * MERSENNE) for k in range(1, 10**5))
    + b"e\x85R.",
    "a deep key": b"\x80\x02}K\x01" + b"\x85" * 10**6 + b"Ns.",
    "a deep list": b"\x80\x02" + b"]" * 10**6 + b"a" * (10**6 - 1) + b".",
    "the square of a text": b"\x80\x02"
    + GLOBALS["_codecs encode"]
    + text(b"a" * 10**6)
    + text(b"punycode")
    + b"\x86R.",
    "a text again and again": b"\x80\x02" + text(b"a" * 10**6) + put(0) + b"](" + get(0) * 10**5 + b"e.",
    "an opcode that torch lacks": pickle.dumps({"weight": 1}, 4),
    "nothing that it refers to": b"\x80\x02h\x05.",
    "no end": b"\x80\x02}",
}


def raw(path, content):
    path.write_bytes(content)


def in_archive(path, content, packed=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")


def refused(path, match=r"x\.pt"):
    before, start = peak_memory(), time.monotonic()
    with pytest.raises(LandscapeError, match=match) as caught:
        load_into(network(), path)
    assert time.monotonic() - start < SOON
    assert peak_memory() - before < LITTLE
    assert len(str(caught.value)) < 1000
    return str(caught.value)


@pytest.mark.parametrize("write", [raw, in_archive])
@pytest.mark.parametrize("name", PICKLES)
def test_what_a_few_bytes_ask_for_is_refused_before_it_is_made(tmp_path, write, name):
    write(tmp_path / "x.pt", PICKLES[name])
    refused(tmp_path / "x.pt")


def test_the_command_says_it_in_one_sentence(tmp_path):
    raw(tmp_path / "x.pt", PICKLES["bytes that it makes"])
    asked = ["sharpness", "--checkpoint", str(tmp_path / "x.pt"), "--model", "mlp", "--measures", "train_loss"]
    found = CliRunner().invoke(cli, asked)
    assert isinstance(found.exception, StorageError)
    assert "calls __builtin__.bytearray" in str(found.exception)


@pytest.mark.parametrize("what", ["bytearray", "2^31 letters"])
def test_a_packed_archive_is_refused_by_its_directory(tmp_path, what):
    content = text(b"a" * 10**7) if what == "2^31 letters" else pickle.dumps(Calls(bytearray, 4 * 10**9), 2)
    in_archive(tmp_path / "x.pt", b"\x80\x02" + content + b".", zipfile.ZIP_DEFLATED)
    assert "a compressed archive" in refused(tmp_path / "x.pt")


def test_a_long_pickle_is_refused(tmp_path):
    in_archive(tmp_path / "x.pt", b"\x80\x02" + b"]" * LARGEST_PICKLE + b".")
    assert "of what is no tensor" in refused(tmp_path / "x.pt")


def test_entries_that_share_their_bytes_are_refused(tmp_path):
    torch.save({"weight": torch.zeros(10**4)}, tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as archive:
        (entry,) = [each for each in archive.infolist() if each.filename.endswith("data/0")]
    with zipfile.ZipFile(tmp_path / "x.pt", "a") as archive:
        for number in range(1, 50):
            again = zipfile.ZipInfo(f"archive/data/{number}")
            again.file_size = again.compress_size = entry.file_size
            again.header_offset, again.CRC = entry.header_offset, entry.CRC
            archive.filelist.append(again)
        archive._didModify = True
    refused(tmp_path / "x.pt", "a compressed archive")


def test_an_archive_whose_directory_two_readers_find_elsewhere_is_refused(tmp_path):
    path = tmp_path / "x.pt"
    torch.save(network().state_dict(), path)
    path.write_bytes(path.read_bytes()[:4] + bytes(8) + path.read_bytes()[4:])
    refused(path, "truncated or no checkpoint")


def test_a_storage_has_one_name(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"weight": torch.zeros(2, 3)}, path)
    with zipfile.ZipFile(path) as archive:
        names = {each: archive.read(each) for each in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in names.items():
            archive.writestr(name, content.replace(text(b"0"), text(b"0\0a")) if name.endswith(".pkl") else content)
    assert "names a storage by what is no number" in refused(path)


def test_whole_numbers_are_no_weights(tmp_path):
    torch.save({name: each.to(torch.int8) for name, each in network().state_dict().items()}, tmp_path / "x.pt")
    model, before = network(), network().state_dict()
    with pytest.raises(UsageError, match=r"'weight' .*is of int8, the model's of float32.*Nothing was loaded"):
        load_into(model, tmp_path / "x.pt")
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


def everything():
    """Return what people save beside their weights."""
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    optimizer = Adam(model.parameters(), amsgrad=True)
    schedule = MultiStepLR(optimizer, [1, 2])
    model(torch.ones(2, 3)).square().mean().backward()
    optimizer.step()
    schedule.step()
    settings = {"lr": 0.1, "betas": (0.9, 0.999), "names": ["a", {"b": None}], "big": 2**70, "seen": {"a", "b"}}
    weights = model.state_dict()
    return {
        "model": weights,
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "epoch": 3,
        "args": {**settings, "raw": b"\xff\x00", 1: True, 0.5: 1 + 2j, None: torch.Size((1, 2))},
        "history": [float(each) for each in range(1000)],
        "random": torch.get_rng_state(),
        "half": {name: each.bfloat16() for name, each in weights.items()},
        "quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        "parameters": dict(model.named_parameters()),
        "tied": [model[0].weight, model[0].weight, model[0].weight.T],
        "sparse": torch.eye(3).to_sparse(),
        "kinds": (torch.float16, torch.device("cpu"), collections.Counter("aab"), collections.OrderedDict(a=1)),
    }


@pytest.mark.filterwarnings("ignore:torch.ao.quantization", "ignore:.*quantize_per_tensor", "ignore:TypedStorage")
@pytest.mark.parametrize("archive", [True, False], ids=["archive", "as before torch 1.6"])
def test_what_torch_saves_is_loaded_as_torch_loads_it(tmp_path, archive):
    saved = everything()
    torch.save(saved, tmp_path / "x.pt", _use_new_zipfile_serialization=archive)
    found, expected = load_pickled(tmp_path / "x.pt"), torch.load(tmp_path / "x.pt", weights_only=True)
    assert repr(found) == repr(expected)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    load_into(model, tmp_path / "x.pt")
    assert all(torch.equal(each, saved["model"][name]) for name, each in model.state_dict().items())


def test_many_tensors_and_long_settings_are_within_the_bounds(tmp_path):
    deep = settings = []
    for _ in range(DEEPEST // 2):
        deep.append([])
        deep = deep[0]
    content = {**{f"{k}": torch.zeros(1) for k in range(2000)}, "deep": settings, "names": ["a" * 1000] * 10**3}
    assert MOST_REPEATED > 10**6
    torch.save(content, tmp_path / "x.pt")
    assert repr(load_pickled(Path(tmp_path / "x.pt"))) == repr(content)
