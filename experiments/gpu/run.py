"""Measure curvature on a GPU: how much of it a product uses, what bounds it, and what reduced precision does.

    python experiments/gpu/run.py                                  # under ten minutes on an H100
    python experiments/gpu/run.py table                            # docs/gpu.md again from what has been measured
    python experiments/gpu/run.py emulate                          # reduced precision on a CPU, by rounding factors
    python experiments/gpu/run.py --smoke --device cpu --out DIR   # a trial without a GPU: tiny, a few minutes

Every part is written to ``results.json`` beside this file when it is done, with the device's name and the versions, so
that a killed run goes on with the next part. A part that fails says why in the table and is tried again by the next
run. Parts that the time does not reach are left for the next run.
"""

import argparse
import json
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import torch
from gpu_page import render
from parts import PARTS
from place import Place, machine

from landscape.atomic_write import write_atomically
from landscape.device import resolve_device
from landscape.errors import LandscapeError

FOLDER = Path(__file__).resolve().parent
PAGE = FOLDER.parents[1] / "docs" / "gpu.md"


def main() -> None:
    """Measure the parts that are missing, and write the page."""
    options = _options()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    path = out / "results.json"
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if options.what != "table":
        try:
            place = Place(resolve_device(options.device), options.smoke, out)
        except LandscapeError as error:
            sys.exit(f"{error} Without a GPU: --smoke --device cpu --out DIR tries the script.")
        _measure(results, path, place, options)
    page = PAGE if out == FOLDER else out / "gpu.md"
    page.write_text(render(results), encoding="utf-8")
    print(page)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("measure", "table", "emulate"), default="measure")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to try the script")
    parser.add_argument("--only", nargs="+", metavar="PART", choices=PARTS, help=f"of {', '.join(PARTS)}")
    parser.add_argument("--minutes", type=float, default=9.0, help="no part begins after so many")
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    if options.what == "emulate":
        options.device, options.only = "cpu", [name for name in PARTS if name.startswith("precision")]
    elif options.device == "cpu" and not options.smoke and options.what == "measure":
        parser.error("there is nothing to measure on a CPU: --smoke tries the script")
    if options.smoke and options.what != "table" and options.out == FOLDER:
        parser.error("a trial's numbers are no measurement: give --out DIR")
    return options


def _measure(results: dict[str, Any], path: Path, place: Place, options: argparse.Namespace) -> None:
    start, about = time.monotonic(), machine(place)
    key = f"{about['device']}, PyTorch {about['torch']}{', trial' * place.smoke}"
    own = results.setdefault(key, {"machine": about, "parts": {}})
    for name, part in PARTS.items():
        if (options.only and name not in options.only) or "error" not in own["parts"].get(name, {"error": ""}):
            continue
        if time.monotonic() - start > 60 * options.minutes:
            print(f"{name}: left for the next run, the time is up", flush=True)
            continue
        begun = time.monotonic()
        try:
            found = part(place)
        except (Exception, subprocess.TimeoutExpired) as error:
            # of any type: one part must not take the others' numbers with it
            traceback.print_exc()
            found = {"error": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"}
        own["parts"][name] = {**found, "seconds": round(time.monotonic() - begun, 1)}
        write_atomically(path, f"{json.dumps(results, indent=1)}\n".encode())
        print(f"{name}: {own['parts'][name]}", flush=True)
        if place.device.type == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
