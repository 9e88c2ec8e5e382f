"""How the cost of a Hessian-vector product grows: with examples, parameters, processes; and on paper far beyond.

    python experiments/scaling/run.py                  # half an hour on one core, 8 GB
    python experiments/scaling/run.py --device cuda    # minutes, with top eigenvalues of GPT-2 and ResNet-50
    python experiments/scaling/run.py --page           # the table and the figure again from what there is
    python experiments/scaling/run.py --tiny --out DIR # a trial, a minute

Goes through all cases in rounds, so that what else the machine does falls on all sizes alike, on one thread; what needs
processes of its own (several, or the memory's peak) is measured once. Writes
``results.json`` (a row a case and device, with every round), ``table.md`` and ``scaling.pdf``, ``.png`` into the
script's folder; rounds that are there are not done again.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from cases import Case, cases
from measuring import Measured
from page import write_page

from landscape.atomic_write import write_atomically
from landscape.study.environment import device_name, processor

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Measure what is not yet measured, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--series", nargs="+", help="only these: examples, parameters, processes, models")
    parser.add_argument("--tiny", action="store_true", help="small cases, to try the script")
    parser.add_argument("--page", action="store_true", help="write the table and the figure only")
    parser.add_argument("--one", nargs=4, metavar=("CASE", "ROUND", "RANK", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    device = ("cuda" if torch.cuda.is_available() else "cpu") if options.device == "auto" else options.device
    torch.set_num_threads(1)
    chosen = [each for each in cases(device, tiny=options.tiny) if not options.series or each.series in options.series]
    if options.one:
        name, index, rank, folder = options.one
        _one(next(each for each in chosen if each.name == name), device, int(index), int(rank), Path(folder))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    record = Record(options.out / "results.json", device)
    if not options.page:
        _measure(record, chosen, device, options)
    write_page(record.everything, options.out)


class Record:
    """What has been measured, in a file that is whole after every round.

    Args:
        path: The file.
        device: Whose rows are added.
    """

    def __init__(self, path: Path, device: str) -> None:
        self.path = path
        self.everything: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self._device = processor() if device == "cpu" else device_name(torch.device(device))
        self._rows = self.everything.setdefault(self._device, {"torch": torch.__version__, "kind": device, "rows": {}})[
            "rows"
        ]

    def has(self, case: Case, index: int) -> bool:
        """Return whether a round of a case is there."""
        return len(self._rows.get(case.name, {}).get("rounds", [])) > index

    def add(self, case: Case, found: dict[str, Any]) -> None:
        """Add a round, and on the first the constants."""
        row = self._rows.setdefault(case.name, {**vars(case), "rounds": []})
        row.update(found.get("constants", {}))
        row["rounds"].append(found["round"])
        text = json.dumps(self.everything, indent=1)
        write_atomically(self.path, f"{text}\n".encode())
        spent = found["round"]
        print(f"{case.name}: {spent['product_cpu']:.3g} s of the processor, {spent['product_wall']:.3g} s", flush=True)


def _measure(record: Record, chosen: list[Case], device: str, options: argparse.Namespace) -> None:
    ready: dict[str, Measured] = {}
    for index in range(options.rounds):
        for case in chosen:
            # what has processes of its own is measured once: most of its time is the start
            if record.has(case, index) or (case.apart and index):
                continue
            if case.apart:
                record.add(case, _in_processes(case, index, options))
                continue
            if case.name not in ready:
                ready[case.name] = Measured(case, device)
            record.add(case, _found(ready[case.name], index))


def _found(measured: Measured, index: int) -> dict[str, Any]:
    found: dict[str, Any] = {"round": measured.round()}
    if index == 0:
        found["constants"] = measured.constants()
        if measured.case.eigenvalue:
            found["constants"]["top_eigenvalue"] = measured.top_eigenvalue()
    return found


def _in_processes(case: Case, index: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return what the slowest of a case's processes found."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--device", options.device, *["--tiny"] * options.tiny]
        started = [
            subprocess.Popen(
                [*command, "--one", case.name, str(index), str(rank), folder],
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            for rank in range(case.processes)
        ]
        try:
            failed = [each.wait() for each in started]
        finally:
            for each in started:
                each.kill()
        if any(failed):
            raise SystemExit(f"{case.name}: a process ended with {max(failed, key=abs)}.")
        found = [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(case.processes)]
    rounds = [each["round"] for each in found]
    return {**found[0], "round": {name: max(each[name] for each in rounds) for name in rounds[0]}}


def _one(case: Case, device: str, index: int, rank: int, folder: Path) -> None:
    """Be one process of a case."""
    if case.processes > 1 or case.sharded:
        store = f"file://{folder}/store"
        torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=case.processes)
    found = _found(Measured(case, device), index)
    (folder / f"{rank}.json").write_text(json.dumps(found))
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
