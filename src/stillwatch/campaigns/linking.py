"""Linking: from profiles to the streams that carry scaffolds, and what groups of them are like.

Two linkers give the same: ``KERNELS`` here, on the profiles of this process; ``campaigns.spark`` on the
executors that made them. What is tested afterwards cannot tell which it was.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.carriers import carried
from stillwatch.campaigns.cluster import scaffolds
from stillwatch.campaigns.cohesion import cohesion
from stillwatch.campaigns.phrases import phrases_of
from stillwatch.campaigns.streams import Ints, Streams, streams_of
from stillwatch.profiles.merge import Profiles

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Linked:
    """Streams that carry scaffolds, and the scaffolds."""

    streams: Streams
    scaffold: Ints
    """Scaffold of each stream."""
    keys: npt.NDArray[np.uint32]
    """Phrases, ascending: at least those that are part of a scaffold."""
    labels: Ints
    """Scaffolds of each phrase by level, -1 for none, see ``cluster.scaffolds``."""


class Linker(Protocol):
    """Links the accounts of one table."""

    def carried(self, profiles: Profiles, usable: npt.NDArray[np.bool_]) -> Linked:
        """The streams of ``usable`` accounts that carry scaffolds, and the scaffold of each."""

    def figures(
        self, profiles: Profiles, streams: Streams, groups: list[Ints], tactic_mask: int
    ) -> Floats:
        """What ``cohesion`` measures on each group of streams."""


class Kernels:
    """Links in this process."""

    def carried(self, profiles: Profiles, usable: npt.NDArray[np.bool_]) -> Linked:
        """The streams of ``usable`` accounts that carry scaffolds, and the scaffold of each."""
        phrases = phrases_of(streams_of(profiles), usable)
        labels = scaffolds(phrases)
        return Linked(*carried(profiles, phrases.keys, labels, usable), phrases.keys, labels)

    def figures(
        self, profiles: Profiles, streams: Streams, groups: list[Ints], tactic_mask: int
    ) -> Floats:
        """What ``cohesion`` measures on each group of streams."""
        return cohesion(profiles, streams, groups, tactic_mask)


KERNELS = Kernels()
