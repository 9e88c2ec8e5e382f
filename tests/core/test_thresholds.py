"""Every edge of stability against the optimizer itself on a quadratic: above it diverges, below it converges."""

import math

import pytest
import torch

from landscape.tracking.edge import edge_of_stability
from landscape.tracking.thresholds import clip_factor, sharpness_aware_curvature
from landscape.training.optimizer_definition import build_optimizer, optimizer_definition, resolve_options

LR = 0.01
V = 4.0  # the second moment, held still; P is its root
# moments that forget nothing, with v put in by hand: P stands still
STILL = {"betas": (0.9, 1 - 1e-12)}
LATE = 10**9
CASES = {
    "GD": ("sgd", {"momentum": 0}, 2 / LR),
    "GD with weight decay": ("sgd", {"momentum": 0, "weight_decay": 30.0}, 2 / LR - 30),
    "heavy ball": ("sgd", {"momentum": 0.9}, 3.8 / LR),
    "heavy ball of its own": ("heavy_ball", {"momentum": 0.6, "weight_decay": 5.0}, 3.2 / LR - 5),
    "heavy ball, dampened": ("sgd", {"momentum": 0.9, "dampening": 0.5}, 3.8 / (0.5 * LR)),
    "Nesterov": ("nesterov", {"momentum": 0.9}, 3.8 / (2.8 * LR)),
    "Nesterov with weight decay": ("sgd", {"momentum": 0.5, "nesterov": True, "weight_decay": 20.0}, 3 / (2 * LR) - 20),
    "Adam": ("adam", STILL, 38 / LR),
    "Adam without momentum": ("adam", {"betas": (0.0, 1 - 1e-12)}, 2 / LR),
    "Adam, beta1 0.5": ("adam", {"betas": (0.5, 1 - 1e-12)}, 6 / LR),
    "Adam with weight decay": ("adam", {**STILL, "weight_decay": 50.0}, 38 / LR),
    "AdamW": ("adamw", {**STILL, "weight_decay": 10.0}, (2 - 10 * LR) * 1.9 / (0.1 * LR)),
    "NAdam": ("nadam", STILL, 3.8 / (2.8 * 0.1 * LR)),
    "NAdam, early momentum": ("nadam", {**STILL, "momentum_decay": 0.0}, None),
    "RAdam": ("radam", {"betas": (0.9, 0.999999)}, None),
    "RMSProp": ("rmsprop", {"alpha": 1 - 1e-12}, 2 / LR),
    "RMSProp with momentum": ("rmsprop", {"alpha": 1 - 1e-12, "momentum": 0.9}, 3.8 / LR),
    "RMSProp with weight decay": ("rmsprop", {"alpha": 1 - 1e-12, "weight_decay": 40.0}, 2 / LR),
    "RMSProp, centered": ("rmsprop", {"alpha": 1 - 1e-12, "centered": True}, 2 / LR),
    "Adagrad": ("adagrad", {}, 2 / LR),
    "SAM": ("sam", {"momentum": 0, "normalize": False, "rho": 0.02}, (math.sqrt(1 + 4 * 0.02 * 2 / LR) - 1) / 0.04),
    "SAM around heavy ball": ("sam", {"normalize": False, "rho": 0.02, "weight_decay": 9.0}, None),
    "SAM around Nesterov": ("sam", {"base": "nesterov", "normalize": False, "rho": 0.01}, None),
}


def still(optimizer, parameter, name):
    """Put in a second moment that stays as it is, and a step so late that no bias is left."""
    state = optimizer.state[parameter]
    late = torch.tensor(float(LATE))
    full = torch.full_like(parameter, V).detach()
    zero = torch.zeros_like(parameter).detach()
    if name in {"adam", "adamw", "nadam", "radam"}:
        # 1 - 1e-12 to the power of the step is not zero yet: v is made so much smaller
        beta2 = optimizer.param_groups[0]["betas"][1]
        state |= {"step": late.clone(), "exp_avg": zero.clone(), "exp_avg_sq": full * (1 - beta2 ** (LATE + 1))}
        if name == "nadam":
            state["mu_product"] = torch.tensor(0.0)
    if name == "rmsprop":
        group = optimizer.param_groups[0]
        state |= {"step": late.clone(), "square_avg": full}
        state |= {"momentum_buffer": zero.clone()} if group["momentum"] else {}
        state |= {"grad_avg": zero.clone()} if group["centered"] else {}
    if name == "adagrad":
        state |= {"step": torch.tensor(0.0), "sum": full}


def grows(name, options, curvature, steps=1200):
    """Return whether steps of the optimizer on curvature / 2 * x^2 end farther away than they began."""
    x = torch.full((1,), 1e-7, dtype=torch.float64, requires_grad=True)
    optimizer = build_optimizer(name, [x], LR, options)
    still(optimizer, x, name)

    def closure():
        x.grad = curvature * x.detach()
        return 0.0

    for _ in range(steps):
        if optimizer_definition(name).wraps:
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
        if not 1e-30 < abs(float(x.detach())) < 1e-5:
            break
    return abs(float(x.detach())) > 1e-7


