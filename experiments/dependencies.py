"""The licences of everything that an installation brings, as their metadata state them; writes docs/dependencies.md.

python experiments/dependencies.py        in an environment with all extras (make test makes one)
"""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAD = """# Dependencies and their licences

<!-- made by experiments/dependencies.py from the metadata of the installed packages -->

Everything that `pip install -c constraints.txt 'landscape[test,lint]'` brings, at the versions that are tested. *Needed
by*: the packages that ask for it, with the extra in brackets. This package itself is under the MIT licence.

| package | version | licence | needed by |
|---|---|---|---|
"""


def main() -> None:
    """Write the table."""
    names = [line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    found = {name: each for name in names if (each := _installed(name))}
    needed = _needed_by(found)
    rows = []
    for name, each in sorted(found.items(), key=lambda item: item[0].lower()):
        above = ", ".join(sorted(needed.get(_key(name), ())))
        rows.append(f"| {name} | {each.version.partition('+')[0]} | {_licence(each)} | {above} |")
    absent = sorted(set(names) - set(found))
    end = f"\nPinned, and not installed on the platform of this table: {', '.join(absent)}.\n" if absent else ""
    (ROOT / "docs" / "dependencies.md").write_text(HEAD + "\n".join(rows) + "\n" + end, encoding="utf-8")


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _needed_by(found: dict[str, Distribution]) -> dict[str, set[str]]:
    """Return who asks for each package: directly, or else in an extra."""
    always: dict[str, set[str]] = {}
    in_extra: dict[str, set[str]] = {}
    for name, each in {**found, "landscape": distribution("landscape")}.items():
        for line in each.requires or ():
            extra = re.search(r"extra\s*==\s*['\"]([\w-]+)", line)
            asked, by = _key(re.split(r"[^\w.-]", line)[0]), f"{name}[{extra[1]}]" if extra else name
            (in_extra if extra and name != "landscape" else always).setdefault(asked, set()).add(by)
    return {**in_extra, **always}


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
