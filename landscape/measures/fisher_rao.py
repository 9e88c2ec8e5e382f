"""The Fisher-Rao norm."""

from typing import Literal

from landscape.measures.exact import exact
from landscape.measures.measurement import Measure, Measurement
from landscape.minimum import Minimum
from landscape.operators import Fisher
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.registry import measures

_BLIND_SPOT = (
    "How far the outputs move when all weights grow together, in the metric of the loss: one direction, which for "
    "homogeneous networks is the scale of the logits. It says little beyond the training loss and the margins."
)


def fisher_rao(minimum: Minimum, *, seed: int = 0, kind: Literal["type_ii", "empirical"] = "type_ii") -> Measurement:
    r"""Return the squared Fisher-Rao norm $\langle\theta, F\theta\rangle$.

    $$\langle\theta, F\theta\rangle = \frac1N \sum_n (J_n\theta)^\top A_n J_n\theta, \qquad A_n = \nabla_f^2 \ell_n
    \;\text{(type II)} \quad\text{or}\quad \nabla_f\ell_n \nabla_f\ell_n^\top \;\text{(empirical)}.$$

    For a network of L layers without biases, whose activations are positively homogeneous, $J_n\theta = L f_n$, so that
    it is $L^2 \frac1N\sum_n f_n^\top A_n f_n$: a function of outputs alone.

    Args:
        minimum: What to measure; its loss must be a criterion of (outputs, targets).
        seed: Nothing here is random.
        kind: ``"type_ii"``: the expectation over the model's own targets, for any loss the Gauss-Newton matrix;
            ``"empirical"``: the targets of the data, as in the paper's experiments.

    Cost:
        One product with the Gauss-Newton or Fisher matrix.

    Invariances:
        Every change of parameters that is linear along rays from zero, such as rescaling layers or neurons. Not the
        scale of the logits. Weight decay is left out.

    References:
        Liang, Poggio, Rakhlin, Stokes 2019, "Fisher-Rao metric, geometry, and complexity of neural networks",
        definition 2 and theorem 3.1.
    """
    problem, theta = minimum.problem, minimum.theta.double()
    operator: SymmetricOperator = minimum.gauss_newton
    if kind == "empirical":
        operator = Fisher(problem, minimum.theta, kind="empirical", memory=minimum.memory)
    product = (operator @ minimum.theta).double() - problem.weight_decay * theta
    value, magnitude = float(theta @ product), float(theta.norm() * product.norm())
    reason = f"exact up to rounding: one product with the {kind.replace('_', ' ').replace('ii', 'II')} matrix"
    return exact(minimum, value, reason, _BLIND_SPOT, magnitude=magnitude, matvecs=1)


measures.register("fisher_rao", "squared Fisher-Rao norm <theta, G theta>; kind=type_ii|empirical")(
    Measure(
        fisher_rao,
        "Fisher-Rao norm",
        r"\langle\theta, G\theta\rangle",
        _BLIND_SPOT,
        "Fisher-Rao norm",
        1,
        invariances=frozenset({"layer_rescaling", "neuron_rescaling", "batch_norm_scaling", "neuron_permutation"}),
    )
)
