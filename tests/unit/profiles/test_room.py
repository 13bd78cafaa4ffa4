"""Room: growth keeps what is there, whoever looks on."""

import numpy as np
import pytest

from stillwatch.profiles.room import Room


@pytest.mark.parametrize("watched", [False, True])
def test_growth_keeps_the_used_part_and_adds_zeros(watched: bool) -> None:
    room = Room(np.int64, 1000)
    room.array[:] = np.arange(1000)
    view = room.array[:10] if watched else None
    room.grow(100_000, 1000)
    assert room.array.size == 100_000
    assert room.array[:1000].tolist() == list(range(1000))
    assert not room.array[1000:].any()
    if view is not None:
        assert view.tolist() == list(range(10))


def test_grown_room_can_be_written() -> None:
    room = Room(np.uint8, 1)
    room.grow(1 << 20, 1)
    room.array[:] = 7
    assert room.array.min() == 7
