"""From what was noted of a forward pass to the network's neurons."""

import numpy as np

from landscape.symmetries.labels import EMPTY, Labels
from landscape.symmetries.neurons import Neurons, ParameterScales, Place
from landscape.symmetries.notes import Notes


def gathered(notes: Notes, outputs: Labels | None) -> Neurons:
    """Return the neurons, every label by the name of its set.

    Args:
        notes: Of a forward pass.
        outputs: Labels of what the network gave.
    """
    if outputs is not None:
        kept = outputs.neuron[outputs.neuron != EMPTY].numpy()
        notes.neuron_sets.join(kept, np.zeros_like(kept))
    names, neurons = notes.scale_sets.names(), notes.neuron_sets.names()
    of_outputs = np.array([], int) if outputs is None else np.unique(names[outputs.scale[outputs.scale != EMPTY]])
    held = set(of_outputs.tolist()) | {0}
    places = tuple(
        Place(each.parameter, each.buffer, each.axis, np.where(each.labels == EMPTY, 0, neurons[each.labels]))
        for each in notes.places
    )
    return Neurons(
        count=len(names),
        scales={index: ParameterScales(names[each.up], names[each.down]) for index, each in notes.scales.items()},
        groups=_groups(notes, names, held),
        outputs=np.array([], int) if 0 in of_outputs else of_outputs,
        places=places,
        interchangeable=_interchangeable(places),
        normalized=tuple(notes.normalized),
        fixed=tuple(dict.fromkeys(notes.fixed)),
    )


def _groups(notes: Notes, names: np.ndarray, held: set[int]) -> tuple[np.ndarray, ...]:
    """Return the free labels that each layer was the first to make."""
    groups, seen = [], set(held)
    for made in notes.made:
        own = np.array([each for each in np.unique(names[made]).tolist() if each not in seen], int)
        seen |= set(own.tolist())
        if len(own):
            groups.append(own)
    return tuple(groups)


def _interchangeable(places: tuple[Place, ...]) -> tuple[np.ndarray, ...]:
    """Return groups of neurons that lie along the same axes, each as often."""
    where: dict[int, list[tuple[int, int]]] = {}
    for number, place in enumerate(places):
        for label, count in zip(*np.unique(place.labels, return_counts=True), strict=True):
            if label:
                where.setdefault(int(label), []).append((number, int(count)))
    groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for label, found in where.items():
        groups.setdefault(tuple(found), []).append(label)
    return tuple(np.array(each) for each in groups.values() if len(each) > 1)
