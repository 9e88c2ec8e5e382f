"""Whether minima that were trained in mixed precision or through torch.compile are as sharp as the others.

python experiments/mixed_precision.py [--seeds N]     (a minute or two)

Trains the CNN and the MLP on digits in float32, with ``--amp bf16`` and with ``--compile``, from the same weights and
in the same order, and measures the end of each in float32. Writes ``figures/mixed_precision/numbers.json`` and
``table.md``: the ratio to the float32 run of the same seed, its geometric mean and 95 % interval over seeds (t).
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from scipy import stats

import landscape
from landscape.data import load_dataset
from landscape.losses import cross_entropy
from landscape.models import build_model
from landscape.training import TrainingConfig, train

FOLDER = Path(__file__).resolve().parents[1] / "figures" / "mixed_precision"
WAYS = {"float32": {}, "bf16": {"amp": "bf16"}, "compile": {"compile": True}}
MEASURES = ("top_eigenvalue", "trace")
NETWORKS = ("cnn", "mlp")


def main() -> None:
    """Train and measure every network every way, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    torch.set_num_threads(1)
    results: dict = {"torch": torch.__version__, "seeds": len(seeds), "runs": []}
    FOLDER.mkdir(parents=True, exist_ok=True)
    for network in NETWORKS:
        for seed in seeds:
            for way, options in WAYS.items():
                results["runs"].append({"network": network, "seed": seed, "way": way, **_run(network, seed, options)})
                print(results["runs"][-1], flush=True)
    (FOLDER / "numbers.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (FOLDER / "table.md").write_text(render(results), encoding="utf-8")


def _run(network: str, seed: int, options: dict) -> dict:
    digits = load_dataset("digits", train_examples=500)
    model = build_model(network, digits.input_shape, 10, seed=seed)
    config = TrainingConfig("sgd", 0.02, epochs=20, seed=seed, **options)
    result = train(model, cross_entropy, digits, config, device="cpu")
    found = landscape.measure(model, "cross_entropy", digits.train, MEASURES, seed=seed)
    measured = {name: {"value": found[name].value, "error": found[name].error} for name in MEASURES}
    return {"train_loss": result.end.train_loss, **measured}


def render(results: dict) -> str:
    """Return the table as Markdown."""
    lines = [
        f"SGD (0.9) at 0.02 for 20 epochs on 500 digits, PyTorch {results['torch']}; the minimum at the end, measured "
        f"in float32. Ratio to the float32 run of the same seed: geometric mean over {results['seeds']} seeds with its "
        f"95 % interval (t).\n",
        "| network | trained with | top eigenvalue | trace | training loss |",
        "|---|---|---:|---:|---:|",
    ]
    for network in NETWORKS:
        for way in ("bf16", "compile"):
            cells = [_ratio(results, network, way, name) for name in (*MEASURES, "train_loss")]
            lines.append(f"| {network} | {way} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _ratio(results: dict, network: str, way: str, name: str) -> str:
    def values(wanted: str) -> np.ndarray:
        rows = [row[name] for row in results["runs"] if (row["network"], row["way"]) == (network, wanted)]
        return np.array([row["value"] if isinstance(row, dict) else row for row in rows])

    logs = np.log(values(way) / values("float32"))
    half = float(stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs)))
    low, middle, high = (math.exp(logs.mean() + shift) for shift in (-half, 0.0, half))
    return f"{middle:.4f} ({low:.4f} to {high:.4f})"


if __name__ == "__main__":
    main()
