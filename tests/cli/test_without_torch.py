"""What reads files runs where there is no torch, in a process that cannot import it."""

import csv
import io
import json
import subprocess
import sys

import pytest

BLOCKER = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "safetensors"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoTorch())
from landscape.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished study of made-up runs, as files."""
    path = tmp_path_factory.mktemp("study")
    sys.path.insert(0, str(_experiments()))
    try:
        import synthetic
    finally:
        sys.path.pop(0)
    import dataclasses

    few = dataclasses.replace(
        synthetic.LARGE, optimizer=("sgd", "adam", "sam"), lr={"*": (0.01, 0.02, 0.05)}, batch_size=(32, 128),
        weight_decay=(None,), train_examples=(None,), seeds=5,
    )  # fmt: skip
    assert synthetic.write_study(path / "study", few) == 90
    return path / "study"


def _experiments():
    from pathlib import Path

    return Path(__file__).resolve().parents[2] / "experiments" / "relate"


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-c", BLOCKER, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_relate_then_report_then_export(folder):
    code, out, err = run("relate", folder)
    assert (code, err) == (0, "")
    assert all(len(line) <= 80 for line in out.splitlines())
    for words in ("worst sign-error", "learning rate alone", "SAM, sgd: sgd → sam", "measure moved"):
        assert words in out
    code, out, err = run("relate", folder, "--json")
    assert code == 0
    kinds = {"ratios", "correlations", "partial", "granulated", "against_learning_rate", "information"}
    kinds |= {"matching", "sign_errors", "interventions", "ratios_by_level", "correlations_by_level"}
    assert kinds == set(json.loads(out)["relations"]["matched"])
    code, out, err = run("report", folder)
    assert (code, err) == (0, "")
    assert {"methods.md", "report.html", "table.tex"} <= {line.rsplit("/")[-1] for line in out.splitlines()}
    assert "Jiang et al. 2020" in (folder / "methods.md").read_text()
    code, out, err = run("export", folder, "--csv")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 90 * 2 * 6
    report = json.loads((folder / "report.json").read_text())
    first = report["runs"][0]
    row = next(
        each for each in rows if each["run"] == first["id"] and each["measure"] == "trace" and each["stop"] == "end"
    )
    assert float(row["value"]) == first["minima"]["end"]["measurements"]["trace"]["value"]
    assert (row["optimizer"], row["batch_size"], row["weight_decay"], row["compared"]) == ("sgd", "32", "", "true")


def test_the_blocker_blocks(folder):
    code, _, err = run("hessian", folder, "--debug")
    assert code != 0
    assert "torch" in err


def test_export_says_what_to_type(folder, tmp_path):
    assert run("relate", folder)[0] == 0
    code, _, err = run("export", folder)
    assert (code, err) == (2, f"Error: No format is asked for. Type 'landscape export {folder} --csv'.\n")
    code, _, err = run("export", tmp_path, "--csv")
    assert code == 4
    assert "it has neither report.json nor study.toml" in err
    code, out, _ = run("export", folder, "--csv", "--out", tmp_path / "table.csv")
    assert (code, out.strip()) == (0, str(tmp_path / "table.csv"))
    assert (tmp_path / "table.csv").read_text().startswith("run,optimizer,lr,lr_rank,seed,batch_size,")
