"""Linking: from profiles to the streams that carry scaffolds, and what groups of them are like.

Two linkers give the same: ``KERNELS`` here, on the profiles of this process; ``campaigns.spark`` on the
executors that made them. What is tested afterwards cannot tell which it was.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.carriers import carried
from stillwatch.campaigns.cluster import scaffolds
from stillwatch.campaigns.cohesion import cohesion
from stillwatch.campaigns.phrases import phrases_of
from stillwatch.campaigns.streams import Ints, Streams, streams_of
from stillwatch.profiles.merge import Profiles

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Floats = npt.NDArray[np.float64]


class Linker(Protocol):
    """Links the accounts of one table."""

    def carried(self, profiles: Profiles, usable: npt.NDArray[np.bool_]) -> tuple[Streams, Ints]:
        """The streams of ``usable`` accounts that carry scaffolds, and the scaffold of each."""

    def figures(
        self, profiles: Profiles, streams: Streams, groups: list[Ints], tactic_mask: int
    ) -> Floats:
        """What ``cohesion`` measures on each group of streams."""


class Kernels:
    """Links in this process."""

    def carried(self, profiles: Profiles, usable: npt.NDArray[np.bool_]) -> tuple[Streams, Ints]:
        """The streams of ``usable`` accounts that carry scaffolds, and the scaffold of each."""
        phrases = phrases_of(streams_of(profiles), usable)
        return carried(profiles, phrases.keys, scaffolds(phrases), usable)

    def figures(
        self, profiles: Profiles, streams: Streams, groups: list[Ints], tactic_mask: int
    ) -> Floats:
        """What ``cohesion`` measures on each group of streams."""
        return cohesion(profiles, streams, groups, tactic_mask)


KERNELS = Kernels()


def linker_of(home: "DataFrame | None", account_ids: Sequence[str]) -> Linker:
    """What links a table of profiles: the executors whose ``home`` holds just these, or kernels."""
    if home is None:
        return KERNELS
    from stillwatch.campaigns.spark.linker import SparkLinker  # noqa: PLC0415 - an optional extra

    return SparkLinker(home, account_ids)
