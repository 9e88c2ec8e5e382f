"""The benchmark: every contender on the fixed problems, interleaved over rounds; writes the table and its numbers.

    python experiments/benchmarks/run.py                       # all of it: hours
    python experiments/benchmarks/run.py --quick --only landscape   # a smoke run: seconds

Raw rows go to .bench/rows-RUN.jsonl as they come, so that a run that was stopped goes on where it was. Needs network
access the first time, for the peers; images are those in LANDSCAPE_DATA (torchvision's layout), or synthetic ones.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from environments import CONTENDERS, HERE, python_of
from judge import judge
from page import write_page
from problems import CACHE, make
from reference import reference_of
from settings import TASKS, Row, rows_of
from summary import summarise

REPOSITORY = HERE.parents[1]
MEASURED = ("problems", "reference", "settings", "judge", "contender*")


def main() -> None:
    """Run what is missing, then write results.json and docs/benchmarks.md."""
    options = _options()
    store = options.cache / f"rows-{options.run}.jsonl"
    store.parent.mkdir(exist_ok=True)
    references = {name: reference_of(name, list(range(options.rounds))) for name in options.problems}
    measured = [json.loads(line) for line in store.read_text().splitlines()] if store.exists() else []
    for key, row in _plan(options, references, measured):
        print(*key.values(), row.contender, row.task, row.label, end=": ", file=sys.stderr, flush=True)
        result = measure(key, row, options.limit)
        if "failure" not in result:
            result |= judge(row.task, result, references[key["problem"]])
        print(result.get("failure") or f"{result['seconds']:.3g} s", file=sys.stderr)
        measured.append(key | {"key": row.key, "group": row.group, "label": row.label, "result": result})
        with store.open("a") as file:
            file.write(json.dumps(measured[-1]) + "\n")
    references |= {name: reference_of(name, []) for name in {row["problem"] for row in measured} - set(references)}
    results = summarise(measured, references, options.command)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    write_page(options.out / "results.json", options.page)


def measure(key: dict, row: Row, limit: float) -> dict:
    """Return what a contender's script says about a row, run in a process of its own."""
    job = {"problem": key["problem"], "task": row.task, "setting": row.setting, "seed": key["round"]}
    command = [python_of(row.contender), HERE / f"contender_{row.contender}.py"]
    threads = str(key["threads"])
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    environment |= {"BENCH_PROBLEM": str(make(key["problem"])), "PYTHONPATH": str(REPOSITORY)}
    arguments = json.dumps([job | {"threads": key["threads"]}])
    try:
        done = subprocess.run(
            [*command, arguments], env=environment, capture_output=True, text=True, timeout=limit, preexec_fn=_bound
        )
    except subprocess.TimeoutExpired:
        return {"failure": f"not done after {limit:.0f} seconds"}
    if done.returncode or not done.stdout.strip():
        return {
            "failure": f"exit code {done.returncode}: {(done.stderr.strip().splitlines() or ['no message'])[-1][:160]}"
        }
    return json.loads(done.stdout.splitlines()[-1])


def _bound() -> None:
    """Let a process have three quarters of the memory, so that one that wants more fails instead of the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    resource.setrlimit(resource.RLIMIT_DATA, (memory * 3 // 4, memory * 3 // 4))


def _plan(options: argparse.Namespace, references: dict, measured: list[dict]) -> Iterator[tuple[dict, Row]]:
    """Go through what is to be run, round by round, contenders in turn; ``measured`` grows while this goes on."""
    for number in range(options.rounds):
        for problem in options.problems:
            for threads in options.threads:
                for task in options.tasks:
                    rows = rows_of(problem, task, references[problem], number)
                    rows = [row for row in rows if row.contender in options.only]
                    turn = number % len(rows) if rows else 0
                    for row in rows[turn:] + rows[:turn]:
                        key = {"problem": problem, "threads": threads, "round": number}
                        if _wanted(key, row, measured, options.slow):
                            yield key, row


def _wanted(key: dict, row: Row, measured: list[dict], slow: float) -> bool:
    """Return whether a row is to be run: not done yet, the best of its group, not too slow to be repeated."""
    rows = [each for each in measured if each["problem"] == key["problem"] and each["key"][:2] == row.key[:2]]
    alike = [each for each in rows if each["key"] == row.key]
    here = [each for each in alike if each["threads"] == key["threads"]]
    if any(each["round"] == key["round"] for each in here):
        return False
    if any("failure" in each["result"] or each["result"]["seconds"] > slow for each in here):
        return False
    group = [each for each in rows if row.group and each["group"] == row.group]
    if not group:
        return True
    # the rungs of a ladder get dearer: after one that reached the tolerance, or was given up, there is no other
    ended = [each for each in group if each["result"].get("reached") or "failure" in each["result"]]
    reached = [each for each in ended if each["result"].get("reached")]
    first = (group[0]["round"], group[0]["threads"])
    if (key["round"], key["threads"]) == first:
        return not (row.ladder and ended)
    reached = [each for each in reached if (each["round"], each["threads"]) == first]
    return bool(reached) and min(reached, key=lambda each: each["result"]["seconds"])["key"] == row.key


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--problems", nargs="+", help="cnn resnet20")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--only", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--quick", action="store_true", help="shrunken problems, one round, one thread")
    parser.add_argument("--limit", type=float, default=1800.0, help="seconds after which a row is given up")
    parser.add_argument("--slow", type=float, default=150.0, help="a row that took longer is not run in later rounds")
    parser.add_argument("--run", help="a name for the run; by default it changes with the code that is measured")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where raw rows go")
    parser.add_argument("--out", type=Path, default=HERE, help="where results.json goes")
    parser.add_argument("--page", type=Path, default=REPOSITORY / "docs" / "benchmarks.md")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.threads = 1, [1]
    options.problems = options.problems or (["small-cnn", "small-resnet20"] if options.quick else ["cnn", "resnet20"])
    options.run = options.run or _digest()
    options.command = "python experiments/benchmarks/run.py " + " ".join(sys.argv[1:])
    return options


def _digest() -> str:
    """Return a short hash of the code that is measured and of what measures it."""
    paths = [path for name in MEASURED for path in HERE.glob(f"{name}.py")]
    digest = hashlib.blake2b(digest_size=4)
    for path in sorted([*paths, *(REPOSITORY / "landscape").rglob("*.py"), REPOSITORY / "constraints.txt"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
