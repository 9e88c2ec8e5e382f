"""The line through two minima and the plane through three."""

from collections.abc import Sequence

from torch import Tensor

from landscape.errors import UsageError
from landscape.surfaces.direction import Direction, check_directions


def directions_between(thetas: Sequence[Tensor], names: Sequence[str]) -> tuple[list[Direction], list[list[float]]]:
    r"""Return directions that span the line or plane of some points from the first, and where the points lie in it.

    The first direction leads to the second point, which lies at 1. The second one is orthogonal to it and as long,
    so that the plane is drawn without distortion:
    $$d_1 = \theta_2 - \theta_1, \quad d_2 = |d_1| \frac{w - d_1 \langle w, d_1\rangle / |d_1|^2}{|\cdot|}, \quad
    w = \theta_3 - \theta_1.$$

    Args:
        thetas: Two or three points, shape ``(n,)`` each.
        names: Of the points.

    Returns:
        The directions, and the coordinates of each point.

    Raises:
        UsageError: If points coincide or lie on one line (says the angle).

    References:
        Garipov et al. 2018, "Loss surfaces, mode connectivity, and fast ensembling of DNNs", appendix A.1.
    """
    if not 2 <= len(thetas) <= 3:
        raise UsageError(f"A line goes through two minima and a plane through three; there are {len(thetas)}.")
    steps = [each - thetas[0] for each in thetas[1:]]
    raw = [
        Direction(f"{names[0]} to {name}", step, f"from {names[0]} to {name}")
        for name, step in zip(names[1:], steps, strict=True)
    ]
    check_directions(raw)
    d = steps[0]
    square = float(d.double() @ d.double())
    directions, places = [raw[0]], [[0.0], [1.0]]
    if len(steps) == 2:
        w = steps[1]
        along = float(w.double() @ d.double()) / square
        rest = w - d * along
        ratio = float(rest.double().norm()) / square**0.5
        how = f"towards {names[2]}, orthogonal to the first direction and as long"
        directions.append(Direction(f"towards {names[2]}", rest / ratio, how))
        places = [[0.0, 0.0], [1.0, 0.0], [along, ratio]]
    return directions, places
