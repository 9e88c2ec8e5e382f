"""Which rows there are: every contender at its defaults, and at settings that may reach the tolerance fastest.

What a user cannot know is given to the peers for free: the number of Lanczos steps, ARPACK's options and the number
of probes come from the reference. Settings of one ``group`` are alternatives: all of them (of a ladder: until one
reaches the tolerance) run in the first round, and the fastest that reaches it runs in the others.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from problems import RECIPES
from scipy.linalg import eigh_tridiagonal
from scipy.sparse import diags
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

RTOL = 1e-3
TRACE_RTOL = 0.02
LEAST_MEMORY = {"cnn": 12 * 2**20, "resnet20": 160 * 2**20}
"""Bytes with which this package can do one batch at a time and hold none, on the problems of full size."""
DENSITY_STEPS = {"resnet20": 30}
"""Lanczos steps of a density where fewer are made than the recipe says: a product takes seconds there."""
TASKS = ("product", "top1", "top5", "trace", "density")


@dataclass(frozen=True)
class Row:
    """One measurement to be made.

    Args:
        contender: Whose.
        task: One of ``TASKS``.
        label: The setting in words, for tables.
        setting: The setting for the contender's script.
        slot: What makes two rows of different rounds the same, where the label changes with the start.
        group: Alternatives of which one is kept; none when empty.
        ladder: Whether the alternatives are tried in order until one reaches the tolerance.
    """

    contender: str
    task: str
    label: str
    setting: dict = field(default_factory=dict)
    slot: str = ""
    group: str = ""
    ladder: bool = False

    @property
    def key(self) -> list[str]:
        """What names this row within a problem and a number of threads."""
        return [self.contender, self.task, self.slot or self.label]


def rows_of(problem: str, task: str, reference: dict, seed: int) -> list[Row]:
    """Return the rows of a task; the seed is that of the start, as the peers' best settings depend on it."""
    if task == "product":
        return _products(LEAST_MEMORY.get(problem, 2**20))
    if task == "trace":
        return [Row("landscape", task, "rtol=0.02"), *_traces(reference)]
    if task == "density":
        return _densities(DENSITY_STEPS.get(problem, RECIPES[problem].density_steps))
    k = int(task.removeprefix("top"))
    krylov = reference["krylov"][str(seed)]
    own = Row("landscape", task, "rtol=1e-3", {"k": k})
    # what looking for repeated values costs, which no peer does
    checked = Row("landscape", task, "rtol=1e-3, verify=True", {"k": k, "verify": True})
    return [
        own,
        *([checked] if k > 1 else []),
        *_power(task, k),
        *_lanczos(task, k, reference, krylov),
        *_arpack(task, k, reference, krylov),
    ]


def _products(least_memory: int) -> list[Row]:
    rows = [Row(name, "product", "uneven batches") for name in ("landscape", "pyhessian")]
    rows += [Row(name, "product", "uneven batches") for name in ("hessian_eigenthings", "curvlinops")]
    one = {"batches": "whole"}
    rows += [Row("pyhessian", "product", "all examples as one batch, graph held", one)]
    rows.append(Row("landscape", "product", "all examples as one batch", one))
    words = f"uneven batches, memory={least_memory // 2**20} MiB: nothing held"
    return [*rows, Row("landscape", "product", words, {"memory": least_memory}, "nothing held")]


def _power(task: str, k: int) -> list[Row]:
    rows = [Row("pyhessian", task, "default, tol=1e-3", {"k": k, "tol": 1e-3, "most": 100})]
    for batches, words in (("given", "uneven batches"), ("whole", "one batch, graph held")):
        for tol in (1e-4, 1e-5, 1e-6):
            setting = {"k": k, "tol": tol, "most": 1000, "batches": batches}
            rows.append(Row("pyhessian", task, f"tol={tol:.0e}, {words}", setting, group=words, ladder=True))
    return rows


def _lanczos(task: str, k: int, reference: dict, krylov: dict) -> list[Row]:
    name, steps = "hessian_eigenthings", best_steps(k, reference, krylov)
    default = Row(name, task, f"default, {2 * k} steps", {"k": k})
    options = {"max_iter": steps, "which": "LA", "tol": RTOL}
    rows = [Row(name, task, f"{steps} steps, uneven batches", {"k": k, "options": options}, "steps, uneven")]
    for batches, words in (("whole", "one batch"), ("even", "even batches")):
        setting = {"k": k, "options": options, "batches": batches}
        rows.append(Row(name, task, f"{steps} steps, {words}", setting, f"steps, {words}", group="best"))
    certified = best_steps(k, reference, krylov, certified=True)
    setting = {"k": k, "options": options | {"max_iter": certified}, "batches": "even"}
    words = f"{certified} steps, even batches, the fewest that its residuals certify"
    return [default, *rows, Row(name, task, words, setting, "steps, certified")]


def _arpack(task: str, k: int, reference: dict, krylov: dict) -> list[Row]:
    ncv, tol = best_arpack(k, reference, krylov)
    rows = [Row("curvlinops", task, "default of eigsh", {"k": k, "wide": True})]
    for checked, batches in ((True, "given"), (False, "given"), (False, "whole")):
        setting = {"k": k, "options": {"ncv": ncv, "tol": tol}, "checked": checked, "batches": batches}
        words = f"ncv={ncv}, tol={tol:.0e}{'' if checked else ', no checks'}"
        words += ", one batch" if batches == "whole" else ""
        rows.append(Row("curvlinops", task, words, setting, f"{checked}, {batches}", group="" if checked else "best"))
    return rows


