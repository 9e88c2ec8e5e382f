"""python tests/fuzz/run.py READER --cases N --seed S: N mutated inputs from seed S on, added to record.json."""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_readers import READERS
from fuzz_round import RECORD, fuzz

PART = 200
"""Cases after which the record is written."""


def main() -> int:
    """Go through the cases, print what failed, and return how many did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--cases", type=int, default=1000, help="how many inputs")
    parser.add_argument("--seed", type=int, default=0, help="the first one's seed")
    parser.add_argument("--record", type=Path, default=RECORD, help="where the counts are added")
    asked = parser.parse_args()
    failed = 0
    for first in range(asked.seed, asked.seed + asked.cases, PART):
        seeds = range(first, min(first + PART, asked.seed + asked.cases))
        found = fuzz(asked.reader, seeds)
        for seed, why in found.failures.items():
            print(f"{asked.reader} --cases 1 --seed {seed}\n{why}")
        failed += len(found.failures)
        rows = json.loads(asked.record.read_text()) if asked.record.exists() else []
        rows.append(
            {
                "reader": asked.reader,
                "first_seed": seeds[0],
                "cases": found.cases,
                "refused": found.refused,
                "failures": sorted(found.failures),
                "seconds": found.seconds,
            }
        )
        asked.record.write_text(json.dumps(_joined(rows), indent=1) + "\n")
    print(f"{asked.reader}: {asked.cases} cases, {failed} failures")
    return int(failed > 0)


def _joined(rows: list[dict]) -> list[dict]:
    """Return rounds that go on where another ended as one."""
    joined: list[dict] = []
    for row in sorted(rows, key=lambda row: (row["reader"], row["first_seed"])):
        last = joined[-1] if joined else None
        if last and last["reader"] == row["reader"] and last["first_seed"] + last["cases"] == row["first_seed"]:
            for key in ("cases", "refused", "failures", "seconds"):
                last[key] += row[key]
            last["seconds"] = round(last["seconds"], 1)
        else:
            joined.append(dict(row))
    return joined


if __name__ == "__main__":
    sys.exit(main())
