"""Parameters that are shards over several real processes: numbers are those of the plain model, dense, in one."""

import pytest
import sharded_cases
import torch
from dense_oracle import dense_hessian
from real_processes import run_processes
from sharded_cases import CASES, data, directions, log_det, loss, make

ROUNDING = 1e-13


@pytest.fixture(scope="module", params=[2, 3])
def processes(request, tmp_path_factory):
    """What each of 2 or 3 gloo processes found."""
    return run_processes(sharded_cases.__file__, request.param, tmp_path_factory.mktemp("shards"))


def close(a, b):
    return float((a - b).norm()) <= ROUNDING * float(b.norm())


@pytest.mark.parametrize("case", CASES)
class TestCase:
    def test_numbers_are_those_of_the_plain_model(self, processes, case):
        plain, (x, y) = make(case).eval(), data(case)
        trained = [each for each in plain.parameters() if each.requires_grad]
        theta = torch.cat([each.detach().flatten() for each in trained])
        value = loss(case)[1](plain(x), y)
        gradient = torch.cat([each.flatten() for each in torch.autograd.grad(value, trained)]) + 0.01 * theta
        value = float(value.detach() + 0.005 * theta.square().sum())
        dense = dense_hessian(plain, loss(case)[1], x, y) + 0.01 * torch.eye(len(theta), dtype=torch.float64)
        V, top = directions(len(theta)), torch.linalg.eigvalsh(dense).flip(0)[:2]
        for found in (each[case] for each in processes):
            assert torch.equal(found["theta"], theta)
            assert found["loss"] == pytest.approx(value, rel=ROUNDING)
            assert close(found["gradient"], gradient)
            assert close(found["HV"], dense @ V)
            assert close(found["Hv"], dense @ V[:, 0])
            assert close(found["values"], top)
            residual = dense @ found["vectors"] - found["vectors"] * top
            assert float(residual.norm()) <= 1e-9 * float(top[0])
            assert found["measured"] == pytest.approx(float(top[0]) - 0.01, rel=1e-5)

    def test_gauss_newton_is_that_of_the_plain_model(self, processes, case):
        plain, batch = make(case), data(case)
        from landscape import GaussNewton, Problem

        alone = GaussNewton(Problem(plain, loss(case)[0], batch, weight_decay=0.01))
        for found in (each[case] for each in processes):
            assert close(found["GV"], alone @ directions(alone.shape[0]))

    def test_the_model_comes_back(self, processes, case):
        assert all(each[case]["as it was"] for each in processes)

    def test_each_process_keeps_its_part_of_the_basis(self, processes, case):
        rows = [each[case]["rows"] for each in processes]
        n = len(processes[0][case]["theta"])
        assert all(abs(each.shape[1] - n / len(rows)) < 1 for each in rows)
        v = directions(n)[:, 0]
        assert close(torch.cat(rows, dim=1)[0], v / v.norm())

    def test_nothing_whole_is_kept_between_products(self, processes, case):
        n, count = len(processes[0][case]["theta"]), len(processes)
        assert all(each[case]["held"] <= n // count for each in processes)

    def test_a_plan_for_a_density_counts_whole_vectors(self, processes, case):
        n = len(processes[0][case]["theta"])
        assert all(each[case]["bytes of a step"] == 8 * n for each in processes)

    def test_the_notes_say_so(self, processes, case):
        said = " ".join(processes[0][case]["notes"])
        assert f"shards over {len(processes)} processes" in said
        assert ("2 that are not measured are kept whole" in said) == (case == "frozen and tied")


def test_a_step_of_training_goes_on(processes):
    plain, (x, y) = make("uneven"), data("uneven")
    torch.nn.functional.mse_loss(plain(x), y).backward()
    gradient = torch.cat([each.grad.flatten() for each in plain.parameters()])
    assert all(close(each["uneven"]["trained"], gradient) for each in processes)


def test_a_density_that_begins_with_the_shared_run_is_that_of_the_plain_model(processes):
    from landscape import Problem

    *numbers, matvecs = log_det(Problem(make("uneven"), loss("uneven")[0], data("uneven"), weight_decay=0.01))
    for *found, spent in (each["uneven"]["log_det"] for each in processes):
        assert found == pytest.approx(numbers, rel=1e-9)
        assert spent == matvecs


def test_what_cannot_be_measured_is_told(processes):
    for found in processes:
        assert "tensor parallelism" in found["refused"]["tensor parallel"]
        assert "not in process_group" in found["refused"]["others hold shards"]
