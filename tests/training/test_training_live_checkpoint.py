"""A training that stops and goes on from a file is bit for bit the one that did not stop."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from landscape.errors import StorageError
from landscape.registry import optimizers
from landscape.training import TrainingConfig
from landscape.training.determinism import repeatable
from landscape.training.live_checkpoint import read_live, write_live
from landscape.training.prepare import prepare_run
from landscape.training.run import take_steps

NAMES = [each.name for each in optimizers.entries() if "NAME" not in each.name]
CASES = [*((name, {}) for name in NAMES), ("sam", {"base": "adam"}), ("torch:Adamax", {}), ("torch:Adafactor", {})]
CPU = torch.device("cpu")


def run_of(make_model, dataset, name, options, device=CPU):
    batch = None if name == "lbfgs" else 40
    config = TrainingConfig(name, 0.01, options, batch_size=batch, steps=14, schedule="cosine", clip_norm=1.0)
    return prepare_run(make_model(), cross_entropy, dataset, config, device=device, dtype=torch.float32)


def advance(run, first, last):
    with repeatable(run.device):
        for _ in take_steps(run, first, last):
            pass


@pytest.mark.parametrize(("name", "options"), CASES)
def test_it_goes_on_bit_for_bit(make_noisy, clusters, tmp_path, name, options, device):
    # four steps an epoch: step 7 is within one; the network has buffers and dropout
    whole = run_of(make_noisy, clusters, name, options, device)
    advance(whole, 0, 14)
    stopped = run_of(make_noisy, clusters, name, options, device)
    advance(stopped, 0, 7)
    write_live(tmp_path / "state.pt", stopped, 7, {"note": "x"})
    again = run_of(make_noisy, clusters, name, options, device)
    assert read_live(tmp_path / "state.pt", again) == (7, {"note": "x"})
    advance(again, 7, 14)
    for a, b in zip(whole.model.state_dict().values(), again.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    tensors = whole.optimizer_state(14).tensors
    assert all(torch.equal(each, again.optimizer_state(14).tensors[key]) for key, each in tensors.items())


def test_a_damaged_file_is_refused(make_mlp, clusters, tmp_path):
    run = run_of(make_mlp, clusters, "adam", {})
    path = tmp_path / "state.pt"
    write_live(path, run, 0, {})
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(StorageError, match="damaged"):
        read_live(path, run)
