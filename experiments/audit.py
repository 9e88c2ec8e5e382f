"""What each measure cannot see: audits two networks fitted to digits and keeps heat maps, tables and numbers.

python experiments/audit.py [--out DIR]     (one to two minutes on two cores)
"""

import argparse
import shutil
from pathlib import Path

from landscape.report.audit import write_audit
from landscape.store import finite
from landscape.study.audit import AuditSettings, audit
from landscape.study.audit_networks import trained_networks
from landscape.study.environment import environment

FIGURES = Path(__file__).resolve().parent.parent / "figures" / "audit"


def main() -> None:
    """Train, audit, then copy what was drawn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/audit"))
    out = parser.parse_args().out
    subjects = trained_networks(0, print)
    result = audit(subjects, AuditSettings(), lambda done, total, what: print(f"{done}/{total} {what}"))
    write_audit(finite({**result, "environment": environment(subjects[0].minimum.problem.device)}), out)
    shutil.rmtree(FIGURES, ignore_errors=True)
    shutil.copytree(out / "figures", FIGURES)
    for name in ("table.md", "table.tex"):
        shutil.copy(out / name, FIGURES / name)


if __name__ == "__main__":
    main()
