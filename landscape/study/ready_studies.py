"""Studies that come with the program, by name."""

from importlib import resources
from pathlib import Path

from landscape.errors import UsageError, suggest

NAMES = ("smoke", "laptop", "paper")


def ready_studies() -> dict[str, str]:
    """Return what each ready study is, by its name: the first line of its file."""
    return {name: _first_line(ready_study(name)) for name in NAMES}


def ready_study(name: str) -> Path:
    """Return the file of a ready study."""
    return Path(str(resources.files("landscape.study") / "ready" / f"{name}.toml"))


def study_file(given: Path) -> Path:
    """Return the file that is meant: the one that is there, or else the ready study of that name.

    Raises:
        UsageError: If it is neither.
    """
    if given.is_file():
        return given
    if str(given) in NAMES:
        return ready_study(str(given))
    known = f"Ready ones: {', '.join(NAMES)}; or write a study.toml (docs/study.md)."
    raise UsageError(f"There is no file {given}, and no ready study of that name.{suggest(str(given), NAMES)} {known}")


def _first_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").rstrip(".")
