"""Numbers as a person reads them: as many digits as the error allows, one form everywhere."""

import math

NOTHING = "–"
MINUS_SIGN = "−"
SUPERSCRIPTS = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"


def number(value: float | None, digits: int = 3) -> str:
    """Return ``value`` to ``digits`` significant digits, as 0.0123, 12.3 or 1.23×10⁻⁵.

    Example:
        >>> number(12.345), number(-0.00001234), number(None)
        ('12.3', '−1.23×10⁻⁵', '–')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    exponent = _exponent(value, digits)
    if -4 < exponent < 5:
        return fixed(value, max(0, digits - 1 - exponent))
    mantissa = float(f"{value:.{digits - 1}e}".partition("e")[0])  # the power itself may underflow
    return fixed(mantissa, digits - 1) + power_of_ten(exponent)


def with_error(value: float | None, error: float | None) -> str:
    """Return ``value ± error``: the error to one or two digits, the value to the same decimal place.

    Example:
        >>> with_error(12.3456, 0.0234), with_error(1.5e-6, 2e-8)
        ('12.346 ± 0.023', '(1.500 ± 0.020)×10⁻⁶')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if error is None or not math.isfinite(error):
        return number(value, 4)
    if error <= 0 or (value and error < 1e-6 * abs(value)):
        return f"{number(value, 6)} ± {number(error, 1)}"
    digits = 2 if f"{error:.1e}"[0] in "12" else 1
    decimals = digits - 1 - _exponent(error, digits)
    exponent = _exponent(max(abs(value), error), 3)
    if -4 < exponent < 5:
        rounded = (fixed(round(each, decimals), max(0, decimals)) for each in (value, error))
        return " ± ".join(rounded)
    decimals = max(0, decimals + exponent)
    value, error = (_over_power(each, exponent) for each in (value, error))
    return f"({fixed(value, decimals)} ± {fixed(error, decimals)}){power_of_ten(exponent)}"


def _over_power(value: float, exponent: int) -> float:
    """Return a number over a power of ten, which by itself may be less than any number."""
    half = exponent // 2
    return value / 10.0**half / 10.0 ** (exponent - half)


def estimate(value: float | None, low: float | None, high: float | None, decimals: int | None = None) -> str:
    """Return ``value [low, high]``, without the brackets where there is no interval.

    Args:
        value: The estimate.
        low: Lower end of its interval.
        high: Upper end.
        decimals: Digits after the point, as suits a coefficient between -1 and 1; None takes three
            significant ones.
    """

    def text(x: float) -> str:
        return number(x) if decimals is None else fixed(x, decimals)

    if value is None:
        return NOTHING
    return text(value) if low is None or high is None else f"{text(value)} [{text(low)}, {text(high)}]"


def ratio(value: float | None) -> str:
    """Return a ratio to three significant digits, or as many more as tell it from 1.

    Example:
        >>> ratio(0.99973), ratio(1.004), ratio(1.0), ratio(None)
        ('0.9997', '1.004', '1.00', '–')
    """
    digits = 3
    while value is not None and value != 1 and digits < 7 and float(f"{value:.{digits - 1}e}") == 1:
        digits += 1
    return number(value, digits)


def ratio_estimate(value: float | None, low: float | None, high: float | None) -> str:
    """Return ``ratio [low, high]``, without the brackets where there is no interval.

    Example:
        >>> ratio_estimate(1.0012, 1.0004, 1.002), ratio_estimate(1.15, 1.07, 1.24)
        ('1.001 [1.0004, 1.002]', '1.15 [1.07, 1.24]')
    """
    ends = "" if low is None or high is None else f" [{ratio(low)}, {ratio(high)}]"
    return NOTHING if value is None else ratio(value) + ends


def spread(values: dict[str, float] | None, percent: bool = False) -> str:
    """Return ``value (low–high)`` of a median with its extremes, or only the value where all agree."""
    if values is None or values.get("value") is None:
        return NOTHING

    value, low, high = (values[key] for key in ("value", "low", "high"))
    whole = all(end is None or (abs(end) < 1e5 and float(f"{end:.3g}") == round(end)) for end in (value, low, high))

    def text(x: float) -> str:
        if percent:
            return fixed(100 * x, 1)
        return fixed(x, 0) if whole else number(x)

    if low is None or high is None or text(low) == text(high):
        return text(value)
    return f"{text(value)} ({text(low)}{'–' if low >= 0 else ' to '}{text(high)})"


def fixed(value: float, decimals: int) -> str:
    """Return ``value`` with so many decimals, a true minus sign, and never minus zero."""
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS_SIGN)


def power_of_ten(exponent: int) -> str:
    """Return ``×10ⁿ``."""
    return "×10" + str(exponent).translate(str.maketrans("-0123456789", SUPERSCRIPTS))


def plain(value: float | None) -> str:
    """Return a setting such as a learning rate in its shortest form."""
    return NOTHING if value is None else f"{value:g}"


def _exponent(value: float, digits: int) -> int:
    """Return the power of ten of the leading digit, after rounding to ``digits``."""
    return int(f"{value:.{digits - 1}e}".rpartition("e")[2])
