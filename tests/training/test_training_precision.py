"""Mixed precision and compilation of the training steps."""

import dataclasses
import shutil

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from landscape.errors import ProblemError, UsageError
from landscape.training import TrainingConfig, train
from landscape.training import prepare as prepare_module


def trained(make, clusters, **keys):
    model = make()
    config = TrainingConfig("adam", 0.01, epochs=3, batch_size=32, **keys)
    result = train(model, cross_entropy, clusters, config, device="cpu")
    return model, result


def test_mixed_precision_is_another_rounding_of_the_same_training(make_mlp, clusters):
    seen = []

    class Watching(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = make_mlp()

        def forward(self, x):
            outputs = self.inner(x)
            if self.training:
                seen.append(outputs.dtype)
            return outputs

    model, mixed = trained(Watching, clusters, amp="bf16")
    assert set(seen) == {torch.bfloat16}
    seen.clear()
    _, plain = trained(Watching, clusters)
    assert set(seen) == {torch.float32}
    assert all(each.dtype == torch.float32 for each in model.parameters())
    assert all(each.dtype == torch.float32 for each in mixed.end.optimizer.tensors.values())
    assert mixed.history[0].train_loss == plain.history[0].train_loss  # evaluations are in full precision
    assert mixed.end.train_loss != plain.end.train_loss
    assert mixed.end.train_loss == pytest.approx(plain.end.train_loss, rel=0.02)
    _, again = trained(Watching, clusters, amp="bf16")
    assert [dataclasses.replace(row, seconds=0) for row in again.history] == [
        dataclasses.replace(row, seconds=0) for row in mixed.history
    ]
    with pytest.raises(UsageError, match="bf16 or none; it is 'fp8'"):
        TrainingConfig("sgd", 0.1, epochs=1, amp="fp8")


def test_the_compiled_network_takes_the_steps_and_the_network_itself_the_rest(make_mlp, clusters, monkeypatch):
    calls = []

    def compiled(model):
        def forward(x):
            calls.append(model.training)
            return model(x)

        return forward

    monkeypatch.setattr(prepare_module, "compiled", compiled)
    _, result = trained(make_mlp, clusters, compile=True)
    _, plain = trained(make_mlp, clusters)
    assert calls == [True] * (result.end.step + 1)  # and once to warm up
    assert result.end.train_loss == plain.end.train_loss


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="no C++ compiler for torch.compile")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own, while it compiles
def test_compiled_training_is_the_same_training_to_rounding(make_mlp, clusters):
    model, result = trained(make_mlp, clusters, compile=True)
    _, plain = trained(make_mlp, clusters)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 1
    assert not torch._dynamo.utils.counters["graph_break"]
    assert result.end.train_loss == pytest.approx(plain.end.train_loss, rel=1e-4)
    for name, each in plain.end.state_dict.items():
        assert torch.allclose(result.end.state_dict[name], each, rtol=1e-3, atol=1e-5), name
    assert type(model) is nn.Sequential or not hasattr(model, "_orig_mod")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own, while it compiles
def test_without_a_compiler_it_says_so(make_mlp, clusters):
    import torch._inductor.config as inductor

    # what was compiled before is not to be found again
    changes = {"cpp.cxx": (None, "/nowhere/g++"), "fx_graph_cache": False, "autotune_local_cache": False}
    with (
        inductor.patch(changes),
        pytest.raises(ProblemError, match=r"cannot compile.*compiler.*Install a C\+\+ compiler.*leave --compile out"),
    ):
        trained(make_mlp, clusters, compile=True)
