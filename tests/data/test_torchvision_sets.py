import contextlib
import hashlib
import http.server
import pickle
import tarfile
import threading
import urllib.request

import numpy as np
import pytest
import torch

from landscape.data import load_dataset
from landscape.data.torchvision_import import import_torchvision
from landscape.errors import StorageError

SIZES = {"mnist": (1, 28, 28), "fashion-mnist": (1, 28, 28), "cifar10": (3, 32, 32)}
CORRUPTIBLE = {
    "mnist": "MNIST/raw/train-labels-idx1-ubyte",
    "fashion-mnist": "FashionMNIST/raw/t10k-images-idx3-ubyte",
    "cifar10": "cifar-10-batches-py/data_batch_3",
}


@pytest.fixture
def no_network(monkeypatch):
    """Send every request to a port at which nobody listens."""
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)


@pytest.mark.data
@pytest.mark.parametrize("name", SIZES)
def test_real_images_standardised_per_channel(real_data, name):
    root = real_data(name)
    data = load_dataset(name, train_examples=2000, data_dir=root)
    x, y = data.train
    assert x.shape == (2000, *SIZES[name])
    assert data.test[0].shape == (10_000, *SIZES[name])
    assert (x.dtype, y.dtype, data.num_classes, data.input_shape) == (torch.float32, torch.int64, 10, SIZES[name])
    assert y.bincount().tolist() == [200] * 10
    mean, variance = x.double().mean((0, 2, 3)), x.double().var((0, 2, 3), correction=0)
    torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0, atol=1e-6)
    torch.testing.assert_close(variance, torch.ones_like(mean), rtol=0, atol=1e-5)
    pixels, labels = read_test_set(root, name)
    assert data.test[1].tolist() == labels
    # Standardising is linear per channel, so the correlation with the file's pixels is 1.
    for channel in range(x.shape[1]):
        ours, theirs = data.test[0][:50, channel].flatten().numpy(), pixels[:50, channel].ravel()
        assert np.corrcoef(ours, theirs)[0, 1] == pytest.approx(1, abs=1e-6)


