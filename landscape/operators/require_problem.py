"""What an operator is of has to be a problem."""

from landscape.errors import UsageError
from landscape.problem import Problem


def require_problem(problem: object, what: str) -> None:
    """Refuse anything else where a problem belongs.

    Raises:
        UsageError: If it is no `Problem`.
    """
    if not isinstance(problem, Problem):
        found = type(problem).__name__
        raise UsageError(f"{what} takes a Problem, not a {found}: {what}(landscape.Problem(model, loss, data)).")
