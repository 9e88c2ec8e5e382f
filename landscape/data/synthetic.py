"""Data drawn from a known distribution."""

import torch

from landscape.data.dataset import Examples
from landscape.data.source import Place, Pool, Source
from landscape.options import Scale, Size
from landscape.randomness import derive_seed
from landscape.registry import datasets


def gaussian_clusters(
    place: Place,
    *,
    classes: Size = 10,
    dimension: Size = 20,
    separation: Scale = 5.0,
    examples: Size = 1000,
    test_examples: Size = 1000,
) -> Pool:
    r"""Return Gaussian clusters of unit covariance, one per class, of equal size.

    Args:
        place: Its seed draws centres and examples.
        classes: How many clusters.
        dimension: Dimension d of the inputs.
        separation: Root mean square distance between two centres: these are drawn from
            $N(0, s^2 I)$ with $s$ = separation $/ \sqrt{2d}$.
        examples: Size of the training pool.
        test_examples: Size of the test set.
    """
    generator = torch.Generator().manual_seed(derive_seed(place.seed, "synthetic data"))
    centres = torch.randn(classes, dimension, generator=generator) * separation / (2 * dimension) ** 0.5

    def draw(count: int) -> Examples:
        y = torch.randperm(count, generator=generator) % classes
        return centres[y] + torch.randn(count, dimension, generator=generator), y

    return Pool(draw(examples), draw(test_examples), classes, standardize=None, subset="balanced")


def linear_regression(
    place: Place,
    *,
    dimension: Size = 20,
    outputs: Size = 1,
    noise: Scale = 0.1,
    examples: Size = 1000,
    test_examples: Size = 1000,
) -> Pool:
    r"""Return $y = W x + \text{noise} \cdot \epsilon$ with standard normal $x$ and $\epsilon$, $W_{ij} \sim N(0, 1/d)$.

    Args:
        place: Its seed draws everything.
        dimension: Dimension d of the inputs.
        outputs: How many numbers to predict.
        noise: Standard deviation of what cannot be predicted.
        examples: Size of the training pool.
        test_examples: Size of the test set.
    """
    generator = torch.Generator().manual_seed(derive_seed(place.seed, "synthetic data"))
    weights = torch.randn(dimension, outputs, generator=generator) / dimension**0.5

    def draw(count: int) -> Examples:
        x = torch.randn(count, dimension, generator=generator)
        return x, x @ weights + noise * torch.randn(count, outputs, generator=generator)

    return Pool(draw(examples), draw(test_examples), None, standardize=None, subset="first")


datasets.register("synthetic", "Gaussian clusters; classes dimension separation examples test_examples")(
    Source(gaussian_clusters)
)
datasets.register("synthetic-regression", "a noisy linear map; dimension outputs noise examples test_examples")(
    Source(linear_regression)
)
