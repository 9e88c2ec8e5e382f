"""Mutation testing of the packages of numbers; docs/mutants.md says what came of it.

python tests/mutants/run.py cover core -n 2 tests/core tests/statistics    which tests run which line
python tests/mutants/run.py sample --count 320 --seed 0                    draw the mutants
python tests/mutants/run.py try --jobs 2                                   run tests on them; goes on where it ended
python tests/mutants/run.py check                                          what killed passes without a mutant
python tests/mutants/run.py table                                          record.json and docs/mutants.md
"""

import argparse
import json
import multiprocessing
import os
import sys
from dataclasses import asdict, astuple
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from mutant_record import PACKAGES, read_rows, versions, write_record, write_table

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".cache" / "mutants"
SAMPLE, ROWS, CHECKED = FOLDER / "sample.json", FOLDER / "rows.jsonl", FOLDER / "checked.json"


def main() -> int:
    """Do what was asked for and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    cover = commands.add_parser("cover")
    cover.add_argument("name", help="of this part of the tests")
    cover.add_argument("arguments", nargs=argparse.REMAINDER, help="for pytest")
    draw = commands.add_parser("sample")
    draw.add_argument("--count", type=int, default=320)
    draw.add_argument("--seed", type=int, default=0)
    trying = commands.add_parser("try")
    trying.add_argument("--jobs", type=int, default=1)
    trying.add_argument("--budget", type=float, default=300.0, help="seconds of tests for a stage after the first")
    trying.add_argument("--package", nargs="+", choices=PACKAGES, default=PACKAGES, help="only of these")
    trying.add_argument("--fresh", action="store_true", help="those that are open: a new import for each")
    trying.add_argument("--survivors", action="store_true", help="those again that survived")
    trying.add_argument("--also", nargs="+", default=[], metavar="FILE", help="only these new files of tests")
    commands.add_parser("check")
    commands.add_parser("table")
    asked = parser.parse_args()
    return COMMANDS[asked.command](asked)


def _cover(asked: argparse.Namespace) -> int:
    from mutant_cover import cover

    return cover(FOLDER, asked.name, asked.arguments)


def _sample(asked: argparse.Namespace) -> int:
    from mutant_places import sample

    drawn, counts = sample(ROOT, asked.count, asked.seed)
    found = {"seed": asked.seed, "versions": versions(ROOT), "counts": counts, "mutants": [asdict(m) for m in drawn]}
    FOLDER.mkdir(parents=True, exist_ok=True)
    SAMPLE.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{len(drawn)} mutants drawn: {SAMPLE}")
    return 0


def _try(asked: argparse.Namespace) -> int:
    from mutant_places import Mutant
    from mutant_work import Work

    done = {key: row["outcome"] for key, row in read_rows(ROWS).items()}
    wanted = "survived" if asked.survivors else "open" if asked.fresh else None
    drawn = json.loads(SAMPLE.read_text())
    mutants = [Mutant(**each) for each in drawn["mutants"]]
    left = [m for m in mutants if m.package in asked.package and done.get(astuple(m)) == wanted]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    work = Work(ROOT, drawn["versions"]["commit"], FOLDER, asked.budget, asked.also)
    processes = multiprocessing.get_context("spawn")
    target = work.fresh if asked.fresh else work.patched
    jobs = [processes.Process(target=target, args=(left[job :: asked.jobs],)) for job in range(asked.jobs)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    return int(any(job.exitcode for job in jobs))


def _check(asked: argparse.Namespace) -> int:
    from mutant_trial import run, warm_up
    from mutant_work import by_file, own_copy

    warm_up()
    commit = json.loads(SAMPLE.read_text())["versions"]["commit"]
    killed = [row for row in read_rows(ROWS).values() if "::" in row["by"]]
    total = passed = 0
    for added in (False, True):
        killers = sorted({row["by"] for row in killed if (row["stage"] == "added") == added})
        with own_copy(ROOT, commit, added) as tree:
            found = run(tree, *by_file(killers), 3600)
        print(f"{len(killers)} tests: {found}")
        total, passed = total + len(killers), passed + found.tests - (found.outcome != "survived")
    CHECKED.write_text(json.dumps({"tests": total, "passed without a mutant": passed}))
    return int(passed != total)


def _table(asked: argparse.Namespace) -> int:
    if ROWS.exists():
        write_record(
            json.loads(SAMPLE.read_text()), read_rows(ROWS), json.loads(CHECKED.read_text()) if CHECKED.exists() else {}
        )
    write_table(ROOT / "docs" / "mutants.md")
    return 0


COMMANDS = {"cover": _cover, "sample": _sample, "try": _try, "check": _check, "table": _table}

if __name__ == "__main__":
    sys.exit(main())
