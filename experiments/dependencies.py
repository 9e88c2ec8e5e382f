"""The licences of everything that an installation brings, as their metadata state them; writes docs/dependencies.md.

python experiments/dependencies.py      in an environment with the extras test, lint and mutants (make test makes one
                                        with the first two; what is missing is named at the end of the table)
"""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("test", "lint", "mutants")
HEAD = """# Dependencies and their licences

<!-- made by experiments/dependencies.py from the metadata of the installed packages -->

Everything that `pip install -c constraints.txt '.[test,lint,mutants]'` brings, at the versions that are tested.
*Needed by*: the packages that ask for it; of this package with the extra in brackets, so that a plain installation
brings what `landscape` itself leads to. This package is under the MIT licence.

| package | version | licence | needed by |
|---|---|---|---|
"""


def main() -> None:
    """Write the table."""
    needed = _needed_by()
    found = {name: each for name in needed if (each := _installed(name))}
    rows = []
    for name, each in sorted(found.items()):
        by = ", ".join(sorted(needed[name], key=str.lower))
        rows.append(f"| {each.metadata['Name']} | {each.version.partition('+')[0]} | {_licence(each)} | {by} |")
    pinned = [line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    absent = sorted({name for name in pinned if _key(name) not in found} | (set(needed) - set(found)))
    end = f"\nPinned or asked for, and not installed where this was made: {', '.join(absent)}.\n" if absent else ""
    (ROOT / "docs" / "dependencies.md").write_text(HEAD + "\n".join(rows) + "\n" + end, encoding="utf-8")


def _needed_by() -> dict[str, set[str]]:
    """Return who asks for each package that this one leads to, its requirements followed with the extras they name."""
    needed: dict[str, set[str]] = {}
    todo = [("landscape", extra) for extra in ("", *EXTRAS)]
    for name, extra in todo:  # grows as it goes
        each = _installed(name)
        for asked in map(Requirement, (each.requires or ()) if each else ()):
            if _is_asked(asked, extra):
                label = each.metadata["Name"] + (f"[{extra}]" if extra else "")
                needed.setdefault(_key(asked.name), set()).add(label)
                more = [(_key(asked.name), wanted) for wanted in ("", *sorted(asked.extras))]
                todo.extend(pair for pair in more if pair not in todo)
    return needed


def _is_asked(asked: Requirement, extra: str) -> bool:
    """Return whether a requirement holds here, and holds because of the extra where one is given."""
    if asked.marker is None:
        return not extra
    return asked.marker.evaluate({"extra": extra}) and not (extra and asked.marker.evaluate({"extra": ""}))


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence(each: Distribution) -> str:
    """Return the licence by its expression, its classifiers, or the first line of its text."""
    about = each.metadata
    if about.get("License-Expression"):
        return str(about["License-Expression"])
    classified = [
        line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or () if line.startswith("License ::")
    ]
    text = (about.get("License") or "").strip().splitlines()
    return ", ".join(each for each in classified if each != "OSI Approved") or (text[0][:60] if text else "not stated")


if __name__ == "__main__":
    main()
