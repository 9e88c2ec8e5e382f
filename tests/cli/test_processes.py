"""`torchrun -m landscape`: several real processes share the work of one minimum, over gloo."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

MLP = ["--dataset", "digits", "--model", "mlp", "--model-option", "activation=relu", "--examples", "101"]
HESSIAN = ["hessian", *MLP, "--top-k", "2", "--json"]
SHARPNESS = ["sharpness", *MLP, "--json", "--measures"]
PERTURBED = "average_sharpness,worst_case_sharpness,gauss_newton_trace,fisher_rao,batch_sharpness"


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def start(processes, *arguments):
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return subprocess.Popen(
        [*command, "-m", "landscape", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )


def told(err):
    return sum(line.startswith("Error: ") for line in err.splitlines())


def run(processes, *arguments):
    process = start(processes, *arguments)
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def alone():
    return json.loads(run(1, *HESSIAN)[1])


@pytest.mark.parametrize("processes", [2, 3])
def test_eigenvalues_and_trace_are_those_of_one_process_to_rounding(alone, processes):
    code, out, err = run(processes, *HESSIAN)
    assert code == 0, err
    found = json.loads(out)
    pairs = zip(found["eigenvalues"], alone["eigenvalues"], strict=True)
    assert all(one["value"] == pytest.approx(other["value"], rel=1e-5) for one, other in pairs)
    assert found["trace"]["value"] == pytest.approx(alone["trace"]["value"], rel=1e-6)
    assert found["matvecs"] == alone["matvecs"]


def test_perturbed_losses_are_those_of_one_process_to_rounding():
    one, two = (json.loads(run(count, *SHARPNESS, PERTURBED)[1])["measurements"] for count in (1, 2))
    for name, each in one.items():
        assert each["value"] is not None
        assert two[name]["value"] == pytest.approx(each["value"], rel=1e-5), name


def test_points_of_a_surface_are_dealt_out(tmp_path):
    slices = {}
    for count in (1, 3):
        out = tmp_path / str(count)
        code, _, err = run(count, "surface", *MLP, "--points", "9", "--exact", "--out", str(out), "--json")
        assert code == 0, err
        slices[count] = np.load(out / "surface.npz")
    assert set(slices[1]) == set(slices[3])
    for name in slices[1]:
        np.testing.assert_array_equal(slices[1][name], slices[3][name])


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGABRT])
def test_a_process_that_dies_ends_all_with_one_message(tmp_path, end):
    process = start(
        3, "hessian", *MLP, "--dtype", "float64", "--density", "--density-steps", "2000", "--out", str(tmp_path)
    )
    try:
        children = wait_for_children(process, 3)
        for line in process.stderr:
            if "eigenvalues" in line:
                break
        os.kill(children[1], end)
        _, err = process.communicate(timeout=120)
    finally:
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
    assert process.returncode != 0
    assert told(err) == 1, err
    assert "Error: process 1 of 3 (they count from 0) has ended, so the others stop too." in err, err
    # what can be heard of a crash is heard, though only the first process speaks
    assert ("Fatal Python error: Aborted" in err) == (end == signal.SIGABRT), err


def test_a_process_whose_work_is_done_cannot_crash_as_its_interpreter_closes(tmp_path):
    script = tmp_path / "closes.py"
    script.write_text("import atexit, os\nfrom landscape.cli import main\natexit.register(os.abort)\nmain.main()\n")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    asked = ["sharpness", *MLP, "--measures", "train_loss", "--json"]
    done = subprocess.run(
        [*command, *asked], capture_output=True, text=True, env=environment(), timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["measurements"]["train_loss"]["value"] is not None


def test_a_slow_end_is_quiet_and_the_words_of_an_exit_are_told(tmp_path):
    """torchrun tells the others to stop once the first has ended with another code than 0."""
    script = tmp_path / "slow.py"
    script.write_text(
        "import os, sys, time\n"
        "import torch.distributed as dist\n"
        "from landscape.cli import main\n"
        "destroy = dist.destroy_process_group\n"
        "def slowly():\n"
        "    time.sleep(3 * int(os.environ['RANK']))\n"
        "    destroy()\n"
        "dist.destroy_process_group = slowly\n"
        "def net():\n"
        "    sys.exit('My data are missing.')\n"
        "if __name__ == '__main__':\n"
        "    main.main()\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    asked = ["hessian", "--dataset", "digits", "--model", f"{script}:net"]
    done = subprocess.run(
        [*command, *asked], capture_output=True, text=True, env=environment(), timeout=240, check=False
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.splitlines().count("My data are missing.") == 1, done.stderr
    assert told(done.stderr) == 0, done.stderr


def test_the_others_name_the_first_where_it_dies_while_it_writes(tmp_path):
    script = tmp_path / "writes.py"
    script.write_text(
        "import os, signal\n"
        "from landscape.cli import main\n"
        "def write(prog_name):\n"
        "    if os.environ['RANK'] == '0':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "main.cli = write\n"
        "main.sys.argv[1:] = ['hessian']\n"
        "main.main()\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=240, check=False)
    assert done.returncode != 0
    assert told(done.stderr) == 1, done.stderr
    assert "Error: process 0 of 2 (they count from 0) has ended, so the others stop too." in done.stderr


def test_data_that_are_drawn_are_the_same_in_all_processes_and_others_are_refused(tmp_path):
    code = tmp_path / "drawn.py"
    code.write_text(
        "import os, torch\n"
        "def net():\n"
        "    return torch.nn.Linear(4, 3)\n"
        "def drawn():\n"
        "    return torch.randn(20, 4), torch.randint(3, (20,))\n"
        "def of_rank():\n"
        "    generator = torch.Generator().manual_seed(int(os.environ['RANK']))\n"
        "    return torch.randn(20, 4, generator=generator), torch.arange(20) % 3\n"
    )
    asked = ["sharpness", "--model", f"{code}:net", "--measures", "train_loss", "--json", "--data"]
    one, two = (run(count, *asked, f"{code}:drawn") for count in (1, 2))
    assert two[0] == 0, two[2]
    values = [json.loads(out)["measurements"]["train_loss"]["value"] for _, out, _ in (one, two)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    code, out, err = run(2, *asked, f"{code}:of_rank")
    assert (code, out, told(err)) == (1, "", 1), err
    assert "the first batches of process 0 and process 1 differ" in err


def wait_for_children(process, count):
    """Return the processes of landscape, by their number."""
    for _ in range(600):
        found = {}
        listed = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
        for line in listed.splitlines()[1:]:
            pid, parent = map(int, line.split())
            if parent == process.pid:
                try:
                    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                except OSError:
                    continue
                found |= {int(each[5:]): pid for each in variables if each.startswith(b"RANK=")}
        if len(found) == count:
            return found
        time.sleep(0.1)
    raise AssertionError("the processes did not start")


def test_mistakes_are_told_once():
    for arguments, words in (
        (["analyze"], "share the work of one minimum (hessian, sharpness, surface)"),
        (["hessian", *MLP, "--top-k", "-1"], "top-k"),
        (["hessian", *MLP, "--memory", "1KB"], "memory budget"),
    ):
        code, out, err = run(2, *arguments)
        assert code != 0
        assert out == ""
        assert told(err) == 1, err
        assert words in err
