"""The watcher as a whole: whatever happens on the way, the same profiles come of the same log."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stillwatch.config import Config
from stillwatch.errors import InputError, TooManyBadRows
from stillwatch.pipeline import detect
from stillwatch.report.result import read_result
from stillwatch.watch.interface import Bounds
from stillwatch.watch.service import Pace
from tests.logfiles import requests_of, write_jsonl
from tests.watching import (
    SMALL,
    Dying,
    Full,
    Killed,
    Told,
    at_once,
    lines,
    prepared,
    reading,
    stored,
)

FEW = Bounds(block_bytes=2000, fresh=5)


def follow(inputs: Sequence[Path], folder: Path, after: int = 0, **more: object) -> Told:
    """Read what is there and judge it; ``after`` so many checkpoints it is stopped."""
    told = Told(after)
    prepared(inputs, folder, told, **more).run(told.stop)  # type: ignore[arg-type]
    return told


def read(inputs: Sequence[Path], folder: Path, after: int = 0, **more: object) -> Told:
    """The same without judging."""
    told = Told(after)
    reading(inputs, folder, told, **more).run(told.stop)  # type: ignore[arg-type]
    return told


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "requests.jsonl", requests_of(12, 20))


def test_once_reads_judges_and_ends(log: Path, tmp_path: Path) -> None:
    told = follow([log], tmp_path / "state", out=tmp_path / "out")
    assert stored(tmp_path / "state") == at_once([log])
    assert told.last("ended")["read"] == 240
    assert told.last("judged")["accounts"] == 12
    assert read_result(tmp_path / "out").summary.events == 240
    again = follow([log], tmp_path / "state", out=tmp_path / "out")
    assert again.last("ended")["read"] == 240
    assert again.last("judged")["events"] == 240  # judged again, read once


def test_stopped_at_every_checkpoint(log: Path, tmp_path: Path) -> None:
    stops = 0
    while True:
        told = follow([log], tmp_path / "state", after=1, bounds=FEW)
        if "judged" in told.names:
            break
        stops += 1
    assert stops > 5
    assert stored(tmp_path / "state") == at_once([log])


@pytest.mark.parametrize("half", [False, True])
def test_killed_at_every_act_upon_the_disk(tmp_path: Path, half: bool) -> None:
    """A kill at each act of a run, in its middle or after it; then a run to the end."""
    log = tmp_path / "requests.jsonl"
    log.write_bytes(lines(0, 20) + b"{broken\n" + lines(20, 45))
    whole, at = at_once([log]), 0
    bounds = Bounds(block_bytes=700, fresh=3)
    while True:
        at += 1
        state, disk = tmp_path / f"state-{half}-{at}", Dying(at, half=half)
        with suppress(Killed):
            read([log], state, bounds=bounds, disk=disk)
        told = read([log], state, bounds=bounds)
        assert told.last("ended")["read"] == 45
        assert told.last("ended")["bad"] == 1
        assert stored(state) == whole
        assert (state / "quarantine.jsonl").read_bytes().count(b"\n") == 1
        if disk.acts < at:
            break
    assert at >= 12


def test_killed_again_and_again(tmp_path: Path) -> None:
    """Every run is killed some acts after the one before: it still comes to the end."""
    log = tmp_path / "requests.jsonl"
    log.write_bytes(lines(0, 130))
    kills = 0
    while True:
        try:
            read(
                [log], tmp_path / "state",
                bounds=Bounds(block_bytes=700, fresh=3), disk=Dying(5 + kills % 4, half=True),
            )  # fmt: skip
            break
        except Killed:
            kills += 1
    assert kills > 5
    assert stored(tmp_path / "state") == at_once([log])


@settings(
    max_examples=40,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_pieces_files_and_restarts_give_the_same_profiles(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "logs").mkdir()
    whole = lines(0, 80)
    (folder / "whole.jsonl").write_bytes(whole)
    log = folder / "logs" / "requests.jsonl"
    at = rotated = 0
    draw = data.draw
    as_folder = draw(st.booleans())
    inputs = [folder / "logs"] if as_folder else [log]
    log.write_bytes(b"")
    read(inputs, folder / "state")  # what was rotated before is no business of ours
    cuts = draw(st.sets(st.integers(1, len(whole)), max_size=8))
    for cut in [*sorted(cuts), len(whole)]:
        with log.open("ab") as file:
            file.write(whole[at:cut])
        at = cut
        ended = whole[:at].endswith(b"\n")
        if ended and draw(st.booleans()):
            rotated += 1
            log.rename(
                log.with_name(
                    f"requests-{rotated}.jsonl" if as_folder else f"requests.jsonl.{rotated}"
                )
            )
            log.write_bytes(b"")
        if draw(st.booleans()):
            read(inputs, folder / "state", after=draw(st.integers(1, 3)), bounds=SMALL)
    told = read(inputs, folder / "state")
    assert told.last("ended")["read"] == 80
    assert stored(folder / "state") == at_once([folder / "whole.jsonl"])


def test_a_full_disk_stops_the_reading_and_loses_nothing(log: Path, tmp_path: Path) -> None:
    disk = Full(3)
    told = follow([log], tmp_path / "state", disk=disk, pace=Pace(0.01, once=True))
    assert told.names.index("stalled") < told.names.index("resumed")
    assert "No space left" in told.last("stalled")["why"]
    assert told.names.count("stalled") == 1
    assert stored(tmp_path / "state") == at_once([log])


def test_who_is_stopped_with_a_full_disk_is_told(log: Path, tmp_path: Path) -> None:
    told = Told()
    watching = prepared([log], tmp_path / "state", told, disk=Full(99))
    threading.Timer(0.3, told.stop.set).start()
    with pytest.raises(InputError, match="could not be kept"):
        watching.run(told.stop)
    assert follow([log], tmp_path / "state").last("ended")["read"] == 240
    assert stored(tmp_path / "state") == at_once([log])


def test_a_log_that_became_unreadable_ends_the_watch_and_is_read_again(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    log.write_bytes(lines(0, 300) + b'{"id": 1}\n' * 400)
    bounds = Bounds(block_bytes=4000, least_rows=100)
    with pytest.raises(TooManyBadRows, match="count as not read"):
        follow([log], tmp_path / "state", bounds=bounds)
    log.write_bytes(lines(0, 300) + lines(300, 400))
    told = follow([log], tmp_path / "state", bounds=bounds)
    assert told.last("ended")["read"] == 400
    assert stored(tmp_path / "state") == at_once([log])


def test_memory_is_bounded_by_checkpoints(log: Path, tmp_path: Path) -> None:
    told = read([log], tmp_path / "state", bounds=Bounds(block_bytes=900, fresh=5))
    waiting = told.names.count("checkpoint")
    assert waiting >= 10


def test_days_leave_the_window_for_good(log: Path, tmp_path: Path) -> None:
    told = follow([log], tmp_path / "state", days=1, out=tmp_path / "out")
    summary = read_result(tmp_path / "out").summary
    assert summary.first_seen.date() == summary.last_seen.date()
    late = told.last("ended")["late"]
    assert late + summary.events <= 240
    assert any("left the window" in note for note in summary.notes) == bool(late)


def test_a_result_that_cannot_be_written_is_told_and_tried_again(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    told = Told()
    watching = prepared([log], tmp_path / "state", told, out=out)
    out.rmdir()
    out.write_text("a file in the way")
    watching.run(told.stop)
    assert "is a file" in told.last("judged")["failed"]
    out.unlink()
    assert "failed" not in follow([log], tmp_path / "state", out=out).last("judged")


def test_what_account_records_do_not_tell_is_said_as_detect_says_it(tmp_path: Path) -> None:
    log, records = tmp_path / "requests.jsonl", tmp_path / "accounts.jsonl"
    log.write_bytes(lines(0, 60))
    records.write_text('{"account_id": "a0", "verified": "perhaps"}\n{"account_id": "a1"}\n')
    follow([log], tmp_path / "state", accounts=records, out=tmp_path / "watched")
    detect([str(log)], tmp_path / "detected", Config(workers=1), accounts=records)
    said = [read_result(tmp_path / name).summary.notes for name in ("watched", "detected")]
    assert any("4 of 6 accounts in the log have no account record" in one for one in said[0])
    assert any(one.startswith("account records:") for one in said[0])
    assert set(said[0]) >= {one for one in said[1] if "account record" in one}
