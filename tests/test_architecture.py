"""Imports point down the list of layers, never up; and the top of it needs no torch."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "landscape"
LAYERS = [
    {"_version", "errors", "randomness", "memory", "random_state", "shared_work", "weight_average", "full_precision"},
    {"trust"},
    {"ranks"},
    {"parts"},
    {"references", "options", "atomic_write", "file_size", "array_size", "plain_folder", "shapes", "stops", "compiled"},
    {"registry"},
    {"device", "data"},
    {"models", "losses"},
    {"batch_structure", "batch_norm"},
    {"batches", "forward"},
    {"repeatable", "weighted_batches", "criterion", "one_problem"},
    {"loss_contract"},
    {"problem"},
    {"symmetries"},
    {"operators"},
    {"diagonal"},
    {"solvers"},
    {"minimum"},
    {"measures", "verification", "layerwise"},
    {"surfaces"},
    {"training"},
    {"tracking"},
    {"statistics"},
    {"store"},
    {"study"},
    {"report"},
    {"cli", "integrations"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Return the modules of ours that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.startswith("landscape.")}


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path):
    mine = layer_of(path)
    assert mine in LEVEL, f"{mine} has no place among the layers"
    for name in imported(path):
        other = name.split(".")[1]
        if other in LEVEL and other != mine:
            assert LEVEL[other] < LEVEL[mine], f"{path.name} imports {name}, a layer above"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_only_adapters_know_the_trainers_of_others(path):
    adapter = layer_of(path) == "integrations"
    assert adapter or not re.search(r"import.*(lightning|transformers|accelerate)", path.read_text(encoding="utf-8"))


def test_no_cycles_between_modules():
    graph = {}
    for path in FILES:
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        graph[name] = imported(path)
    modules = set(graph)
    edges = {name: {each for each in found if each in modules and each != name} for name, found in graph.items()}
    packages = {name for name in modules if any(other.startswith(f"{name}.") for other in modules)}
    # a package's __init__ gathers its modules; what would be a cycle is two modules that need each other
    plain = {name: found - packages for name, found in edges.items() if name not in packages}
    finished: set[str] = set()

    def visit(name, path):
        assert name not in path, " -> ".join([*path, name])
        if name not in finished:
            for other in plain[name]:
                visit(other, [*path, name])
            finished.add(name)

    for name in plain:
        visit(name, [])


@pytest.mark.parametrize(
    "module",
    ["landscape", "landscape.cli.main", "landscape.cli.analyze", "landscape.study.assemble", "landscape.report"],
)
def test_what_reads_files_needs_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_file_and_function_sizes():
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert path.stem not in {"utils", "helpers", "common", "misc"}
        assert text.count("\n") <= 300, f"{path} is long"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                doc = ast.get_docstring(node, clean=False) or ""
                size = (node.end_lineno or 0) - node.lineno - doc.count("\n")
                assert size <= 60, f"{path}: {node.name} has {size} lines"