def read_test_set(root, name):
    """Return pixels and labels of the test set, read without torchvision."""
    if name == "cifar10":
        batch = pickle.loads((root / "cifar-10-batches-py/test_batch").read_bytes(), encoding="latin1")
        return batch["data"].reshape(-1, 3, 32, 32), batch["labels"]
    folder = root / CORRUPTIBLE[name].partition("/")[0] / "raw"
    pixels = np.frombuffer((folder / "t10k-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    labels = np.frombuffer((folder / "t10k-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    return pixels.reshape(-1, 1, 28, 28), labels.tolist()


@pytest.mark.data
def test_whole_mnist_is_the_file_itself(real_data):
    root = real_data("mnist")
    raw = np.frombuffer((root / "MNIST/raw/train-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    labels = np.frombuffer((root / "MNIST/raw/train-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    images = raw.reshape(60_000, 1, 28, 28)
    counts = np.bincount(raw, minlength=256) / raw.size
    values = np.arange(256) / 255
    mean = counts @ values
    std = np.sqrt(counts @ (values - mean) ** 2)

    data = load_dataset("mnist", data_dir=root)

    assert (mean, std) == pytest.approx((0.1307, 0.3081), abs=1e-4)
    assert data.train[1].tolist() == labels.tolist()
    np.testing.assert_allclose(data.train[0][::500].numpy(), (images[::500] / 255 - mean) / std, atol=1e-5)


@pytest.mark.data
@pytest.mark.parametrize("name", CORRUPTIBLE)
def test_a_flipped_byte_is_noticed_and_the_file_named(real_data, tmp_path, no_network, name):
    file = CORRUPTIBLE[name]
    original = real_data(name) / file
    (tmp_path / file).parent.mkdir(parents=True)
    for other in original.parent.iterdir():
        if other.is_file() and other != original:
            (tmp_path / file).parent.joinpath(other.name).symlink_to(other)
    content = bytearray(original.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / file).write_bytes(content)

    with pytest.raises(StorageError, match=f"{tmp_path / file} is corrupt.*Delete"):
        load_dataset(name, data_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("mnist", ["MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/t10k-labels-idx1-ubyte"]),
        ("cifar10", ["cifar-10-batches-py/data_batch_5", "cifar-10-batches-py/batches.meta"]),
        ("cifar100", ["cifar-100-python/train", "cifar-100-python/meta"]),
    ],
)
def test_missing_files_without_a_network(tmp_path, no_network, capsys, name, files):
    folder = tmp_path / "data"
    with pytest.raises(StorageError) as caught:
        load_dataset(name, data_dir=folder)
    for part in (f"{name} is not complete in {folder}", *files, "Downloading failed", "refused", "LANDSCAPE_DATA"):
        assert part in str(caught.value)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""
    assert not folder.exists()


def test_where_data_lie(tmp_path, no_network, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LANDSCAPE_DATA", raising=False)
    with pytest.raises(StorageError, match=f"in {tmp_path}/home/.cache/landscape:"):
        load_dataset("mnist")
    monkeypatch.setenv("LANDSCAPE_DATA", str(tmp_path / "variable"))
    with pytest.raises(StorageError, match=f"in {tmp_path}/variable:"):
        load_dataset("mnist")
    with pytest.raises(StorageError, match=f"in {tmp_path}/argument:"):
        load_dataset("mnist", data_dir=tmp_path / "argument")


def test_a_folder_that_cannot_be_made(tmp_path, no_network):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match=r"Not a directory|File exists"):
        load_dataset("mnist", data_dir=tmp_path / "file")


@pytest.fixture
def small_cifar100(tmp_path, monkeypatch):
    """Return a folder with a few images in CIFAR-100's format, whose checksums torchvision is told."""
    maker = import_torchvision().datasets.CIFAR100
    folder = tmp_path / "packed" / maker.base_folder
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    contents = {
        part: {
            "data": random.integers(0, 256, (count, 3072), dtype=np.uint8),
            "fine_labels": [index % 100 for index in range(count)],
            "coarse_labels": [index % 20 for index in range(count)],
        }
        for part, count in (("train", 300), ("test", 100))
    }
    contents["meta"] = {"fine_label_names": [str(index) for index in range(100)]}
    md5 = {}
    for name, content in contents.items():
        packed = pickle.dumps(content)
        (folder / name).write_bytes(packed)
        md5[name] = hashlib.md5(packed).hexdigest()
    monkeypatch.setattr(maker, "train_list", [["train", md5["train"]]])
    monkeypatch.setattr(maker, "test_list", [["test", md5["test"]]])
    monkeypatch.setattr(maker, "meta", {"filename": "meta", "key": "fine_label_names", "md5": md5["meta"]})
    return folder.parent, contents


def check_cifar100(data, contents):
    pixels = contents["train"]["data"].reshape(300, 3, 32, 32) / 255
    mean, std = pixels.mean(axis=(0, 2, 3), keepdims=True), pixels.std(axis=(0, 2, 3), keepdims=True)
    np.testing.assert_allclose(data.train[0].numpy(), (pixels - mean) / std, atol=1e-5)
    assert data.num_classes == 100
    assert data.train[1].tolist() == contents["train"]["fine_labels"]
    assert data.test[1].tolist() == list(range(100))


def test_cifar100_has_its_fine_labels(small_cifar100):
    folder, contents = small_cifar100
    check_cifar100(load_dataset("cifar100", data_dir=folder), contents)
    assert load_dataset("cifar100", data_dir=folder, train_examples=200).train[1].bincount().tolist() == [2] * 100


def test_cifar100_file_in_another_state(small_cifar100):
    folder, _ = small_cifar100
    file = folder / "cifar-100-python" / "test"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StorageError, match=f"{file} is corrupt"):
        load_dataset("cifar100", data_dir=folder)


@contextlib.contextmanager
def served(archive, monkeypatch):
    """Give torchvision's CIFAR-100, which finds its archive on a server of this machine."""

    def handler(*arguments):
        return http.server.SimpleHTTPRequestHandler(*arguments, directory=str(archive.parent))

    maker = import_torchvision().datasets.CIFAR100
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(urllib.request, "_opener", None)
        monkeypatch.setattr(maker, "url", f"http://127.0.0.1:{server.server_port}/{archive.name}")
        yield maker
        server.shutdown()


def test_what_is_missing_is_downloaded(small_cifar100, tmp_path, monkeypatch, capsys):
    folder, contents = small_cifar100
    archive = tmp_path / "packed" / "cifar-100-python.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder / "cifar-100-python", "cifar-100-python")

    with served(archive, monkeypatch) as maker:
        monkeypatch.setattr(maker, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
        data = load_dataset("cifar100", data_dir=tmp_path / "new")
    check_cifar100(data, contents)
    assert (tmp_path / "new" / "cifar-100-python" / "train").is_file()
    assert capsys.readouterr().out == ""


def test_a_download_that_is_not_what_it_should_be(small_cifar100, tmp_path, monkeypatch):
    archive = tmp_path / "packed" / "cifar-100-python.tar.gz"
    archive.write_bytes(b"<html>Please log in</html>")

    message = r"cifar100 is not complete.*File not found or corrupted"
    with served(archive, monkeypatch), pytest.raises(StorageError, match=message):
        load_dataset("cifar100", data_dir=tmp_path / "new")
