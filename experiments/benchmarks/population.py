"""Measure what training many runs as one batched model saves, beside training them one by one.

    python experiments/benchmarks/population.py           # some minutes on one core

Writes ``population.json`` beside this file and ``docs/population.md``.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import time
from pathlib import Path

import torch

from landscape.data import load_dataset
from landscape.losses import cross_entropy
from landscape.models import build_model
from landscape.study.environment import processor
from landscape.training import TrainingConfig, train
from landscape.training.population import MOST_WORK, train_population
from landscape.training.step_work import step_work

HERE = Path(__file__).resolve().parent
RATES = {"sgd": (0.01, 0.02, 0.05, 0.1), "adam": (5e-4, 1e-3, 2e-3, 5e-3)}
MEMBERS = 32
CASES = (
    ("cnn", {}, "sgd", 64, 16),
    ("cnn", {}, "adam", 64, 16),
    ("mlp", {}, "sgd", 64, 16),
    ("mlp", {}, "adam", 64, 16),
    ("cnn", {}, "sgd", 16, 16),
    ("mlp", {}, "sgd", 16, 16),
    ("mlp", {}, "sgd", None, 2),
    ("mlp", {"widths": "400,400"}, "sgd", 64, 6),
    ("mlp", {"widths": "400,400"}, "sgd", 256, 3),
    ("cnn", {"channels": "32,64"}, "sgd", 64, 4),
)
"""Network, its options, optimizer, examples and number of the steps of each run."""


def main() -> None:
    """Train every case both ways, in rounds, and write results and page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "population.json")
    parser.add_argument("--page", type=Path, default=HERE.parents[1] / "docs" / "population.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = {"machine": _machine(), "rounds": options.rounds, "members": MEMBERS, "cases": []}
    for case in CASES:
        results["cases"].append(_case(*case, options.rounds))
        print(results["cases"][-1], flush=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        options.page.write_text(render(results), encoding="utf-8")


def _case(name: str, model: dict, optimizer: str, batch: int | None, steps: int, rounds: int) -> dict:
    """Return the seconds of both ways in each round: the processor's, with data, evaluations and all."""
    digits = load_dataset("digits", train_examples=1024)
    seeds = range(MEMBERS // len(RATES[optimizer]))
    configs = [
        TrainingConfig(optimizer, lr, batch_size=batch, steps=steps, seed=seed)
        for seed, lr in itertools.product(seeds, RATES[optimizer])
    ]

    def networks() -> list[torch.nn.Module]:
        return [build_model(name, digits.input_shape, 10, options=model, seed=config.seed) for config in configs]

    def one_by_one() -> list[float]:
        pairs = zip(networks(), configs, strict=True)
        return [train(each, cross_entropy, digits, config, device="cpu").end.train_loss for each, config in pairs]

    def together() -> list[float]:
        found = train_population(networks(), cross_entropy, digits, configs, device="cpu")
        return [each.end.train_loss for each in found]

    seconds: dict[str, list[float]] = {"one_by_one": [], "together": []}
    losses = {}
    for number in range(rounds + 1):
        for way, work in (("one_by_one", one_by_one), ("together", together)):
            start = time.process_time()
            losses[way] = work()
            if number:  # the first round starts things up
                seconds[way].append(time.process_time() - start)
    example = networks()[0]
    apart = max(abs(a - b) / a for a, b in zip(losses["one_by_one"], losses["together"], strict=True))
    return {
        "model": name,
        "model_option": model,
        "optimizer": optimizer,
        "batch_size": batch or len(digits.train[0]),
        "parameters": sum(each.numel() for each in example.parameters()),
        "step_work": step_work(example, digits.train[0][:1], batch or len(digits.train[0])),
        "steps": configs[0].steps,
        "seconds": seconds,
        "largest_relative_difference_of_the_loss": apart,
    }


def _machine() -> dict:
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def render(results: dict) -> str:
    """Return the page as Markdown."""
    machine = results["machine"]
    lines = [
        "# Many small runs at once\n",
        "Written by `python experiments/benchmarks/population.py` from `experiments/benchmarks/population.json`.\n",
        f"`landscape analyze --population auto` trains the seeds and learning rates of one optimizer and architecture "
        f"as one batched model where a step's forward pass of one network takes at most {MOST_WORK / 1e6:g} million "
        f"operations (multiplications and additions), and one by one elsewhere; `on` and `off` decide otherwise. The "
        f"runs are the same to rounding.\n",
        f"{results['members']} short runs on digits (1,024 training examples), on {machine['processor']}, one "
        f"thread, PyTorch {machine['torch']}; both evaluations are in the time, which is the processor's. The ratio is "
        f"that of one by one to together within a round: the median of {results['rounds']} rounds, and the range.\n",
        "| network | parameters | optimizer | batch | steps | operations a step | ms a run's step, one by one | "
        "together | ratio | range | `auto` |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---|",
        *(_row(case, results["members"]) for case in results["cases"]),
        "",
        "Measured on a CPU only. What is saved is the cost of calls: small matrices are multiplied many at a time. "
        "Networks with BatchNorm or dropout, optimizers that do not step each number by itself (Muon, SAM, L-BFGS, "
        "Shampoo, SOAP), mixed precision and compiled networks are trained one by one.",
    ]
    return "\n".join(lines) + "\n"


def _row(case: dict, members: int) -> str:
    alone, together = case["seconds"]["one_by_one"], case["seconds"]["together"]
    ratios = [a / b for a, b in zip(alone, together, strict=True)]
    option = " ".join(f"{key}={value}" for key, value in case["model_option"].items())
    per_step = [1000 * statistics.median(each) / members / case["steps"] for each in (alone, together)]
    return (
        f"| {' '.join([case['model'], option]).strip()} | {case['parameters']:,} | {case['optimizer']} | "
        f"{case['batch_size']:,} | {case['steps']} | {case['step_work'] / 1e6:.2f} M | "
        f"{per_step[0]:.2f} | {per_step[1]:.2f} | "
        f"**{statistics.median(ratios):.1f}** | {min(ratios):.1f} to {max(ratios):.1f} | "
        f"{'together' if case['step_work'] <= MOST_WORK else 'one by one'} |"
    )


if __name__ == "__main__":
    main()
