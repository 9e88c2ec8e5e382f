"""The program as a user types it."""

import json
import os
import subprocess
import sys

import pytest

from landscape.cli.list import listed
from landscape.cli.main import COMMANDS

ANALYZE = [
    "analyze", "--model", "mlp", "--model-option", "widths=12", "--train-examples", "200", "--epochs", "6",
    "--seeds", "3", "--target-loss", "0.4", "--lr", "sgd=0.1", "--lr", "adam=0.01", "--surface-points", "5",
    "--resamples", "200", "--jobs", "1",
]  # fmt: skip


def run(*arguments, check=True, **variables):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80", **variables}
    result = subprocess.run(
        [sys.executable, "-m", "landscape", *map(str, arguments)],
        env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if check:
        assert result.returncode == 0, result.stderr
    return result


def test_help_needs_no_torch():
    for arguments in ([], *([command] for command in COMMANDS)):
        code = (
            "import sys\nfrom landscape.cli.main import cli\n"
            f"try: cli({[*arguments, '--help']!r}, prog_name='landscape')\n"
            "except SystemExit as done: assert done.code == 0\n"
            "assert not {'torch', 'matplotlib', 'scipy', 'sklearn', 'numpy'} & set(sys.modules), 'heavy'"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        assert "Usage: landscape" in result.stdout


def test_help_fits_eighty_columns():
    for command in ("", *COMMANDS):
        text = run(*([command] if command else []), "--help").stdout
        assert max(len(line) for line in text.splitlines()) <= 80, command


@pytest.fixture(scope="module")
def analyzed(tmp_path_factory, device):
    out = tmp_path_factory.mktemp("analyze") / "out"
    return out, run(*ANALYZE, "--device", device, "--out", out)


def test_analyze_writes_everything_and_prints_the_verdict_first(analyzed):
    out, result = analyzed
    report = json.loads((out / "report.json").read_text())
    for name in ("report.html", "table.tex", "table.md", "study.toml", "environment.json"):
        assert (out / name).stat().st_size > 0
    stems = {path.stem for path in (out / "figures").iterdir()}
    assert len(stems) >= 4
    for stem in stems:
        assert {path.suffix for path in (out / "figures").glob(f"{stem}.*")} == {".pdf", ".png", ".json"}
    flat = " ".join(result.stdout.split())
    assert report["verdict"]["sentences"][0].split()[0] in flat[:400]
    assert str(out / "report.html") in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines() if str(out) not in line)
    assert "12/12" not in result.stdout


def test_relate_and_report_again_from_the_files_without_torch(analyzed):
    out, _ = analyzed
    before = (out / "report.json").read_text()
    (out / "report.html").unlink()
    blocker = "import sys; sys.modules['torch'] = None; from landscape.cli.main import main; main()"
    for command in ("relate", "report"):
        subprocess.run([sys.executable, "-c", blocker, command, str(out)], check=True, capture_output=True)
    assert (out / "report.json").read_text() == before
    assert (out / "report.html").exists()
    found = json.loads(run("relate", out, "--json").stdout)
    assert set(found) == {"verdict", "relations", "trade_offs"}


def test_json_is_one_object_and_nothing_else(analyzed, device):
    out, _ = analyzed
    found = json.loads(run(*ANALYZE, "--device", device, "--out", out, "--json").stdout)
    assert found["folder"] == str(out)
    assert found["verdict"]["sentences"]


def test_study_file_environment_and_flags(tmp_path):
    study = tmp_path / "study.toml"
    study.write_text('model = "mlp"\nepochs = 3\nseeds = 2\noptimizer = ["sgd"]\n[lr]\nsgd = [0.1, 0.2]\n')
    cells = json.loads(run("analyze", study, "--dry-run", "--json", "--seeds", 1).stdout)["cells"]
    assert cells == ["sgd-lr0.1-seed0", "sgd-lr0.2-seed0"]
    cells = json.loads(run("analyze", study, "--dry-run", "--json", LANDSCAPE_LR="0.3").stdout)["cells"]
    assert cells == ["sgd-lr0.3-seed0", "sgd-lr0.3-seed1"]
    cells = json.loads(run("analyze", study, "--dry-run", "--json", LANDSCAPE_SEED="7").stdout)["cells"]
    assert cells[-1] == "sgd-lr0.2-seed8"


def test_dry_run_prints_runs_matvecs_time_memory_and_writes_nothing(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-m", "landscape", "analyze", "--dry-run"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not list(tmp_path.iterdir())
    assert "adam-lr0.001-seed4" in result.stdout
    for word in ("30 runs", "Hessian-vector products", "GiB of memory", "about", "that of training one by one"):
        assert word in result.stdout


def test_a_plan_needs_neither_the_data_nor_the_device(tmp_path):
    """Sizes of the data sets that are downloaded are known; what is planned here may run on another machine."""
    asked = ["analyze", "--dataset", "mnist", "--train-examples", 500, "--model", "mlp", "--data-dir", tmp_path]
    lines = run(*asked, "--device", "cuda:99", "--dry-run").stdout
    assert "cuda:99 is not here: processes, time and memory are those of this machine's CPU" in lines
    assert not list(tmp_path.iterdir())
    plan = json.loads(run(*asked, "--device", "cpu", "--dry-run", "--json").stdout)
    assert plan["planned_for"] is None
    assert not any("stand_in" in cell for cell in plan["cells"])
    assert run(*asked, "--device", "nowhere", "--dry-run", check=False).returncode == 2


def test_strict_exits_with_5_where_a_number_has_not_converged(analyzed, tmp_path, device):
    arguments = [*ANALYZE, "--device", device, "--seeds", "1", "--surface-points", "0", "--measures", "trace"]
    loose = run(*arguments, "--rtol", "1e-6", "--out", tmp_path / "a", "--strict", check=False)
    assert loose.returncode == 5
    assert "!" in loose.stdout
    unreached = run(*arguments, "--target-loss", "1e-9", "--out", tmp_path / "b", "--strict", check=False)
    assert unreached.returncode == 5


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["analise"], 2, "No such command 'analise'. Did you mean 'analyze'?"),
        (["analyze", "--optimiser", "adam"], 2, "optimizer"),
        (["hessian", "--verify"], 2, "No such option '--verify' here; 'landscape sharpness' has it."),
        (["relate", "--top-k", "3"], 2, "'landscape hessian' and 'landscape track' have it."),
        (["hessian", "--rtoll", "1"], 2, "Did you mean one of: '--rtol'"),
        (["analyze", "--lr", "sgd=0"], 2, "positive"),
        (["analyze", "--lr", "nan"], 2, "positive"),
        (["analyze", "--seeds", "0"], 2, "1 or more"),
        (["analyze", "none.toml"], 2, "There is no file none.toml"),
        (["analyze", "--dataset", "digitz"], 2, "Did you mean 'digits'"),
        (["analyze", "--model", "nowhere.py:make"], 2, "no file"),
        (["analyze", "--device", "cuda:99"], 2, "--device cpu"),
        (["analyze", "--dataset", "mnist", "--data-dir", "/nonexistent"], 4, "/nonexistent"),
        (["analyze", "--checkpoint", "none.pt"], 4, "none.pt"),
        (["analyze", "--optimizer", "adm"], 2, "Did you mean 'adam'"),
        (["relate", "/nonexistent"], 4, "There is no folder"),
        (["report", "/nonexistent"], 4, "nonexistent"),
        (["list", "model"], 2, "models"),
    ],
)
def test_mistakes_give_one_message_and_their_exit_code(arguments, code, words, tmp_path):
    arguments = [*arguments, "--out", str(tmp_path / "out")] if arguments[0] == "analyze" else arguments
    result = run(*arguments, check=False)
    assert result.returncode == code, result.stderr
    assert words in result.stderr
    assert "Study in" not in result.stderr
    assert "Traceback" not in result.stderr
    assert not result.stdout
    assert not (tmp_path / "out").exists()


