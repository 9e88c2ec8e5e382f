"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100, read and downloaded by torchvision."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from landscape.data.dataset import Examples
from landscape.data.download import complete
from landscape.data.source import Place, Pool, Source
from landscape.data.torchvision_import import import_torchvision
from landscape.registry import datasets

# torchvision knows the checksums of the packed files only and takes any unpacked ones. These are of the files
# that it unpacks from them.
UNPACKED_MD5 = {
    "MNIST": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    "FashionMNIST": {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}


def _mnist_files(maker: Any) -> Mapping[str, str]:
    name = maker.__name__
    return {f"{name}/raw/{file}": md5 for file, md5 in UNPACKED_MD5[name].items()}


def _cifar_files(maker: Any) -> Mapping[str, str]:
    files = {f"{maker.base_folder}/{file}": md5 for file, md5 in (*maker.train_list, *maker.test_list)}
    return files | {f"{maker.base_folder}/{maker.meta['filename']}": maker.meta["md5"]}


def _mnist_tensors(part: Any) -> Examples:
    return part.data[:, None], part.targets


def _cifar_tensors(part: Any) -> Examples:
    # The file holds channels first; torchvision turned them last.
    images = torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous()
    return images, torch.tensor(part.targets)


def _register(
    name: str,
    torchvision_name: str,
    summary: str,
    num_classes: int,
    files: Callable[[Any], Mapping[str, str]],
    tensors: Callable[[Any], Examples],
) -> None:
    """Enter one of torchvision's image data sets, as bytes to be standardised per channel."""

    def load(place: Place) -> Pool:
        maker = getattr(import_torchvision().datasets, torchvision_name)
        download = (lambda: maker(str(place.folder), download=True)) if place.writable else None
        complete(name, place.folder, files(maker), download)
        train, test = (tensors(maker(str(place.folder), train=train)) for train in (True, False))
        return Pool(train, test, num_classes, standardize=(0, 2, 3), subset="balanced")

    datasets.register(name, summary)(Source(load))


_register("mnist", "MNIST", "28x28 handwritten digits, 60000 + 10000", 10, _mnist_files, _mnist_tensors)
_register("fashion-mnist", "FashionMNIST", "28x28 pieces of clothing, 60000 + 10000", 10, _mnist_files, _mnist_tensors)
_register("cifar10", "CIFAR10", "32x32 colour photographs, 50000 + 10000", 10, _cifar_files, _cifar_tensors)
_register(
    "cifar100", "CIFAR100", "32x32 colour photographs in 100 classes, 50000 + 10000", 100, _cifar_files, _cifar_tensors
)
