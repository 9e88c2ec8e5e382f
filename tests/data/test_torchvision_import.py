import subprocess
import sys

RUNS = """
import warnings
warnings.simplefilter("error")
import torch
from landscape.data.torchvision_import import import_torchvision
from landscape.models import build_model
torchvision = import_torchvision()
assert import_torchvision() is torchvision
assert torchvision.datasets and torchvision.transforms
model = torchvision.models.resnet18(weights=None, num_classes=10)
assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
assert build_model("torchvision:resnet18", (3, 32, 32), 10)(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
"""

# Stands for a torchvision whose C++ library loads: loading it defines the operators. Loading a second time is
# torchvision's own business; there is no real library here, so it fails.
OWN_OPERATORS_WIN = """
import torch
library = torch.library.Library("torchvision", "DEF")
loaded = []
def load_library(path):
    loaded.append(path)
    if len(loaded) > 1:
        raise OSError("no real library")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", lambda dets, scores, iou_threshold: scores + 1, "CPU")
torch.ops.load_library = load_library
from landscape.data import torchvision_import
torchvision_import.import_torchvision()
assert "_C" in loaded[0]
assert torchvision_import._libraries == []
assert torch.ops.torchvision.nms(torch.zeros(1, 4), torch.ones(1), 0.5).item() == 2
"""


def test_torchvision_imports_and_runs_without_a_warning():
    subprocess.run([sys.executable, "-c", RUNS], check=True)


def test_operators_that_a_library_defines_are_left_alone():
    subprocess.run([sys.executable, "-c", OWN_OPERATORS_WIN], check=True)
