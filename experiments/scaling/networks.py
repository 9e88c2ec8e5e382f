"""The problems whose cost is measured: perceptrons of any size, a GPT-2 and ResNets, with random weights and data."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape import Problem
from landscape.losses import cross_entropy
from landscape.models import build_model

VOCABULARY, CONTEXT = 50257, 1024
CLASSES = 10
"""Of the perceptrons; ResNet-50 has 1000."""


class Block(nn.Module):
    """Causal attention and a perceptron, each behind a LayerNorm and beside a skip connection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor shaped like x, ``(B, T, width)``."""
        q, k, v = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in self.attention(self.norm_1(x)).chunk(3, -1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.projection(mixed.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm_2(x)), approximate="tanh"))


class LanguageModel(nn.Module):
    """A network of GPT-2's shape; with its own sizes 124,439,808 parameters, the output tied to the embedding."""

    def __init__(self, width: int = 768, layers: int = 12, heads: int = 12, vocabulary: int = VOCABULARY) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(CONTEXT, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        for each in self.modules():
            if isinstance(each, nn.Linear | nn.Embedding):
                nn.init.normal_(each.weight, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits ``(B, T, vocabulary)`` for tokens ``(B, T)``."""
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1], device=tokens.device))
        return self.norm(self.blocks(x)) @ self.tokens.weight.T


def next_token(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Return the mean cross-entropy of the next token; all sequences are of one length, so it is one over examples."""
    logits, targets = model(batch[0]), batch[1]
    return cross_entropy(logits.flatten(0, 1), targets.flatten())


def width_for(parameters: int) -> int:
    """Return the width of the perceptron 64-w-w-10 that has about so many weights."""
    both = 64 + CLASSES
    return max(1, round((math.sqrt(both**2 + 4 * parameters) - both) / 2))


def network(name: str, size: int) -> nn.Module:
    """Return a network by its name: ``perceptron`` of about ``size`` weights, ``resnet20``, ``resnet50``, ``gpt2``."""
    torch.manual_seed(0)
    if name == "perceptron":
        w = width_for(size)
        return nn.Sequential(nn.Linear(64, w), nn.Tanh(), nn.Linear(w, w), nn.Tanh(), nn.Linear(w, CLASSES))
    if name == "gpt2":
        return LanguageModel(*((32, 2, 2, 101) if size else ()))
    shape, classes = ((3, 32, 32), CLASSES) if name == "resnet20" else ((3, size or 224, size or 224), 1000)
    return build_model({"resnet50": "torchvision:resnet50"}.get(name, name), shape, classes, seed=0)


def data(name: str, size: int, examples: int, tokens: int) -> tuple[Tensor, Tensor]:
    """Return (x, y) of so many random examples; of a language model sequences of so many tokens."""
    generator = torch.Generator().manual_seed(1)
    if name == "gpt2":
        drawn = torch.randint(101 if size else VOCABULARY, (examples, tokens + 1), generator=generator)
        return drawn[:, :-1], drawn[:, 1:]
    shape = {"perceptron": (64,), "resnet20": (3, 32, 32)}.get(name, (3, size or 224, size or 224))
    x = torch.randn(examples, *shape, generator=generator)
    return x, torch.randint(1000 if name == "resnet50" else CLASSES, (examples,), generator=generator)


def problem(model: nn.Module, name: str, examples: tuple[Tensor, Tensor], batch: int | None, device: str) -> Problem:
    """Return the mean loss of a network over the examples."""
    loss = next_token if name == "gpt2" else "cross_entropy"
    return Problem(model, loss, examples, batch_size=batch, device=device)
