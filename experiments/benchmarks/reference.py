"""What is true of a problem, found once, without the package that the benchmark is about.

Plain double backward on a held graph. Eigenvalues: Lanczos in float32, then Rayleigh-Ritz on its vectors with products
in float64, certified by their residuals. Trace: the diagonal of the Hessian of a piecewise-linear network is that of
the Gauss-Newton matrix, summed from the squared gradients of every example, and checked against random probes.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from problems import Loaded, load, make
from scipy.linalg import eigh_tridiagonal
from torch import Tensor
from torch.func import functional_call, vjp, vmap
from torch.nn import functional as F

Product = Callable[[Tensor], Tensor]
COUNT = 8
STEPS = 40


def reference_of(name: str, seeds: list[int]) -> dict:
    """Return the truth about a problem, computed where it has not been, with Krylov spaces for the seeds."""
    path = make(name).with_suffix(".reference.json")
    known = json.loads(path.read_text()) if path.exists() else {"krylov": {}}
    torch.set_num_threads(1)
    if "trace" not in known:
        known |= _truth(load(name))
        _write(path, known)
    missing = [seed for seed in seeds if str(seed) not in known["krylov"]]
    if missing:
        loaded = load(name)
        H = product_of(loaded)
        for seed in missing:
            alphas, betas, _ = lanczos(H, start_of(loaded, seed), min(STEPS, known["parameters"]))
            known["krylov"][str(seed)] = {"alphas": alphas, "betas": betas}
            _write(path, known)
    return known


def start_of(loaded: Loaded, seed: int) -> Tensor:
    """Return the first vector that every Krylov method which takes one is given."""
    size = sum(each.numel() for each in loaded.model.parameters())
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def product_of(loaded: Loaded, dtype: torch.dtype = torch.float32, *, hold: bool = True) -> Product:
    """Return v -> Hv, with H the Hessian of the mean loss over all examples."""
    model = loaded.model.to(dtype)
    parameters = list(model.parameters())

    def gradient(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        loss = F.cross_entropy(model(x.to(dtype)), y, reduction="sum") / len(loaded.x)
        return torch.autograd.grad(loss, parameters, create_graph=True)

    held = [gradient(x, y) for x, y in loaded.batches] if hold else []

    def product(v: Tensor) -> Tensor:
        parts = v.split([each.numel() for each in parameters])
        pieces = [part.view_as(each) for part, each in zip(parts, parameters, strict=True)]
        total = torch.zeros_like(v)
        for each in held or (gradient(x, y) for x, y in loaded.batches):
            Hv = torch.autograd.grad(each, parameters, pieces, retain_graph=hold)
            total += torch.cat([part.reshape(-1) for part in Hv])
        return total

    return product


def lanczos(H: Product, v: Tensor, steps: int) -> tuple[list[float], list[float], Tensor]:
    """Return diagonal and off-diagonal of the tridiagonal matrix, and the basis, fully reorthogonalised."""
    basis, alphas, betas = [v / v.norm()], [], []
    for _ in range(steps):
        w = H(basis[-1])
        alphas.append(float(w.double() @ basis[-1].double()))
        Q = torch.stack(basis)
        for _ in range(2):
            w = w - Q.T @ (Q @ w)
        betas.append(float(w.double().norm()))
        if betas[-1] < 1e-6 * max(map(abs, alphas)):
            break
        basis.append(w / betas[-1])
    return alphas, betas, torch.stack(basis[: len(alphas)])


def _truth(loaded: Loaded) -> dict:
    H = product_of(loaded)
    alphas, betas, basis = lanczos(H, start_of(loaded, 0), min(STEPS, basis_limit(loaded)))
    samples = _probes(H, basis.shape[1], 48)
    del H
    _, small = eigh_tridiagonal(alphas, betas[: len(alphas) - 1])
    vectors = basis.T.double() @ torch.from_numpy(small[:, ::-1][:, :COUNT].copy())
    values, bounds = _rayleigh_ritz(product_of(loaded, torch.float64, hold=False), torch.linalg.qr(vectors)[0])
    loaded.model.float()
    return {
        "parameters": basis.shape[1],
        "eigenvalues": values,
        "bounds": bounds,
        "trace": exact_trace(loaded),
        "probes": {"count": len(samples), "mean": float(np.mean(samples)), "deviation": float(np.std(samples, ddof=1))},
        "krylov": {"0": {"alphas": alphas, "betas": betas}},
    }


def basis_limit(loaded: Loaded) -> int:
    """Return the number of parameters, beyond which there is no Krylov space."""
    return sum(each.numel() for each in loaded.model.parameters())


def _probes(H: Product, size: int, count: int) -> list[float]:
    """Return z'Hz for vectors of random signs."""
    generator = torch.Generator().manual_seed(1)
    signs = (2.0 * torch.randint(0, 2, (size,), generator=generator) - 1 for _ in range(count))
    return [float(z.double() @ H(z).double()) for z in signs]


def _rayleigh_ritz(H: Product, V: Tensor) -> tuple[list[float], list[float]]:
    """Return eigenvalues, descending, with the Kato-Temple bound r^2 / gap on each."""
    HV = torch.stack([H(v) for v in V.T.contiguous()], dim=1)
    values, rotation = torch.linalg.eigh((V.T @ HV + HV.T @ V) / 2)
    residuals = (HV @ rotation - V @ rotation * values).norm(dim=0).flip(0).numpy()
    values = values.flip(0).numpy()
    gaps = np.abs(np.diff(values))
    gaps = np.minimum(np.append(gaps, gaps[-1]), np.insert(gaps, 0, gaps[0]))
    return values.tolist(), np.minimum(residuals, residuals**2 / gaps).tolist()


def exact_trace(loaded: Loaded) -> float:
    r"""Return $\frac1N\sum_i\sum_c |J_i^\top \sqrt{p_c}(e_c - p)|^2$, J the Jacobian of one example's outputs."""
    parameters = {name: each.detach() for name, each in loaded.model.named_parameters()}
    buffers = dict(loaded.model.named_buffers())

    def of_example(x: Tensor) -> Tensor:
        outputs, pull = vjp(lambda theta: functional_call(loaded.model, (theta, buffers), (x[None],))[0], parameters)
        p = outputs.softmax(0)
        columns = p.sqrt()[:, None] * (torch.eye(len(p)) - p)
        squares = [sum(each.square().sum() for each in pull(column)[0].values()) for column in columns]
        return torch.stack(squares).sum()

    parts = [vmap(of_example)(chunk).double().sum() for chunk in loaded.x.split(20)]
    return float(sum(parts)) / len(loaded.x)


def _write(path: Path, known: dict) -> None:
    path.with_suffix(".part").write_text(json.dumps(known))
    path.with_suffix(".part").replace(path)
