"""Linear or logarithmic, limits with a margin, and ticks that can be read."""

import math
from dataclasses import dataclass

from matplotlib.axis import XAxis, YAxis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from landscape.report.numbers import MINUS_SIGN, power_of_ten

LOG_FROM = 8.0  # ratio of the largest to the smallest value from which a logarithmic axis is easier to read


@dataclass(frozen=True)
class AxisScale:
    """The range of an axis."""

    low: float
    high: float
    log: bool


def axis_scale(values: list[float], log_from: float = LOG_FROM, margin: float = 0.08) -> AxisScale:
    """Return the range of an axis that shows all ``values``, logarithmic when they are positive and far apart."""
    low, high = min(values), max(values)
    if low > 0 and high / low >= log_from:
        pad = (high / low) ** margin
        return AxisScale(low / pad, high * pad, True)
    # Values that agree to rounding would otherwise give an axis of zero length.
    pad = margin * (high - low) if high - low > 1e-9 * max(abs(low), abs(high)) else 0.02 * abs(high) or 1.0
    return AxisScale(low - pad, high + pad, False)


def apply(axis: XAxis | YAxis, scale: AxisScale, ticks: int = 5, whole: bool = False) -> None:
    """Set scale, limits and about ``ticks`` ticks of one axis, at whole numbers only if so asked."""
    if axis.axis_name == "x":
        axis.axes.set_xscale("log" if scale.log else "linear")
        axis.axes.set_xlim(scale.low, scale.high)
    else:
        axis.axes.set_yscale("log" if scale.log else "linear")
        axis.axes.set_ylim(scale.low, scale.high)
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))
    axis.set_minor_formatter(NullFormatter())
    if not scale.log:
        axis.set_major_locator(MaxNLocator(ticks, integer=whole))
        return
    axis.set_major_locator(_log_locator(scale, ticks))
    axis.set_minor_locator(NullLocator())


def log_ticks(scale: AxisScale, ticks: int = 5) -> list[float]:
    """Return the ticks of a logarithmic axis."""
    values = _log_locator(scale, ticks).tick_values(scale.low, scale.high)
    return [float(f"{value:.6g}") for value in values if scale.low <= value <= scale.high]


def _log_locator(scale: AxisScale, ticks: int) -> LogLocator:
    decades = math.log10(scale.high / scale.low)
    choices = ((0.7, (1.0, 1.5, 2.0, 3.0, 5.0)), (1.3, (1.0, 2.0, 5.0)), (2.2, (1.0, 3.0)))
    subs = next((subs for upto, subs in choices if decades < upto), (1.0,))
    return LogLocator(subs=subs, numticks=20 if len(subs) > 1 else ticks + 1)


def tick_text(value: float) -> str:
    """Return the label of a tick: plain from 0.0001 to 99999, a power of ten beyond."""
    if value == 0 or 1e-4 <= abs(value) < 1e5:
        return f"{value:.10g}".replace("-", MINUS_SIGN)
    mantissa, _, exponent = f"{value:.3e}".partition("e")
    digits = mantissa.rstrip("0").rstrip(".").replace("-", MINUS_SIGN)
    return power_of_ten(int(exponent)).removeprefix("×") if digits == "1" else digits + power_of_ten(int(exponent))
