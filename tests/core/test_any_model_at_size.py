"""Models too large for a dense Hessian: against plain double backward of one product, or of a block."""

import copy

import pytest
import torch
from any_model import same, snapshot
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

import landscape
from landscape import Hessian, Problem
from landscape.data.torchvision_import import import_torchvision


def product(model, loss_of, v):
    """Return Hv by plain double backward, in float64."""
    model = copy.deepcopy(model).double().eval()
    parameters = [each for each in model.parameters() if each.requires_grad]
    with sdpa_kernel(SDPBackend.MATH):
        gradient = torch.autograd.grad(loss_of(model), parameters, create_graph=True)
    slope = sum(
        (g * piece.view_as(g)).sum()
        for g, piece in zip(gradient, v.split([p.numel() for p in parameters]), strict=True)
    )
    rows = torch.autograd.grad(slope, parameters, materialize_grads=True)
    return torch.cat([each.reshape(-1) for each in rows])


def direction(count):
    return torch.randn(count, dtype=torch.float64, generator=torch.Generator().manual_seed(7))


def test_resnet18_of_torchvision():
    torch.manual_seed(0)
    model = import_torchvision().models.resnet18(num_classes=3)
    x, y = torch.randn(3, 3, 16, 16), torch.tensor([0, 1, 2])
    before = snapshot(model)
    H = Hessian(Problem(model, "cross_entropy", (x, y), batch_size=2, parameters="layer4.1", dtype=torch.float64))
    v = direction(H.shape[0])
    Hv = H @ v
    assert same(before, snapshot(model))
    for name, each in model.named_parameters():
        each.requires_grad_(name.startswith("layer4.1."))
    exact = product(model, lambda model: F.cross_entropy(model(x.double()), y), v)
    assert float((Hv - exact).norm()) <= 1e-9 * float(exact.norm())


def test_ten_million_parameters():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 500_000, bias=False), nn.ReLU(), nn.Linear(500_000, 1))
    x, y = torch.randn(4, 20), torch.randn(4, 1)
    problem = Problem(model, nn.MSELoss(), (x, y))
    assert problem.num_parameters == 10_500_001
    v = direction(problem.num_parameters)
    exact = product(model, lambda model: F.mse_loss(model(x.double()), y.double()), v)
    assert float((Hessian(problem) @ v - exact).norm()) <= 1e-4 * float(exact.norm())


def test_distributed_data_parallel(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        torch.manual_seed(0)
        plain = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).double()
        model = nn.parallel.DistributedDataParallel(copy.deepcopy(plain))
        x, y = torch.randn(9, 5, dtype=torch.float64), torch.arange(9) % 3
        problem = Problem(model, "cross_entropy", (x, y))
        assert any("DistributedDataParallel" in note for note in problem.notes)
        v = direction(problem.num_parameters)
        assert torch.equal(Hessian(problem) @ v, Hessian(Problem(plain, "cross_entropy", (x, y))) @ v)
    finally:
        torch.distributed.destroy_process_group()


