"""The product of the layers' spectral norms."""

from landscape.measures.exact import rounding
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.spectral_norms import ConvolutionNorm, spectral_norms_of
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = (
    "A bound on how far the outputs can move with the inputs, usually far from tight, and none at all with residual "
    "connections, whose branches add; nothing of the loss."
)


def spectral_norm_product(
    minimum: Minimum, *, seed: int = 0, convolution: ConvolutionNorm = "operator", rtol: float = 1e-4
) -> Measurement:
    r"""Return $\prod_l \sigma_{\max}(W_l)$ over the linear and convolutional layers.

    A BatchNorm in evaluation mode right behind a layer belongs to it: $\sigma_{\max}(\operatorname{diag}(\gamma/\sigma)
    W_l)$.

    Args:
        minimum: What to measure.
        seed: Of the start vectors.
        convolution: ``"operator"``: that of the convolution as the linear map of an input that it is, padding and
            stride included, by Lanczos on $A^\top A$; ``"kernel"``: that of the kernel as a matrix (outputs, inputs
            times places), which is cheaper and another number.
        rtol: Tolerance of the residuals.

    Returns:
        The product; ``details`` has each layer's norm. No value where the network is not understood.

    Cost:
        One forward pass of an example, and 10 to 100 products with each convolution for one input.

    Invariances:
        Rescaling of whole layers, and of weights before a BatchNorm. Not rescaling of single neurons.

    References:
        Bartlett, Foster, Telgarsky 2017, "Spectrally-normalized margin bounds for neural networks"; Sedghi, Gupta, Long
        2019, "The singular values of convolutional layers".
    """
    found = spectral_norms_of(minimum, seed, convolution, rtol)
    if isinstance(found, str):
        return Measurement(value=None, reason=found, caveat=_BLIND_SPOT)
    kind = {"operator": "convolutions as operators on their inputs", "kernel": "convolutions by their kernel"}
    return Measurement(
        value=found.product,
        error=found.product * found.relative_error + rounding(minimum, found.product),
        error_kind="bound",
        forward_passes=1,
        converged=found.converged,
        reason=f"{len(found.norms)} layers, {kind[convolution]}",
        caveat=_BLIND_SPOT,
        details={"norms": found.norms},
    )


measures.register("spectral_norm_product", "baseline: product of layers' spectral norms; convolution=operator|kernel")(
    Measure(
        spectral_norm_product,
        "product of spectral norms",
        r"\prod \sigma_{\max}(W_l)",
        _BLIND_SPOT,
        "product of spectral norms",
        0,
        sign=0,
        why_not="is a baseline, not a sharpness",
        invariances=frozenset({"layer_rescaling", "batch_norm_scaling", "neuron_permutation"}),
    )
)
