"""The page on GPUs, written from what has been measured: nothing in it is typed by hand."""

from typing import Any

INTRODUCTION = """\
# On a GPU

Written by `python experiments/gpu/run.py` (`table`: again, from `experiments/gpu/results.json`).

## What holds by test

Of these no figure is needed, and each is tested without a GPU (`tests/core/test_waiting.py`, `test_full_precision.py`):

- Nothing in a product of Hessian, Gauss-Newton or Fisher makes the program wait for the device, on held batches or from
  scratch: no number is read, no size depends on numbers, nothing is copied back. The first product of an operator is
  different: it chooses how to compute, by trying and timing, and holds what fits. Batches that a loader yields on the
  CPU are copied in every pass; examples in memory are moved once, if they take a quarter of the GPU's free memory or
  less.
- On a GPU, where all batches are held, the eighth product waits: it tries whether starting kernels is most of what a
  product takes, and if so captures it; later ones are replays of the same kernels (`HeldBatches.replays`). It is the
  longest of the calls below, and in the mean waits of a Lanczos run.
- Lanczos and power iteration read once a product. Counted, and not held by a test: nine times with a rounded basis,
  four times in densities, up to six in traces; perturbed losses twice a batch.
- A product that is not finite is looked for by the solver that reads it, which names the batch. `H @ v` itself returns
  it as it is on a GPU (on a CPU it raises).
- Products of float32 numbers are computed in float32, whatever PyTorch is set to: TF32 and bfloat16 are off unless
  `Problem(tf32=True)` asks.
- Seeds are drawn on the CPU, so that devices agree to rounding.

## How to measure

```sh
python experiments/gpu/run.py                                 # under ten minutes on an H100; goes on where it stopped
python -m pytest --device cuda -m device                      # the tests that compute on a device, alone
python experiments/gpu/run.py --smoke --device cpu --out DIR  # a trial of the script without a GPU
```

It measures the device's matrix rate (float32, TF32, bfloat16) and bytes a second; products and gradients on ResNet-18
at batch 1,024 (32x32 and 224x224; half as many where memory is short) with the operations that PyTorch counts, over
that rate, and the kernels that take the time; waits for the device (as PyTorch's own debug mode reports them);
eigenvalues in reduced precision; compilation, captured graphs and populations for small models; the tests marked
`device`; and the models of `experiments/scaling/`.
"""

NOTHING = """
## Measured

No figure of a GPU has been measured yet: there was none to be had.
"""


def render(results: dict[str, Any]) -> str:
    """Return the page."""
    devices = {name: each for name, each in results.items() if each["machine"]["cuda"] and each["machine"]["memory"]}
    others = {name: each for name, each in results.items() if name not in devices}
    text = INTRODUCTION + ("" if devices else NOTHING)
    for name, each in devices.items():
        machine = each["machine"]
        text += f"\n## Measured: {name}\n\nCUDA {machine['cuda']}, cuDNN {machine['cudnn']}, "
        text += f"{machine['memory'] / 2**30:.0f} GiB, {machine['multiprocessors']} multiprocessors.\n"
        text += _sections(each["parts"])
    for name, each in others.items():
        text += f"\n## On a CPU: {name}\n"
        text += _sections(each["parts"])
    return text


def _sections(parts: dict[str, Any]) -> str:
    text = ""
    for name in (each for each in _RENDER if each in parts):
        part = parts[name]
        if "error" in part:
            text += f"\n### {name}\n\nNot measured: {part['error']}\n"
        else:
            text += _RENDER[name](name, part, parts)
    return text


def _table(head: str, rows: list[str]) -> str:
    columns = head.count("|") + 1
    lines = [f"| {head} |", "|---" + "|---:" * (columns - 1) + "|", *(f"| {each} |" for each in rows)]
    return "\n" + "\n".join(lines) + "\n"


def _rates(name: str, part: dict[str, Any], parts: dict[str, Any]) -> str:
    rows = [f"{kind} | {part[kind] / 1e12:.3g} Tflop/s" for kind in ("float32", "tf32", "bfloat16")]
    rows.append(f"bytes copied (read and written) | {part['bytes'] / 1e9:,.4g} GB/s")
    return f"\n### What the device does at best\n\nMatrices of {part['size']:,}.\n" + _table("what | rate", rows)