class TestLanguageModel:
    """A GPT-2 of Hugging Face transformers built from a config, its own loss, batches as dicts."""

    @staticmethod
    def model():
        import_torchvision()
        transformers = pytest.importorskip("transformers")
        torch.manual_seed(0)
        sizes = {"vocab_size": 11, "n_positions": 8, "n_embd": 4, "n_layer": 1, "n_head": 2, "n_inner": 6}
        config = transformers.GPT2Config(**sizes, bos_token_id=0, eos_token_id=0)
        return transformers.GPT2LMHeadModel(config).double()

    @staticmethod
    def batches(padded):
        ids = torch.arange(9 * 6).view(9, 6) * 7 % 11
        kept = torch.arange(6) < (torch.arange(9) % 4 + 3)[:, None] if padded else torch.ones(9, 6, dtype=torch.bool)
        whole = {"input_ids": ids, "attention_mask": kept.long(), "labels": torch.where(kept, ids, -100)}
        return [{name: each[a:b] for name, each in whole.items()} for a, b in ((0, 4), (4, 5), (5, 9), (0, 9))]

    @staticmethod
    def loss(model, batch):
        return model(**batch).loss

    def exact(self, model, whole, v):
        return product(model, lambda model: model(**whole).loss, v)

    def test_loss_of_its_own(self):
        model = self.model()
        before = snapshot(model)
        *batches, whole = self.batches(padded=False)
        problem = Problem(model, self.loss, batches)
        v = direction(problem.num_parameters)
        Hv, exact = Hessian(problem) @ v, self.exact(model, whole, v)
        # its loss is computed in float32 whatever its weights are
        assert float((Hv - exact).norm()) <= 1e-6 * float(exact.norm())
        assert same(before, snapshot(model))
        notes = " ".join(problem.notes)
        assert "math kernel" in notes
        assert "tied parameter counts once" in notes
        assert "mean of its parts" not in notes

    def test_a_mean_over_tokens_is_not_one_over_examples(self):
        model = self.model()
        *batches, whole = self.batches(padded=True)
        by_examples = Problem(model, self.loss, batches)
        assert any("batch_weight_of" in note for note in by_examples.notes)
        still = copy.deepcopy(model).eval()
        mean = sum(len(each["labels"]) / 9 * still(**each).loss.item() for each in batches)
        assert by_examples.loss() == pytest.approx(mean, rel=1e-6)

        by_tokens = Problem(
            model, self.loss, batches, batch_weight_of=lambda batch: (batch["labels"][:, 1:] != -100).sum()
        )
        v = direction(by_tokens.num_parameters)
        exact = self.exact(model, whole, v)
        assert float((Hessian(by_tokens) @ v - exact).norm()) <= 1e-6 * float(exact.norm())
        assert by_tokens.num_examples == 9

    def test_in_one_line_on_batches_of_a_tokenizer(self):
        transformers = pytest.importorskip("transformers")
        *batches, _ = self.batches(padded=False)
        encoded = [transformers.BatchEncoding(each) for each in batches]
        found = landscape.measure(self.model(), lambda model, batch: model(**batch).loss, encoded, ["top_eigenvalue"])
        same_batches = landscape.measure(self.model(), self.loss, batches, ["top_eigenvalue"])
        assert found["top_eigenvalue"].value == same_batches["top_eigenvalue"].value


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_curvature_is_computed_in_float32_at_least(dtype):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6), nn.Tanh(), nn.Linear(6, 3)).to(dtype)
    x, y = torch.randn(9, 5, dtype=dtype), torch.arange(9) % 3
    before = snapshot(model)
    problem = Problem(model, "cross_entropy", [(x[:2], y[:2]), (x[2:], y[2:])])
    v = direction(problem.num_parameters)
    Hv = Hessian(problem) @ v
    half = dtype.itemsize == 2
    assert problem.dtype == (torch.float32 if half else dtype)
    assert any("curvature is computed in float32" in note for note in problem.notes) == half
    exact = product(model, lambda model: F.cross_entropy(model(x.double()), y), v)
    assert float((Hv - exact).norm()) <= 1e3 * torch.finfo(problem.dtype).eps * float(exact.norm())
    assert same(before, snapshot(model))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers_in_single_precision(kind):
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = kind(4, 5, batch_first=True), nn.Linear(5, 3)

        def forward(self, x):
            return self.head(self.rnn(x)[0][:, -1])

    torch.manual_seed(0)
    model, x, y = Last(), torch.randn(9, 6, 4), torch.arange(9) % 3
    H = Hessian(Problem(model, "cross_entropy", (x, y)))
    v = direction(H.shape[0])
    exact = product(model, lambda model: F.cross_entropy(model(x.double()), y), v)
    assert float((H @ v - exact).norm()) <= 1e-4 * float(exact.norm())