def _traces(reference: dict) -> list[Row]:
    target = TRACE_RTOL * abs(reference["trace"])
    probes = math.ceil((reference["probes"]["deviation"] / target) ** 2)
    eigenthings, pyhessian, curvlinops = "hessian_eigenthings", "pyhessian", "curvlinops"
    rows = [Row(pyhessian, "trace", "default, tol=1e-3", {"tol": 1e-3, "most": 100})]
    setting = {"tol": 0.0, "most": probes, "batches": "whole"}
    rows.append(Row(pyhessian, "trace", f"{probes} probes, one batch, graph held", setting))
    rows.append(Row(eigenthings, "trace", "default, Hutch++ with 100 products"))
    for matvecs in _rungs(reference, target):
        options = {"num_matvecs": matvecs, "method": "hutch++"}
        setting = {"options": options, "batches": "whole"}
        rows.append(
            Row(eigenthings, "trace", f"Hutch++, {matvecs} products, one batch", setting, group="best", ladder=True)
        )
        setting = {"method": "hutchpp_trace", "matvecs": matvecs}
        rows.append(Row(curvlinops, "trace", f"hutchpp_trace, {matvecs} products", setting, group="best", ladder=True))
    setting = {"method": "hutchinson_trace", "matvecs": probes, "columns": 8}
    rows.append(Row(curvlinops, "trace", f"hutchinson_trace, {probes} products in calls of 8", setting))
    rows.append(Row("backpack", "trace", "exact, DiagGGNExact", {"ggn": True}))
    return [*rows, Row("backpack", "trace", "exact, DiagHessian")]


def _rungs(reference: dict, target: float) -> list[int]:
    """Return numbers of products for Hutch++, the first the least that the largest eigenvalues would allow."""
    tail = reference["probes"]["deviation"] ** 2 - 2 * sum(each**2 for each in reference["eigenvalues"])
    first = math.ceil(math.sqrt(max(tail, 0.0)) / target / 3) * 3
    return [max(30, min(first, 150)) * factor // 6 * 3 for factor in (2, 4, 6, 7, 8, 10, 13)]


def _densities(steps: int) -> list[Row]:
    rows = [Row("landscape", "density", f"1 probe, {steps} steps", {"steps": steps})]
    rows.append(Row("pyhessian", "density", f"default, 1 run of {steps} steps", {"steps": steps}))
    repaired = {"steps": steps, "repaired": True, "batches": "whole"}
    rows.append(Row("pyhessian", "density", "the same, torch.eig put back, one batch, graph held", repaired))
    options = {"num_runs": 1, "lanczos_steps": steps}
    rows.append(Row("hessian_eigenthings", "density", f"1 run of {steps} steps", {"options": options}))
    return [*rows, Row("curvlinops", "density", f"default, 1 run of {steps} steps", {"steps": steps})]


def best_steps(k: int, reference: dict, krylov: dict, *, certified: bool = False) -> int:
    """Return the least Lanczos steps from this start that bring the k largest values within the tolerance.

    With ``certified``, the least after which their residuals are within it as well.
    """
    alphas, betas = np.array(krylov["alphas"]), np.array(krylov["betas"])
    for steps in range(k, len(alphas)):
        values, vectors = eigh_tridiagonal(alphas[:steps], betas[: steps - 1])
        residuals = betas[steps - 1] * np.abs(vectors[-1, -k:])
        sure = not certified or bool((residuals <= 0.9 * RTOL * np.abs(values[-k:])).all())
        if sure and _within(values, k, reference):
            return steps
    return len(alphas)


def best_arpack(k: int, reference: dict, krylov: dict) -> tuple[int, float]:
    """Return (ncv, tol) with the fewest products from this start.

    ARPACK on the tridiagonal matrix from e_1 does what ARPACK on H does from the start, in exact arithmetic.
    """
    size = len(krylov["alphas"])
    off = krylov["betas"][: size - 1]
    T = diags([off, krylov["alphas"], off], [-1, 0, 1]).tocsr()
    found = []
    for ncv in range(k + 1, min(size - 1, 33)):
        for tol in (1.0, 0.3, 0.1, 1e-2, 1e-3):
            count = [0]

            def product(v: np.ndarray, count: list[int] = count) -> np.ndarray:
                count[0] += 1
                return T @ v

            operator = LinearOperator(T.shape, matvec=product, dtype=np.float64)
            try:
                values = eigsh(operator, k, which="LA", v0=np.eye(size)[0], ncv=ncv, tol=tol, return_eigenvectors=False)
            except ArpackNoConvergence:
                continue
            if _within(values, k, reference):
                found.append((count[0], ncv, tol))
    return min(found)[1:] if found else (min(20, size - 1), RTOL)


def _within(values: np.ndarray, k: int, reference: dict) -> bool:
    true = np.array(reference["eigenvalues"][:k])
    return bool((np.abs(np.sort(values)[::-1][:k] - true) <= 0.9 * RTOL * true).all())
