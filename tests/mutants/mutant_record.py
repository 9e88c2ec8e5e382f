"""The record of the trials, and the table that is made of it."""

import json
import platform
import subprocess
from collections import Counter
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("solvers", "operators", "measures", "statistics")
RECORD = Path(__file__).parent / "record.json"
REASONS = Path(__file__).parent / "reasons.json"
"""Why a mutant survived, by file:line:column:operator: a kind of KINDS and a sentence."""
NAMES = ("file", "line", "column", "operator", "occurrence", "digest")
KINDS = {
    "equivalent": "no input tells it from the code",
    "speed": "only time or memory",
    "default": "a default or a rough size that nothing depends on exactly",
    "message": "the text of a message or an order of words",
    "not seen": "a difference that no test sees",
}


def read_rows(path: Path) -> dict[tuple, dict]:
    """Return the last row of each mutant."""
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    return {tuple(row[name] for name in NAMES): row for row in rows}


def versions(root: Path) -> dict[str, str]:
    """Return what a sample depends on."""
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=root, check=True, stdout=subprocess.PIPE)
    names = {name: version(name) for name in ("cosmic-ray", "coverage", "pytest", "torch")}
    return {"commit": commit.stdout.decode().strip(), "python": platform.python_version()} | names


def key_of(row: dict) -> str:
    """Return the name of a mutant in reasons.json."""
    return f"{row['file']}:{row['line']}:{row['column']}:{row['operator'].removeprefix('core/')}"


def write_record(drawn: dict, rows: dict[tuple, dict], checked: dict) -> None:
    """Write what came of the sample, in the order in which it was drawn."""
    reasons = json.loads(REASONS.read_text())
    tried = [rows.get(tuple(each[name] for name in NAMES)) for each in drawn["mutants"]]
    for row in filter(None, tried):
        if row["outcome"] == "survived" and key_of(row) not in reasons:
            row["outcome"] = "open"
    whole = {key: drawn[key] for key in ("seed", "versions", "counts")}
    whole |= {"drawn": len(tried), "checked": checked, "mutants": [row for row in tried if row]}
    RECORD.write_text(json.dumps(whole, indent=1) + "\n")


def table() -> str:
    """Return docs/mutants.md."""
    record = json.loads(RECORD.read_text())
    rows = record["mutants"]
    parts = [_head(record), "## By package\n", _counts(rows, lambda row: Path(row["file"]).parts[1])]
    parts += ["## By operator\n", _counts(rows, lambda row: row["operator"].removeprefix("core/").split("_")[0])]
    parts += ["## Where a mutant died\n", _stages(rows)]
    parts += ["## Survivors\n", _survivors([row for row in rows if row["outcome"] == "survived"])]
    late = [row for row in rows if row["stage"] == "added"]
    parts += ["## Killed by tests that were added for them\n", _changes(late, lambda row: row["by"].split("[")[0])]
    parts += ["## Timeouts\n", _changes([row for row in rows if row["outcome"] == "timeout"], lambda row: row["stage"])]
    parts += ["## Open\n", _changes([row for row in rows if row["outcome"] == "open"], lambda row: row["stage"])]
    return "\n".join(parts)


def _head(record: dict) -> str:
    rows, counts = record["mutants"], record["counts"]
    outcomes = Counter(row["outcome"] for row in rows)
    share = 100 * outcomes["killed"] / len(rows)
    made = "".join(
        f"| {name} | {each['candidates']:,} | {each['in annotations']:,} | {each['places']:,} | {each['drawn']} |\n"
        for name, each in counts.items()
    )
    of_all = ", ".join(f"{name} {each}" for name, each in record["versions"].items())
    return f"""# Mutation testing

What `tests/mutants/run.py` found: {len(rows)} of {record["drawn"]} mutants drawn were tried,
**{outcomes["killed"]} killed ({share:.1f} %), {outcomes["survived"]} survived, {outcomes["timeout"]} ran out of time,
{outcomes["open"]} are open** (not all tests that run them were tried yet, or nobody has looked at why they survived).
Of the survivors, {_of_kind(rows, "equivalent")} are equivalent: no test could kill them.

A mutant is one change that one of cosmic-ray's operators makes (`+` to `-`, a number by one, a condition's
negation, ...). A place is a position in a file and a kind of change; places were drawn first, by seed
{record["seed"]} and in proportion to the packages, and then one change at each, because `*` has eleven
replacements and each of them dies easily. Left out: changes inside of type annotations, which mypy reads and no test
runs, and changes after which the file is no Python or the same Python (drawn again).
Of the tests that were covered (`cover`: for the statistics `tests/statistics` alone), those that run the changed
statement, by a context of coverage.py for each test, were tried, the shortest first (as many as fit a budget of seconds
for a stage), then the other tests of their files. Tests marked `slow` or `browser` were not.
A mutant that no test runs has survived.
{_checked(record["checked"])}
{of_all}.

| Package | Changes | In annotations | Places | Drawn |
|---|--:|--:|--:|--:|
{made}"""


def _checked(checked: dict) -> str:
    if not checked:
        return "That the tests which killed pass without a mutant\nis not checked yet (`run.py check`)."
    passed = checked["passed without a mutant"]
    return f"The {checked['tests']} tests that killed were run without a mutant: {passed} passed."


def _of_kind(rows: list[dict], kind: str) -> int:
    reasons = json.loads(REASONS.read_text())
    return sum(row["outcome"] == "survived" and reasons[key_of(row)][0] == kind for row in rows)


def _counts(rows: list[dict], group) -> str:
    lines = ["| | Tried | Killed | Survived | Timeout | Open |", "|---|--:|--:|--:|--:|--:|"]
    for name, tried in sorted(Counter(map(group, rows)).items()):
        outcomes = Counter(row["outcome"] for row in rows if group(row) == name)
        figures = " | ".join(str(outcomes[outcome]) for outcome in ("killed", "survived", "timeout", "open"))
        lines.append(f"| {name} | {tried} | {figures} |")
    return "\n".join(lines) + "\n"


def _stages(rows: list[dict]) -> str:
    killed = [row for row in rows if row["outcome"] == "killed"]
    at_import = sum("::" not in row["by"] for row in killed)
    stages = Counter(row["stage"] for row in killed)
    words = {"first": "by the first short tests", "rest": "by other tests that run the line"}
    words |= {"files": "by other tests of their files", "added": "by tests added for them"}
    found = ", ".join(f"{stages[stage]} {text}" for stage, text in words.items())
    return f"{found}. {at_import} of them at import or while tests were gathered.\n"


def _code(text: str) -> str:
    return "`" + " ".join(text.split()).replace("|", "\\|") + "`" if text.strip() else "(nothing)"


def _changes(rows: list[dict], last) -> str:
    if not rows:
        return "None.\n"
    lines = ["| Place | From | To | |", "|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: (row["file"], row["line"])):
        place = f"{row['file'].removeprefix('landscape/')}:{row['line']}"
        lines.append(f"| {place} | {_code(row['before'])} | {_code(row['after'])} | {last(row)} |")
    return "\n".join(lines) + "\n"


def _survivors(rows: list[dict]) -> str:
    reasons = json.loads(REASONS.read_text())
    parts = []
    for kind, text in KINDS.items():
        some = [row for row in rows if reasons[key_of(row)][0] == kind]
        if some:
            heading = f"### {kind.capitalize()}: {text} ({len(some)})\n"
            parts += [heading, _changes(some, lambda row: reasons[key_of(row)][1])]
    return "\n".join(parts) or "None.\n"


def write_table(path: Path) -> None:
    """Write the table where it lies among the documents."""
    path.write_text(table())
