"""Labels that turn out to mean the same thing."""

import numpy as np


class DisjointSets:
    """Labels 0, 1, 2 ... in sets that can be joined; the set of 0 keeps the name 0.

    Each set is named by its smallest label.
    """

    def __init__(self) -> None:
        self._parents = [0]

    def new(self, count: int) -> np.ndarray:
        """Return ``count`` new labels, each a set of its own."""
        start = len(self._parents)
        self._parents += range(start, start + count)
        return np.arange(start, start + count)

    def find(self, label: int) -> int:
        """Return the name of the set of a label."""
        root = label
        while self._parents[root] != root:
            root = self._parents[root]
        while self._parents[label] != root:
            self._parents[label], label = root, self._parents[label]
        return root

    def join(self, first: np.ndarray, second: np.ndarray) -> None:
        """Join the sets of two arrays of labels, element by element."""
        pairs = np.unique(np.stack([np.ravel(first), np.ravel(second)]), axis=1)
        for a, b in pairs.T.tolist():
            low, high = sorted((self.find(a), self.find(b)))
            self._parents[high] = low

    def names(self) -> np.ndarray:
        """Return the name of the set of every label, shape ``(labels,)``."""
        return np.array([self.find(label) for label in range(len(self._parents))])