@pytest.mark.parametrize("case", CASES)
def test_just_above_diverges_and_just_below_converges(case):
    name, given, expected = CASES[case]
    options = resolve_options(name, LR, given)
    step = 1 if name == "adagrad" else LATE
    edge = edge_of_stability(name, options, LR, step=step, gradient_norm=1.0)
    if expected is not None:
        assert edge.value == pytest.approx(expected, rel=1e-6 if name in {"adam", "nadam"} else 1e-12)
    P = math.sqrt(V) if edge.preconditioned else 1.0
    for factor, diverges in ((1.01, True), (0.99, False)):
        curvature = factor * edge.value * P - edge.weight_decay
        assert grows(name, options, curvature) is diverges, factor


@pytest.mark.parametrize("clip_norm", [0.25, None])
def test_a_clipped_step_bears_more(clip_norm):
    options = resolve_options("sgd", LR, {"momentum": 0})
    for factor, diverges in ((1.01, True), (0.99, False)):
        # a gradient of norm 1 at a point where the curvature is just above or below
        edge = edge_of_stability("sgd", options, LR, step=1, gradient_norm=1.0, clip_norm=clip_norm).value
        curvature = factor * edge
        x = 1.0 / curvature
        after = x - LR * clip_factor(1.0, clip_norm) * curvature * x
        assert (abs(after) > x) is diverges
    assert edge == pytest.approx(2 / LR / (clip_norm or 1))


def test_clipping_and_weight_decay_together():
    options = resolve_options("sgd", LR, {"momentum": 0, "weight_decay": 30.0})
    edge = edge_of_stability("sgd", options, LR, step=1, gradient_norm=2.0, clip_norm=1.0).value
    assert LR * (0.5 * edge + 30) == pytest.approx(2)


def test_normalised_sam_shrinks_a_gradient_above_its_edge_and_lets_it_grow_below():
    options = resolve_options("sam", LR, {"momentum": 0, "rho": 0.05})
    curvature = 150.0  # below 2/LR = 200: where |g| is small, SAM diverges from the minimum, to a cycle of length 2
    resting = LR * curvature**2 * 0.05 / (2 - LR * curvature)
    for factor, diverges in ((1.05, False), (0.95, True)):
        x = torch.full((1,), factor * resting / curvature, dtype=torch.float64, requires_grad=True)
        optimizer = build_optimizer("sam", [x], LR, options)
        norm = float(curvature * x.detach())
        edge = edge_of_stability("sam", options, LR, step=1, gradient_norm=norm).value
        assert (curvature > edge) is diverges

        def closure(x=x):
            x.grad = curvature * x.detach()
            return 0.0

        optimizer.step(closure)
        assert (curvature * abs(float(x.detach())) > norm) is diverges


def test_sharpness_aware_curvature_solves_its_equation():
    for limit, radius in ((10.0, 0.1), (1e4, 1e-9), (3.0, 50.0)):
        lam = sharpness_aware_curvature(limit, radius)
        assert lam * (1 + radius * lam) == pytest.approx(limit, rel=1e-12)
    assert sharpness_aware_curvature(7.0, 0.0) == 7.0


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("muon", {}, "orthogonalises"),
        ("asam", {}, "units of the weights"),
        ("lion", {}, "signs"),
        ("sam", {"base": "adam"}, "do not commute"),
        ("sam", {"base": "muon"}, "orthogonalises"),
        ("torch:Adamax", {}, "torch:Adamax is not known"),
    ],
)
def test_where_theory_has_none_it_says_why(name, given, reason):
    edge = edge_of_stability(name, resolve_options(name, LR, given), LR, step=1, gradient_norm=1.0)
    assert edge.value is None
    assert reason in edge.note


def test_clipped_sam_and_lbfgs_have_none():
    options = resolve_options("sam", LR, {})
    assert edge_of_stability("sam", options, LR, step=1, gradient_norm=1.0, clip_norm=0.5).value is None
    assert edge_of_stability("lbfgs", {}, LR, step=1, gradient_norm=1.0).value is None


def test_the_preconditioner_of_a_step_is_what_torch_divides_by():
    """Without momentum a step is lr * g / P."""
    generator = torch.Generator().manual_seed(0)
    for name, given in (
        ("adam", {"betas": (0.0, 0.9)}),
        ("radam", {"betas": (0.0, 0.9)}),
        ("rmsprop", {"alpha": 0.9}),
        ("rmsprop", {"alpha": 0.9, "centered": True}),
        ("adagrad", {"initial_accumulator_value": 0.1}),
    ):
        definition, options = optimizer_definition(name), resolve_options(name, LR, given)
        x = torch.zeros(5, dtype=torch.float64, requires_grad=True)
        optimizer = build_optimizer(name, [x], LR, options)
        for step in range(1, 12):
            x.grad = torch.randn(5, dtype=torch.float64, generator=generator)
            linear, before = definition.linear_step(options, LR, step), x.detach().clone()
            optimizer.step()
            P = definition.diagonal(options, step, optimizer.state[x])
            expected = (linear.direct + linear.momentum * linear.intake) * x.grad / P
            torch.testing.assert_close(before - x.detach(), expected, rtol=1e-9, atol=0)
