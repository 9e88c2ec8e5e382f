"""What `landscape track` costs beside the training that it follows: ResNet-20 on CIFAR-10, one stop an epoch.

    LANDSCAPE_DATA=DIR python experiments/cost_of_following.py                       # hours on one core
    LANDSCAPE_DATA=DIR python experiments/cost_of_following.py --examples 64 --gap 5 # minutes

Trains with batches of 128 and measures every so many steps. An epoch of 50,000 images is 391 steps; a stop on 2,048
examples costs 2,048 / N times one on N, for all of it is passes over the examples. Time is the processor's, of one
thread. Writes ``figures/cost_of_following/numbers.json`` and ``table.md``.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from landscape.data import load_dataset
from landscape.losses import cross_entropy
from landscape.models import build_model
from landscape.problem import Problem
from landscape.study.environment import processor
from landscape.tracking import Followed, TrackSettings, follow
from landscape.training import TrainingConfig
from landscape.training.prepare import prepare_run

FOLDER = Path(__file__).resolve().parents[1] / "figures" / "cost_of_following"
EPOCH, MEASURED = 391, 2048


def main() -> None:
    """Follow a short training with each tolerance, and write what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=MEASURED)
    parser.add_argument("--gap", type=int, default=EPOCH, help="steps between two stops")
    parser.add_argument("--stops", type=int, default=3)
    parser.add_argument("--batches", type=int, default=0, help="mini-batches of batch sharpness")
    parser.add_argument("--rtol", type=float, nargs="+", default=[0.01, 0.1])
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = {"processor": processor(), "torch": torch.__version__, **vars(options), "runs": []}
    FOLDER.mkdir(parents=True, exist_ok=True)
    for rtol in options.rtol:
        results["runs"].append({"rtol": rtol, **_followed(options, rtol)})
        print(results["runs"][-1], flush=True)
        (FOLDER / "numbers.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        (FOLDER / "table.md").write_text(render(results), encoding="utf-8")


def _followed(options: argparse.Namespace, rtol: float) -> dict:
    """Return seconds of a training step, and seconds and products of each stop."""
    steps = options.gap * (options.stops - 1)
    data = load_dataset("cifar10", train_examples=max(128 * (steps + 1), 1280))
    config = TrainingConfig("sgd", 0.1, batch_size=128, steps=steps)
    networks = [build_model("resnet20", data.input_shape, 10, seed=0) for _ in range(2)]
    run = prepare_run(networks[0], cross_entropy, data, config, device=torch.device("cpu"), dtype=torch.float32)
    examples = tuple(each[: options.examples] for each in data.train)
    problem = Problem(networks[1], cross_entropy, examples)
    settings = TrackSettings(options.gap, rtol=rtol, batches=options.batches)
    rows = list(follow(run, problem, settings, Followed(), clock=time.process_time))
    spent = [row.seconds_measuring for row in rows]
    return {
        "seconds_per_step": rows[-1].seconds_training / steps,
        "seconds_of_stops": [b - a for a, b in zip([0.0, *spent], spent, strict=False)],
        "matvecs": [row.matvecs for row in rows],
        "top_eigenvalues": [row.top_eigenvalue for row in rows],
        "bounds": [row.top_eigenvalue_bound for row in rows],
        "parameters": problem.num_parameters,
    }


def render(results: dict) -> str:
    """Return the table as Markdown."""
    lines = [
        f"ResNet-20 on CIFAR-10, {results['processor']}, one thread, the processor's seconds. Stops on "
        f"{results['examples']:,} examples every {results['gap']} steps of 128, taken to {MEASURED:,} examples every "
        f"{EPOCH} steps (an epoch), with {results['batches'] or 'no'} batches of batch sharpness. The first stop is "
        f"cold and left out.\n",
        "| residual at which an eigenvalue is good enough | products a stop | of them, first (cold) stop | "
        "a stop, in training steps | share of an epoch's training |",
        "|---:|---:|---:|---:|---:|",
    ]
    for run in results["runs"]:
        stop = statistics.median(run["seconds_of_stops"][1:]) * MEASURED / results["examples"]
        steps = stop / run["seconds_per_step"]
        lines.append(
            f"| {run['rtol']:g} | {statistics.median(run['matvecs'][1:]):g} | {run['matvecs'][0]} | {steps:.0f} | "
            f"{steps / EPOCH:.0%} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
