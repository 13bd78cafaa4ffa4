"""The window: what stands still while it is judged, and single accounts as they are now."""

from pathlib import Path

import numpy as np
import pytest

from stillwatch.profiles.fields import NO_SHINGLE
from stillwatch.profiles.merge import as_bytes
from stillwatch.profiles.table import ProfileTable
from stillwatch.watch.interface import Bounds
from stillwatch.watch.state import State
from stillwatch.watch.window import Window
from tests.profiling import families, profiled
from tests.support import event


@pytest.fixture
def window(tmp_path: Path) -> Window:
    return Window(families().names, State(tmp_path / "state", Bounds()))


def table(first: int, stop: int, accounts: int) -> ProfileTable:
    """Events ``first`` to ``stop`` of some accounts."""
    return profiled(
        [event(n, account_id=f"a{n % accounts:02}", prompt=f"say {n} words of {n % 7}")
         for n in range(first, stop)]
    )  # fmt: skip


def test_accounts_that_come_while_a_judgement_runs_are_counted(window: Window) -> None:
    window.add([table(0, 8, 4)], dropped=False)
    window.sort()
    window.still = True
    window.add([table(8, 20, 6)], dropped=False)
    window.add([table(20, 30, 6)], dropped=False)
    assert len(window.table) == 4
    assert len(window) == 6
    window.still = False
    window.prepare()
    assert len(window) == len(window.table) == 6


@pytest.mark.parametrize("still", [False, True])
def test_accounts_are_as_all_that_came_makes_them(window: Window, still: bool) -> None:
    window.add([table(0, 40, 5)], dropped=False)
    window.sort()
    window.still = still
    window.add([table(40, 90, 9)], dropped=False)
    whole = table(0, 40, 5)
    whole.merge(table(40, 90, 9))
    ids = ["a07", "a01", "a04"]
    rows = [whole.account_ids.index(name) for name in ids]
    np.testing.assert_array_equal(as_bytes(window.current(ids)), as_bytes(whole.profiles)[rows])


def test_a_copy_does_not_change_with_the_window(window: Window) -> None:
    window.add([table(0, 40, 5)], dropped=False)
    before = window.current(["a01"])
    window.add([table(40, 80, 5)], dropped=False)
    assert before["events"][0] == 8
    assert window.current(["a01"])["events"][0] == 16


def test_who_holds_a_shingle_is_told_once_wherever_it_stands(window: Window) -> None:
    window.add([table(0, 40, 5)], dropped=False)
    window.sort()
    window.still = True
    window.add([table(40, 90, 9)], dropped=False)
    shingles = window.current(["a01"])["sample_shingles"][0, 0]
    keys = np.unique(shingles[shingles != NO_SHINGLE])[-1:]
    ids, who, which = window.holding(keys)
    assert len(set(ids)) == len(ids)
    assert len({*zip(who.tolist(), which.tolist(), strict=True)}) == who.size
    expected = {
        name
        for name in {*window.table.account_ids, "a05", "a06", "a07", "a08"}
        if (window.current([name])["sample_shingles"] == keys[0]).any()
    }
    assert {ids[row] for row in who.tolist()} == expected
    assert "a01" in expected
