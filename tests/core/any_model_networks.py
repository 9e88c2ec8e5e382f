"""Cases by the network: what layers and wrappers a user's model may have."""

import sys
import warnings
from unittest import mock

import torch
from any_model import Case, images, rows, sequences, tokens
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from landscape.data.torchvision_import import import_torchvision

torchvision = import_torchvision()


def mlp():
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).double()


def cnn(norm=True):
    layers = [nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3) if norm else nn.Identity(), nn.ReLU(inplace=True)]
    model = nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3)).double()
    if norm:
        model[1].running_mean.uniform_(-0.2, 0.2)
        model[1].running_var.uniform_(0.5, 1.5)
    return model


def with_dropout():
    return nn.Sequential(nn.Linear(5, 6), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(6, 3)).double()


def grouped():
    layers = [nn.Conv2d(2, 4, 3, groups=2), nn.GELU(), nn.Conv2d(4, 4, 3, groups=4, padding=1), nn.SiLU()]
    return nn.Sequential(*layers, nn.Conv2d(4, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()).double()


def vision_transformer():
    model = torchvision.models.VisionTransformer(
        image_size=4, patch_size=2, num_layers=1, num_heads=2, hidden_dim=4, mlp_dim=4, num_classes=3, dropout=0.1
    )
    torch.nn.init.normal_(model.heads.head.weight)
    return model.double()


class ConvNeXt(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 2, stride=2)
        self.block = torchvision.models.convnext.CNBlock(4, layer_scale=0.5, stochastic_depth_prob=0.3)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.block(self.stem(x)).mean((2, 3)))


