"""Small vision transformer whose attention can be differentiated twice."""

import torch
from torch import nn

from landscape.errors import UsageError
from landscape.models.image_shape import image_shape
from landscape.options import Size
from landscape.registry import models


class Attention(nn.Module):
    """Multi-head self-attention as two matrix products and a softmax.

    Not ``scaled_dot_product_attention``: its fused kernels have no double backward, on the CPU as on the GPU.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(N, tokens, dim)`` of the same shape."""
        count, tokens, dim = x.shape
        q, k, v = self.qkv(x).view(count, tokens, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) * (dim // self.heads) ** -0.5).softmax(dim=-1)
        mixed: torch.Tensor = self.out((weights @ v).transpose(1, 2).reshape(count, tokens, dim))
        return mixed


class Layer(nn.Module):
    """One pre-norm transformer layer: attention, then a perceptron of four times the width."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(dim), Attention(dim, heads))
        self.perceptron = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(N, tokens, dim)`` of the same shape."""
        x = x + self.attention(x)
        out: torch.Tensor = x + self.perceptron(x)
        return out


class VisionTransformer(nn.Module):
    """Patches with learned positions, transformer layers, the mean over patches, and a linear layer."""

    def __init__(self, channels: int, patches: int, num_outputs: int, dim: int, depth: int, heads: int, patch: int):
        super().__init__()
        self.embed = nn.Conv2d(channels, dim, kernel_size=patch, stride=patch)
        self.position = nn.Parameter(0.02 * torch.randn(patches, dim))
        self.layers = nn.Sequential(*(Layer(dim, heads) for _ in range(depth)))
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, num_outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return outputs ``(N, outputs)`` of images ``(N, C, H, W)``."""
        tokens = self.embed(x).flatten(2).transpose(1, 2) + self.position
        outputs: torch.Tensor = self.head(self.layers(tokens).mean(dim=1))
        return outputs


@models.register("vit", "small vision transformer; dim=64 depth=4 heads=4 patch=4")
def vit(
    input_shape: tuple[int, ...], num_outputs: int, *, dim: Size = 64, depth: Size = 4, heads: Size = 4, patch: Size = 4
) -> nn.Module:
    """Return a pre-norm vision transformer without a class token (the mean over patches instead) and dropout.

    PyTorch's default initialisation; positions start normal with standard deviation 0.02.

    Args:
        input_shape: Channels, height and width of one image, multiples of ``patch``.
        num_outputs: Number of outputs.
        dim: Width of the tokens, a multiple of ``heads``.
        depth: Number of layers.
        heads: Number of attention heads.
        patch: Side of a patch in pixels.

    Raises:
        UsageError: If patches do not tile the image or heads do not divide the width.

    References:
        Dosovitskiy et al. (2021), An Image is Worth 16x16 Words.
        Beyer, Zhai, Kolesnikov (2022), Better plain ViT baselines for ImageNet-1k: the mean over patches.
    """
    channels, height, width = image_shape("vit", input_shape, patch)
    if height % patch or width % patch:
        raise UsageError(
            f"Model 'vit' cuts images into patches of {patch}x{patch} pixels, and {height}x{width} is no multiple "
            f"of that. Give --model-option patch=... that divides both."
        )
    if dim % heads:
        raise UsageError(f"Model 'vit' has dim={dim}, which heads={heads} does not divide. Change one of them.")
    patches = (height // patch) * (width // patch)
    return VisionTransformer(channels, patches, num_outputs, dim, depth, heads, patch)
