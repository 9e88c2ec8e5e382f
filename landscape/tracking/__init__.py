"""Curvature along training against the edge of stability of the optimizer in use."""

from landscape.tracking.edge import Edge, edge_of_stability
from landscape.tracking.follow import Followed, follow
from landscape.tracking.row import TrackRow
from landscape.tracking.settings import TrackSettings

__all__ = ["Edge", "Followed", "TrackRow", "TrackSettings", "edge_of_stability", "follow"]