class Attention(nn.Module):
    """One attention layer, of the kind asked for."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True) if kind == "module" else nn.Linear(4, 12)
        self.head = nn.Linear(4, 3)
        self.register_buffer("mask", torch.ones(4, 4).tril().bool())

    def forward(self, x):
        if self.kind == "module":
            return self.head(self.attention(x, x, x, need_weights=False)[0].mean(1))
        q, k, v = (each.view(len(x), 4, 2, 2).transpose(1, 2) for each in self.attention(x).chunk(3, -1))
        mask = self.mask if self.kind == "mask" else None
        h = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=self.kind == "causal")
        return self.head(h.transpose(1, 2).flatten(2).mean(1))


class Encoder(nn.Module):
    """A layer whose forward has a fused path in evaluation mode, with and without a padding mask."""

    def __init__(self, masked):
        super().__init__()
        layer = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True, dropout=0.1)
        self.layers = nn.TransformerEncoder(layer, 1, enable_nested_tensor=masked)
        self.head = nn.Linear(4, 3)
        self.masked = masked

    def forward(self, x):
        padding = torch.zeros(x.shape[:2], dtype=torch.bool)
        padding[:, -1] = True
        return self.head(self.layers(x, src_key_padding_mask=padding if self.masked else None).mean(1))


class Recurrent(nn.Module):
    def __init__(self, kind, layers=1, two_ways=False, features=4):
        super().__init__()
        size = features - 1
        self.rnn = kind(features, size, layers, batch_first=True, bidirectional=two_ways)
        self.head = nn.Linear(2 * size if two_ways else size, 3)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


class Words(nn.Module):
    """Embedding with padding, and a read-out tied to it."""

    def __init__(self, tied):
        super().__init__()
        self.embed = nn.Embedding(11, 4, padding_idx=0)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 11, bias=not tied)
        if tied:
            self.head.weight = self.embed.weight

    def forward(self, x):
        return self.head(self.norm(self.embed(x).tanh().mean(1)))


def padded_tokens():
    x, y = tokens()
    return torch.where(torch.arange(5) < 4, x, 0), y


def normalized(how):
    return nn.Sequential(how(nn.Linear(5, 4)), nn.Tanh(), how(nn.Linear(4, 3))).double()


def weight_norm_written_out(model, batch):
    """torch._weight_norm has a wrong second derivative in 2.13."""

    def written_out(v, g, dim=0):
        return v * (g / v.flatten(1).norm(dim=1).view(-1, *[1] * (v.ndim - 1)))

    by_hooks = sys.modules["torch.nn.utils.weight_norm"]
    with (
        mock.patch.object(torch, "_weight_norm", written_out),
        mock.patch.object(by_hooks, "_weight_norm", written_out),
    ):
        return F.cross_entropy(model(batch[0]), batch[1])


def layer_norm():
    return nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 3)).double()


def partly_compiled():
    return nn.Sequential(torch.compile(mlp(), backend="eager"), nn.Linear(3, 3).double())


def group_norm():
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.ELU(), nn.Flatten(), nn.Linear(64, 3)).double()


class Counting(nn.Module):
    """A model that writes down what it has seen: a buffer, an attribute, a list, a cache made when first used."""

    def __init__(self):
        super().__init__()
        self.inner = mlp()
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("mean", torch.zeros(5, dtype=torch.float64), persistent=False)
        self.losses, self.last = [], None

    def forward(self, x):
        self.calls += 1
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        if not hasattr(self, "cache"):
            self.register_buffer("cache", torch.ones(3, dtype=torch.float64), persistent=False)
        self.last = self.inner(x) * self.cache
        self.losses.append(self.last.sum())
        return self.last


class Averaging(nn.Module):
    """A frozen moving average of its weights, written in the forward pass as a momentum encoder is."""

    def __init__(self):
        super().__init__()
        self.inner, self.average = mlp(), nn.Linear(5, 3, bias=False).double().requires_grad_(False)

    def forward(self, x):
        self.average.weight.mul_(0.9).add_(0.01)
        return self.inner(x) + self.average(x)


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(11, 3, sparse=True), nn.Linear(3, 3)

    def forward(self, x):
        return self.head(self.embed(x).mean(1).tanh())


class Checkpointed(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.a, self.b = nn.Linear(5, 6), nn.Linear(6, 3)
        self.reentrant = reentrant

    def forward(self, x):
        h = torch.utils.checkpoint.checkpoint(lambda x: self.a(x).tanh(), x, use_reentrant=self.reentrant)
        return self.b(h)


class Autocast(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = mlp()

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.inner(x)


def plain_of_autocast(model, batch):
    return F.cross_entropy(model.inner(batch[0]), batch[1])


def plain_of_checkpointed(model, batch):
    return F.cross_entropy(model.b(model.a(batch[0]).tanh()), batch[1])


class Harmless(nn.Module):
    """Draws numbers that change nothing."""

    def __init__(self):
        super().__init__()
        self.inner = mlp()

    def forward(self, x):
        return self.inner(x + 0.0 * torch.randn_like(x))


def with_backward_hook():
    model = mlp()
    model[2].register_full_backward_hook(lambda module, into, out: (2 * into[0],))
    model[0].weight.register_hook(lambda g: 3 * g)
    return model


def dense_gradients(model, batch):
    model.embed.sparse = False
    return F.cross_entropy(model(batch[0]), batch[1])


def averaged_once(model, batch):
    average = 0.9 * model.average.weight.detach().clone() + 0.01
    return F.cross_entropy(model.inner(batch[0]) + batch[0] @ average.T, batch[1])


def hooked_weight_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return normalized(nn.utils.weight_norm)


def partly_frozen():
    model = mlp()
    model[0].weight.requires_grad_(False)
    return model


def compiled_in_place():
    model = mlp()
    model.compile(backend="eager")
    return model


def shared_twice():
    layer = nn.Linear(5, 5)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Tanh(), nn.Linear(5, 3)).double()


MATH = "attention runs through the math kernel"
NETWORKS = {
    "mlp": Case(mlp, rows),
    "cnn, running statistics": Case(cnn, images, notes=("BatchNorm uses its running statistics",)),
    "cnn, batch statistics": Case(
        cnn, images, options={"batch_norm": "batch"}, notes=("statistics of each batch",), cuts=(0, 9), training=True
    ),
    "dropout": Case(with_dropout, rows, notes=("dropout is off",)),
    "grouped convolutions": Case(grouped, images),
    "torchvision vit": Case(vision_transformer, lambda: images(3, 4), notes=(MATH,)),
    "torchvision convnext block": Case(lambda: ConvNeXt().double(), images),
    "multihead attention": Case(lambda: Attention("module").double(), sequences, notes=(MATH,)),
    "attention": Case(lambda: Attention("plain").double(), sequences, notes=(MATH,)),
    "attention with a mask": Case(lambda: Attention("mask").double(), sequences, notes=(MATH,)),
    "causal attention": Case(lambda: Attention("causal").double(), sequences, notes=(MATH,)),
    "encoder layer": Case(lambda: Encoder(False).double(), sequences, notes=(MATH,)),
    "encoder layer with padding": Case(lambda: Encoder(True).double(), sequences, notes=(MATH,)),
    "lstm": Case(lambda: Recurrent(nn.LSTM).double(), sequences),
    "gru, two layers, both ways": Case(lambda: Recurrent(nn.GRU, 2, True, 2).double(), lambda: sequences(2, 2)),
    "embedding with padding": Case(lambda: Words(False).double(), padded_tokens),
    "tied weights": Case(lambda: Words(True).double(), padded_tokens, notes=("tied parameter counts once",)),
    "weight norm": Case(lambda: normalized(parametrizations.weight_norm), rows, reference=weight_norm_written_out),
    "spectral norm": Case(lambda: normalized(parametrizations.spectral_norm), rows),
    "spectral norm by hooks": Case(lambda: normalized(nn.utils.spectral_norm), rows),
    "layer norm": Case(layer_norm, rows),
    "group norm": Case(group_norm, images),
    "shared module": Case(shared_twice, rows),
    "compiled": Case(
        lambda: torch.compile(mlp(), backend="eager"), rows, original=lambda m: m._orig_mod, notes=("compiled",)
    ),
    "compiled in place": Case(compiled_in_place, rows, notes=("compiled",)),
    "a compiled part": Case(partly_compiled, rows),
    "data parallel": Case(lambda: nn.DataParallel(mlp()), rows, original=lambda m: m.module, notes=("DataParallel",)),
    "frozen parameters": Case(partly_frozen, rows, notes=("1 of 4 parameters are frozen",)),
    "some parameters": Case(mlp, rows, options={"parameters": ["0.w*", "2"]}, notes=("3 of 4 trainable",)),
    "one parameter": Case(mlp, rows, options={"parameters": "0.bias"}, notes=("1 of 4 trainable",)),
    "buffers, attributes and caches written": Case(lambda: Counting(), rows),
    "checkpointing": Case(
        lambda: Checkpointed(False).double(), rows, reference=plain_of_checkpointed, notes=("checkpointing",)
    ),
    "reentrant checkpointing": Case(
        lambda: Checkpointed(True).double(), rows, reference=plain_of_checkpointed, notes=("checkpointing",)
    ),
    "autocast in the forward pass": Case(Autocast, rows, reference=plain_of_autocast, notes=("autocast",)),
    "random numbers without effect": Case(Harmless, rows),
    "a moving average": Case(Averaging, rows, reference=averaged_once, notes=("1 of 5 parameters are frozen",)),
    "sparse embedding": Case(lambda: Sparse().double(), tokens, reference=dense_gradients),
    "weight norm by hooks": Case(hooked_weight_norm, rows, reference=weight_norm_written_out),
    "backward hooks": Case(
        with_backward_hook, rows, original=lambda m: mlp_with(m), notes=("backward hooks",)
    ),
}  # fmt: skip


def mlp_with(model):
    plain = mlp()
    plain.load_state_dict(model.state_dict())
    return plain
