"""Streams for tests, made by hand: one stream per account, with the skeletons given."""

import numpy as np

from stillwatch.campaigns.streams import Streams


def made(skeletons: list[list[int]]) -> Streams:
    """Stream i belongs to account i, has no events, and holds ``skeletons[i]`` in every prompt."""
    sizes = [len(keys) for keys in skeletons]
    keys = [sorted(keys) for keys in skeletons]
    flat = np.array([key for own in keys for key in own], dtype=np.uint32)
    _, which, holders = np.unique(flat, return_inverse=True, return_counts=True)
    return Streams(
        owner=np.arange(len(skeletons)),
        event_starts=np.zeros(len(skeletons) + 1, dtype=np.int64),
        slots=np.empty(0, dtype=np.int64),
        key_starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        keys=flat,
        shares=np.ones(sum(sizes)),
        holders=holders[which].astype(np.int64),
    )
