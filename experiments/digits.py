"""Adam against SGD on digits: runs the study of digits.toml and keeps its figures, numbers and tables.

python experiments/digits.py [--out DIR]     (one to two minutes on two cores)
"""

import argparse
import shutil
from pathlib import Path

from landscape.report import write_report
from landscape.study.config import read_toml, resolve
from landscape.study.run import run_study

HERE = Path(__file__).resolve().parent
FIGURES = HERE.parent / "figures" / "digits"


def main() -> None:
    """Run the study, then copy what it drew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/digits"))
    out = parser.parse_args().out
    study = HERE / "digits.toml"
    report = run_study(
        resolve((str(study), read_toml(study))), out, on_progress=lambda done, total, _: print(f"{done}/{total}")
    )
    write_report(out)
    shutil.rmtree(FIGURES, ignore_errors=True)
    shutil.copytree(out / "figures", FIGURES)
    for name in ("table.md", "table.tex", "report.json", "environment.json"):
        shutil.copy(out / name, FIGURES / name)
    print(*report["verdict"]["sentences"], sep="\n\n")


if __name__ == "__main__":
    main()
