"""The curvature of one minimum as an operator, by the name that a user gives."""

from collections.abc import Callable
from dataclasses import dataclass

from landscape.errors import ProblemError, UsageError, suggest
from landscape.measures.preconditioned_top_eigenvalue import coming_preconditioner
from landscape.minimum import Minimum
from landscape.operators import Fisher, GaussNewton, Hessian, Preconditioned, SymmetricOperator
from landscape.operators.hessian_products import check_product


@dataclass(frozen=True)
class Wanted:
    """How an operator is to be made: bytes for held graphs, the kind of Hessian product, the seed of draws."""

    memory: int | None = None
    product: str = "auto"
    seed: int = 0


def make_operator(name: str, minimum: Minimum, wanted: Wanted) -> tuple[SymmetricOperator, SymmetricOperator]:
    """Return the operator, and the one below it that computes products (the same where nothing is around it)."""
    check_operator(name, wanted.product)
    return OPERATORS[name](minimum, wanted)


def check_operator(name: str, product: str = "auto") -> None:
    """Refuse an operator or a kind of its products that there is not.

    Raises:
        UsageError: If there is no such operator, or a kind of product is asked for that it does not have.
    """
    if name not in OPERATORS:
        known = ", ".join(OPERATORS)
        raise UsageError(f"There is no operator {name!r}.{suggest(name, OPERATORS)} Known: {known}.")
    if product != "auto" and name not in ("hessian", "preconditioned"):
        raise UsageError(f"The product {product!r} is one of the Hessian's; {name} has only its own.")
    check_product(product, "-")


def _hessian(minimum: Minimum, wanted: Wanted) -> tuple[SymmetricOperator, SymmetricOperator]:
    made = Hessian(minimum.problem, minimum.theta, memory=wanted.memory, product=wanted.product)
    return made, made


def _gauss_newton(minimum: Minimum, wanted: Wanted) -> tuple[SymmetricOperator, SymmetricOperator]:
    made = GaussNewton(minimum.problem, minimum.theta, memory=wanted.memory)
    return made, made


def _fisher(minimum: Minimum, wanted: Wanted) -> tuple[SymmetricOperator, SymmetricOperator]:
    made = Fisher(minimum.problem, minimum.theta, memory=wanted.memory)
    return made, made


def _fisher_monte_carlo(minimum: Minimum, wanted: Wanted) -> tuple[SymmetricOperator, SymmetricOperator]:
    made = Fisher(minimum.problem, minimum.theta, kind="monte_carlo", seed=wanted.seed, memory=wanted.memory)
    return made, made


def _fisher_empirical(minimum: Minimum, wanted: Wanted) -> tuple[SymmetricOperator, SymmetricOperator]:
    made = Fisher(minimum.problem, minimum.theta, kind="empirical", memory=wanted.memory)
    return made, made


def _preconditioned(minimum: Minimum, wanted: Wanted) -> tuple[SymmetricOperator, SymmetricOperator]:
    moment = minimum.second_moment
    if moment is None:
        raise UsageError(
            "The preconditioned Hessian needs the state of an optimizer, which only a run of a study has. "
            "Give the folder that 'landscape analyze' wrote."
        )
    hessian, _ = _hessian(minimum, wanted)
    try:
        return Preconditioned(hessian, coming_preconditioner(moment, minimum.gradient, minimum.theta)), hessian
    except ValueError as error:
        raise ProblemError(f"The preconditioner of {moment.source} cannot be used: {error}") from error


OPERATORS: dict[str, Callable[[Minimum, Wanted], tuple[SymmetricOperator, SymmetricOperator]]] = {
    "hessian": _hessian,
    "gauss_newton": _gauss_newton,
    "fisher": _fisher,
    "fisher_monte_carlo": _fisher_monte_carlo,
    "fisher_empirical": _fisher_empirical,
    "preconditioned": _preconditioned,
}