def test_debug_shows_the_traceback():
    result = run("relate", "/nonexistent", "--debug", check=False)
    assert "Traceback" in result.stderr
    assert result.returncode == 4


@pytest.mark.parametrize("kind", ["datasets", "models", "losses", "optimizers", "measures", "searches"])
def test_list_prints_one_line_each(kind):
    lines = run("list", kind).stdout.splitlines()
    assert len(lines) == len(json.loads(run("list", kind, "--json").stdout)) > 2
    assert all("  " in line for line in lines)


def test_a_list_wraps_on_a_terminal():
    wrapped = listed({"a": "one two three four", "bcd": "five"}, 14)
    assert wrapped == ["a    one two", "     three", "     four", "bcd  five"]
    assert listed({"a": "one two three four", "bcd": "five"}) == ["a    one two three four", "bcd  five"]


def test_doctor_finds_this_machine_right():
    text = run("doctor").stdout
    assert text.count("right (relative error") == 2
    for word in ("torch", "device", "free memory", "digits", "cifar10", "lightning", "ffmpeg"):
        assert word in text
    found = json.loads(run("doctor", "--json").stdout)
    assert max(found["relative_errors"].values()) < 1e-3


def test_version_and_completion():
    assert run("--version").stdout.startswith("landscape, version ")
    for shell in ("bash", "zsh", "fish"):
        assert "_LANDSCAPE_COMPLETE" in run("completion", shell).stdout
    words = {"_LANDSCAPE_COMPLETE": "bash_complete", "COMP_WORDS": "landscape ana", "COMP_CWORD": "1"}
    assert "analyze" in run(**words).stdout


def test_pipe_closed_early_is_no_traceback():
    code = f"{sys.executable} -m landscape list models | head -n 1"
    result = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert "Traceback" not in result.stderr


def test_progress_is_a_line_every_tenth_off_a_terminal(analyzed):
    _, result = analyzed
    lines = [line for line in result.stderr.splitlines() if "/8 " in line]
    # at most one a second: how many there are depends on the machine
    assert 1 <= len(lines) <= 10
    assert lines[-1].startswith("8/8")


def test_output_that_has_no_room_is_one_sentence():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "landscape", "list", "models"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 4
    assert done.stderr.startswith("Error: Cannot write what was to be printed: No space left on device. ")
    assert len(done.stderr.splitlines()) == 1
