from typing import TYPE_CHECKING, Literal, Optional

import pytest

from landscape.errors import UsageError
from landscape.options import Scale, Size, parse_options

if TYPE_CHECKING:
    from nowhere import Unknown


def maker(
    shape,
    *,
    size: Size = 3,
    anything: int = 0,
    scale: Scale = 1.0,
    on: bool = True,
    sizes: tuple[Size, ...] = (1, 2),
    kind: Literal["red", "green"] = "red",
    text: str = "",
    guessed=0.5,
    maybe: Optional[int] = None,  # noqa: UP045
    free=None,
): ...


def parse(**options):
    return parse_options(maker, options, "Model 'm'", reserved=("shape",))


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("size", "12", 12),
        ("size", 12, 12),
        ("anything", "-4", -4),
        ("scale", "3e-4", 3e-4),
        ("scale", 2, 2.0),
        ("on", "false", False),
        ("on", "True", True),
        ("on", False, False),
        ("sizes", "100,50", (100, 50)),
        ("sizes", "7", (7,)),
        ("sizes", 7, (7,)),
        ("sizes", [7, 8], (7, 8)),
        ("sizes", "", ()),
        ("kind", "green", "green"),
        ("text", "12", "12"),
        ("guessed", "2", 2.0),
        ("maybe", "4", 4),
        ("free", "0.5", 0.5),
        ("free", "true", True),
        ("free", "word", "word"),
    ],
)
def test_values(name, given, expected):
    value = parse(**{name: given})[name]
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("size", "0", "whole number of at least 1, not '0'"),
        ("size", 2.5, "whole number of at least 1, not 2.5"),
        ("size", "2.0", "whole number"),
        ("size", True, "whole number"),
        ("size", None, "whole number"),
        ("scale", -1, "number of at least 0, not -1"),
        ("scale", "nan", "number of at least 0"),
        ("scale", "inf", "number of at least 0"),
        ("scale", "fast", "number of at least 0"),
        ("on", "perhaps", "true or false, not 'perhaps'"),
        ("on", 2, "true or false"),
        ("sizes", "100,-5", "Each of Option 'sizes'"),
        ("sizes", "1,,2", "whole number"),
        ("kind", "gren", r"Did you mean 'green'\? One of: red, green"),
    ],
)
def test_values_that_cannot_be(name, given, message):
    with pytest.raises(UsageError, match=message):
        parse(**{name: given})


def test_unknown_and_reserved_names():
    with pytest.raises(UsageError, match=r"Model 'm' has no option 'sizs'. Did you mean 'sizes'\? Known: size, "):
        parse(sizs=1)
    with pytest.raises(UsageError, match="no option 'shape'"):
        parse(shape=1)
    with pytest.raises(UsageError, match=r"no option 'a'. It has none\."):
        parse_options(lambda: None, {"a": 1}, "It")


def test_a_function_that_takes_anything_gets_everything():
    assert parse_options(lambda **rest: rest, {"a": "1", "b": "x"}, "It") == {"a": 1, "b": "x"}


def test_annotations_that_do_not_exist_at_run_time():
    def user(width: "Unknown" = 3): ...

    assert parse_options(user, {"width": "5"}, "It") == {"width": 5}