def _products(name: str, part: dict[str, Any], parts: dict[str, Any]) -> str:
    best = parts.get("rates", {}).get("float32")
    rows = []
    for what in ("gradient", "hessian", "gauss_newton"):
        row = part[what]
        rate = row["operations"] / row["median"]
        share = f"{rate / best:.0%}" if best else "-"
        rows.append(
            f"{what.replace('_', '-')} | {1e3 * row['median']:,.4g} ({1e3 * row['least']:,.4g} to "
            f"{1e3 * row['most']:,.4g}) | {row['operations'] / 1e9:,.4g} | {rate / 1e12:.3g} | {share} | "
            f"{'held' if row.get('held') else 'from scratch'}"
        )
    text = f"\n### {name}: batch {part['batch']:,}, {part['side']}x{part['side']}, {part['parameters']:,} parameters\n"
    text += _table("what | ms | Gflop | Tflop/s | of the float32 rate | graph", rows)
    bounds = part["hessian"]["bounds"]
    share = sum(each["share"] for each in bounds if each["kind"] in ("convolutions", "matrix products"))
    text += (
        f"\nWhat the Hessian product's time goes into: {share:.0%} of it are convolutions, which cuDNN computes as "
        "matrix products and Fourier transforms too. Against the rate of large matrices they bound it.\n"
    )
    rows = [
        f"{each['kind']} | {each['share']:.0%} | {1e3 * each['seconds']:.3g} | {each['calls']:,} | `{each['slowest']}`"
        for each in bounds
    ]
    return text + _table("kernels | share | ms | calls | slowest", rows)


def _waits(name: str, part: dict[str, Any], parts: dict[str, Any]) -> str:
    if not part["counted"]:
        return ""
    rows = [f"product: {what} | {count}" for what, count in part["products"].items()]
    rows += [f"a product of {what} | {count:.1f}" for what, count in part["solvers"].items()]
    return "\n### Waits for the device\n" + _table("what | waits", rows)


def _precision(name: str, part: dict[str, Any], parts: dict[str, Any]) -> str:
    model = {"precision-digits-cnn": "a small CNN", "precision-resnet20": "ResNet-20"}[name]
    text = (
        f"\n### Precision: {model} on digits\n\n{part['examples']:,} examples, training loss {part['train_loss']:.3g}; "
    )
    text += "relative error of the largest eigenvalues against float64 ("
    text += ", ".join(f"{each:.6g}" for each in part["float64"]) + ").\n"
    rows = []
    for way, errors in part["errors"].items():
        said = errors if isinstance(errors, str) else " | ".join(f"{each:.1e}" for each in errors)
        rows.append(f"{way} | {said}" + " | " * (2 * isinstance(errors, str)))
    return text + _table("factors of products | first | second | third", rows)


def _compared(name: str, part: dict[str, Any], parts: dict[str, Any]) -> str:
    cases = {name: part} if "ways" in part else {f"{name}, {key}": value for key, value in _models(part)}
    rows = []
    for case, found in cases.items():
        ways = found["ways"]
        first = next(iter(ways.values())).get("median")
        for way, each in ways.items():
            if "error" in each:
                rows.append(f"{case}: {way} | {each['error']} | |")
            else:
                ratio = first / each["median"] if first else float("nan")
                rows.append(f"{case}: {way} | {1e3 * each['median']:.4g} | {ratio:.2f} | {each['apart']:.0e}")
    return f"\n### {name}\n" + _table("way | ms | times as fast | result apart", rows)


def _models(part: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(key, value) for key, value in part.items() if isinstance(value, dict)]


def _suite(name: str, part: dict[str, Any], parts: dict[str, Any]) -> str:
    text = f"\n### Tests on the device\n\n`{part['summary'].strip('= ')}`\n"
    return text + "".join(f"- {each}\n" for each in part["failures"])


def _scaling(name: str, part: dict[str, Any], parts: dict[str, Any]) -> str:
    rows = []
    for case, row in part.get("rows", {}).items():
        seconds = row["rounds"][0]["product_wall"]
        top = row.get("top_eigenvalue")
        value = f"{top['value']:.5g} (residual {top['residual']:.1e})" if top else "-"
        rows.append(f"{case} | {row['parameters']:,} | {seconds:.3g} | {value}")
    return "\n### Large models\n" + _table("model | parameters | s a product | top eigenvalue", rows) if rows else ""


_RENDER = {
    "rates": _rates,
    "resnet18-32": _products,
    "resnet18-224": _products,
    "waits": _waits,
    "precision-digits-cnn": _precision,
    "precision-resnet20": _precision,
    "surfaces": _compared,
    "populations": _compared,
    "small-products": _compared,
    "suite": _suite,
    "scaling": _scaling,
}
