"""What signatures promise everywhere: options are named, one name has one default, data does not change."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "landscape"
FILES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}
DEFAULTS = {"seed": {0}, "k": {1}, "bottom": {0}, "max_matvecs": {200, 400, 1000}, "resamples": {10, 2000}}
CHANGING = {"diagonal/layer_record.py", "tracking/follow.py", "tracking/stop.py", "training/pickle_scan.py"}
"""Where a dataclass is a state that a loop changes."""


def fields() -> Iterator[tuple[str, str, float]]:
    """Yield the fields of classes that have a number as their default."""
    for file, tree in FILES.items():
        for node in ast.walk(tree):
            for each in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(each, ast.AnnAssign) and (value := number(each.value)) is not None:
                    yield f"{file}:{each.lineno}", ast.unparse(each.target), value


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for file, tree in FILES.items():
        yield from ((f"{file}:{node.lineno}", node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def defaults(function: ast.FunctionDef) -> Iterator[tuple[str, float]]:
    """Yield the parameters that have a number as their default."""
    arguments = function.args
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for name, default in [*positional_defaults(function), *((each.arg, value) for each, value in named)]:
        if (value := number(default)) is not None:
            yield name, value


def number(default: ast.expr | None) -> float | None:
    """Return a default that is a number."""
    try:
        value = ast.literal_eval(default) if default else None
    except ValueError:
        return None
    return value if isinstance(value, int | float) else None


def positional_defaults(function: ast.FunctionDef) -> list[tuple[str, ast.expr]]:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    return [(each.arg, value) for each, value in zip(reversed(positional), reversed(arguments.defaults), strict=False)]


def test_an_option_has_one_default_wherever_it_is_one():
    found = [(place, name, value) for place, function in functions() for name, value in defaults(function)]
    assert len({place for place, name, _ in found if name == "seed"}) > 50
    kept = list(fields())
    assert sum(name == "seed" for _, name, _ in kept) > 5
    wrong = [each for each in found + kept if each[2] not in DEFAULTS.get(each[1], {each[2]})]
    assert not wrong


def test_a_default_tolerance_is_no_more_than_a_tenth():
    found = [(place, value) for place, function in functions() for name, value in defaults(function) if name == "rtol"]
    assert len(found) > 30
    assert not [each for each in found if not 0 < each[1] <= 0.1]


def test_the_seed_of_what_is_measured_or_solved_is_given_by_name():
    numbers = [
        (place, function)
        for place, function in functions()
        if place.startswith(("solvers/", "measures/")) and not function.name.startswith("_")
    ]
    assert sum(any(each.arg == "seed" for each in function.args.kwonlyargs) for _, function in numbers) > 40
    wrong = [place for place, function in numbers if "seed" in [name for name, _ in positional_defaults(function)]]
    assert not wrong


def test_a_parameter_that_is_named_can_be_given_by_name():
    # a wrapper that passes on what it is given takes the operator by position
    found = [place for place, function in functions() if function.args.posonlyargs and not function.args.vararg]
    assert not found


def test_data_does_not_change():
    made = [
        (file, ast.unparse(decorator))
        for file, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if "dataclass" in ast.unparse(decorator)
    ]
    assert len(made) > 100
    changing = {file for file, decorator in made if "frozen=True" not in decorator}
    assert changing == CHANGING
