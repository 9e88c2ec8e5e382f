"""Places where an operator of cosmic-ray changes the code of a package, and a sample of them drawn by a seed."""

import ast
import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from mutant_record import PACKAGES


@dataclass(frozen=True)
class Mutant:
    """One change: the occurrence-th that an operator can make in a file.

    Attributes:
        digest: Of the file's text, because the occurrence means nothing in another one.
    """

    file: str
    line: int
    column: int
    operator: str
    occurrence: int
    digest: str

    @property
    def package(self) -> str:
        return Path(self.file).parts[1]

    @property
    def place(self) -> tuple[str, int, int, str]:
        """Where and of which kind: `+` has eleven replacements and is one place."""
        return self.file, self.line, self.column, kind(self.operator)


def kind(operator: str) -> str:
    """Return ReplaceBinaryOperator for core/ReplaceBinaryOperator_Add_Sub."""
    return operator.removeprefix("core/").split("_")[0]


def digest(text: str) -> str:
    """Return what tells one text of a file from another."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def mutated(text: str, mutant: Mutant) -> str:
    """Return a file's text with the change made."""
    if digest(text) != mutant.digest:
        raise SystemExit(f"{mutant.file} is not as it was when the sample was drawn")
    return mutate_code(text, plugins.get_operator(mutant.operator)(), mutant.occurrence) or text


def candidates(root: Path, file: str) -> Iterator[Mutant]:
    """Yield all changes of a file that cosmic-ray's operators make without arguments."""
    text = (root / file).read_text(encoding="utf-8")
    nodes = list(ast_nodes(get_ast(text)))
    for name in sorted(plugins.operator_names()):
        if plugins.get_operator(name).arguments():
            continue
        operator = plugins.get_operator(name)()
        starts = (start for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, (line, column) in enumerate(starts):
            yield Mutant(file, line, column, name, occurrence, digest(text))


def annotations(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return start and end of each type annotation: what is changed there is seen by mypy, not by a test."""
    found = []
    for node in ast.walk(ast.parse(text)):
        parts = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        found += [
            ((p.lineno, p.col_offset), (p.end_lineno, p.end_col_offset)) for p in parts if isinstance(p, ast.expr)
        ]
    return found


def is_change(text: str, mutant: Mutant) -> bool:
    """Return whether the change leaves Python, and other Python than it was."""
    try:
        return ast.dump(ast.parse(mutated(text, mutant))) != ast.dump(ast.parse(text))
    except SyntaxError:
        return False


def places(root: Path, package: str) -> tuple[dict[tuple[str, int, int, str], list[Mutant]], dict[str, int]]:
    """Return the candidates of a package by place, and how many were found and left out."""
    by_place, counts = defaultdict(list), {"candidates": 0, "in annotations": 0}
    for path in sorted((root / "landscape" / package).rglob("*.py")):
        spans = annotations(path.read_text(encoding="utf-8"))
        for mutant in candidates(root, path.relative_to(root).as_posix()):
            counts["candidates"] += 1
            if any(start <= (mutant.line, mutant.column) < end for start, end in spans):
                counts["in annotations"] += 1
            else:
                by_place[mutant.place].append(mutant)
    return by_place, counts | {"places": len(by_place)}


def quotas(sizes: dict[str, int], count: int) -> dict[str, int]:
    """Return how many of each, in proportion to the sizes (largest remainders)."""
    exact = {name: count * size / sum(sizes.values()) for name, size in sizes.items()}
    quota = {name: int(share) for name, share in exact.items()}
    for name in sorted(exact, key=lambda name: quota[name] - exact[name])[: count - sum(quota.values())]:
        quota[name] += 1
    return quota


def sample(root: Path, count: int, seed: int) -> tuple[list[Mutant], dict[str, dict[str, int]]]:
    """Return the drawn mutants, places first and then one change at each, and the counts of each package."""
    found = {package: places(root, package) for package in PACKAGES}
    drawn = []
    for package, quota in quotas({name: len(by_place) for name, (by_place, _) in found.items()}, count).items():
        by_place, counts = found[package]
        stream = random.Random(f"{seed} {package}")
        order = stream.sample(sorted(by_place), len(by_place))
        chosen: list[Mutant] = []
        while len(chosen) < quota:
            changes = by_place[order.pop(0)]
            text = (root / changes[0].file).read_text(encoding="utf-8")
            # a star that marks keywords is no product: what is no Python afterwards is drawn again
            proper = (each for each in stream.sample(changes, len(changes)) if is_change(text, each))
            first = next(proper, None)
            counts["no Python"] = counts.get("no Python", 0) + (first is None)
            chosen += [first] if first else []
        drawn += chosen
        counts["drawn"] = quota
    random.Random(f"{seed} order").shuffle(drawn)
    return drawn, {package: counts for package, (_, counts) in found.items()}
