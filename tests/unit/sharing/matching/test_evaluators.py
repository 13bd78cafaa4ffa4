"""The tagger over HTTP: right outputs from any quorum, and every liar found and set aside."""

import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from stillwatch.crypto.oprf import evaluate_input
from stillwatch.crypto.ristretto import random_scalar
from stillwatch.crypto.threshold import unsafe_dealer
from stillwatch.errors import PeerError
from stillwatch.sharing.matching.evaluators import Evaluators, Manner
from stillwatch.sharing.matching.quorum import NoQuorum
from stillwatch.store import matching as kept
from stillwatch.store.database import Store
from tests import evaluating
from tests.evaluating import MEMBERS, Panel, evaluators, one_wrong, unless_proven, wrong_key

INPUTS = [f"v1|email|2026q4|person{n}@example.com".encode() for n in range(7)]
QUIET = Manner(canary_rate=0, audit_rate=0, patience_s=0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path}/share.db")
    yield made
    made.close()


SECRET = random_scalar()


@pytest.fixture
def panel() -> Iterator[Panel]:
    with evaluators(secret=SECRET) as made:
        yield made


@contextmanager
def asking(
    panel: Panel, store: Store, folder: Path, manner: Manner = QUIET
) -> Iterator[Evaluators]:
    made = Evaluators(panel.epoch, panel.key, store, folder, manner)
    try:
        yield made
    finally:
        made.close()


def due(inputs: list[bytes] = INPUTS) -> list[bytes]:
    return [evaluate_input(SECRET, data) for data in inputs]


@pytest.mark.parametrize("proven", [False, True])
def test_outputs_are_the_functions(
    panel: Panel, store: Store, tmp_path: Path, proven: bool
) -> None:
    with asking(panel, store, tmp_path) as tagger:
        assert tagger.outputs(INPUTS, proven=proven) == due()
        assert tagger.outputs([]) == []


def test_every_quorum_gives_them(panel: Panel, store: Store, tmp_path: Path) -> None:
    for first in MEMBERS[:3]:
        manner = replace(QUIET, preferred=(first,))
        with asking(panel, store, tmp_path, manner) as tagger:
            assert tagger.outputs(INPUTS) == due()


def test_many_inputs_go_in_bounded_batches_in_order(
    panel: Panel, store: Store, tmp_path: Path
) -> None:
    inputs = [b"%d" % n for n in range(10_100)]
    with asking(panel, store, tmp_path, replace(QUIET, canary_rate=0.002)) as tagger:
        found = tagger.outputs(inputs)
    assert [found[n] for n in (0, 4899, 4900, 10_099)] == due(
        [inputs[n] for n in (0, 4899, 4900, 10_099)]
    )
    sizes = [len(asked.elements) for asked in panel.nodes[0].asked]
    assert max(sizes) <= 5000
    assert sum(sizes) > len(inputs) + 64, "canaries were among them"


def test_canaries_are_proven_once_and_kept(panel: Panel, store: Store, tmp_path: Path) -> None:
    for _ in range(2):
        with asking(panel, store, tmp_path, replace(QUIET, canary_rate=0.5)) as tagger:
            assert tagger.outputs(INPUTS) == due()
    asked = [(len(one.elements), one.proof) for one in panel.nodes[0].asked]
    assert asked[:2] == [(64, False), (1, True)], "one proof of their weighted sum"
    assert [proof for _, proof in asked].count(True) == 1
    with store.begin() as connection:
        held = kept.known_canaries(connection, "2026q4", panel.epoch.public_key.hex())
    assert [one.output for one in held] == due([one.input for one in held])


LIES = {
    "wrong key": unless_proven(wrong_key),
    "wrong key, and it proves that": wrong_key,
    "wrong for one element": one_wrong,
    "wrong for one element unless a proof is asked": unless_proven(one_wrong),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_liar_is_found_pinned_and_never_asked_again(
    panel: Panel, store: Store, tmp_path: Path, lie: Any
) -> None:
    with asking(panel, store, tmp_path, replace(QUIET, canary_rate=0.4, audit_rate=1)) as tagger:
        tagger.outputs(INPUTS)
        panel.nodes[1].lie = lie
        for _ in range(30):
            tagger.outputs(INPUTS)
            tagger.settle(everything=True)
        assert tagger.liars() == {2}
        before = len(panel.nodes[1].asked)
        assert tagger.outputs(INPUTS) == due()
    with store.begin() as connection:
        (aside,) = kept.aside(connection)
    assert aside.member == MEMBERS[1]
    evidence = orjson.loads(Path(aside.evidence).read_bytes())
    assert (evidence["evaluator"], evidence["member"]) == (2, MEMBERS[1])
    assert Path(aside.evidence).stat().st_mode & 0o777 == 0o600
    with asking(panel, store, tmp_path) as again:
        assert again.outputs(INPUTS) == due()
        assert again.liars() == {2}
    assert len(panel.nodes[1].asked) == before, "set aside over restarts"
    with store.begin() as connection:
        assert kept.restore(connection, MEMBERS[1])
    with asking(panel, store, tmp_path) as restored:
        assert restored.liars() == set()


def test_a_wrong_key_is_caught_by_the_first_batch(
    panel: Panel, store: Store, tmp_path: Path
) -> None:
    with asking(panel, store, tmp_path, replace(QUIET, canary_rate=0.001)) as tagger:
        panel.nodes[0].lie = unless_proven(wrong_key)
        assert tagger.outputs(INPUTS) == due()
        assert tagger.liars() == {1}


def test_who_lies_and_then_gives_no_proof_is_found_by_elimination(
    panel: Panel, store: Store, tmp_path: Path
) -> None:
    with asking(panel, store, tmp_path, replace(QUIET, canary_rate=0.5)) as tagger:
        tagger.outputs(INPUTS)
        panel.nodes[1].lie = wrong_key
        panel.nodes[1].refuse = lambda asked: (503, {}) if asked.proof else None
        for _ in range(9):
            assert tagger.outputs(INPUTS) == due()
            if tagger.liars():
                break
        assert tagger.liars() == {2}


def test_nothing_unproven_is_returned_where_a_proof_was_asked(
    panel: Panel, store: Store, tmp_path: Path
) -> None:
    panel.nodes[0].lie = one_wrong
    with asking(panel, store, tmp_path) as tagger:
        tagger._canaries.keep([b"c"], due([b"c"]))  # as if it had been honest before
        assert tagger.outputs(INPUTS, proven=True) == due()
        assert tagger.liars() == {1}


def test_two_liars_leave_no_quorum_and_no_output(
    panel: Panel, store: Store, tmp_path: Path
) -> None:
    panel.nodes[0].lie = panel.nodes[1].lie = wrong_key
    with asking(panel, store, tmp_path) as tagger, pytest.raises(NoQuorum) as caught:
        tagger.outputs(INPUTS, proven=True)
    assert "1 of 2 needed evaluators can be asked" in str(caught.value)
    assert "answered wrongly" in str(caught.value)
    assert "stillwatch screen --evaluators" in str(caught.value)


def refusing(status: int, **headers: str) -> Any:
    return lambda _: (status, {name.replace("_", "-"): v for name, v in headers.items()})


@pytest.mark.parametrize(
    ("refuse", "fault"),
    [
        (refusing(503), "down"),
        (refusing(429, Retry_After="3600"), "over quota"),
        (refusing(409), "of another generation"),
        (refusing(404), "of another generation"),
        (refusing(401), "denies us"),
        (refusing(302, Location="http://127.0.0.1:9/"), "broken"),
    ],
)
def test_others_stand_in_for_one_that_refuses(
    panel: Panel, store: Store, tmp_path: Path, refuse: Any, fault: str
) -> None:
    panel.nodes[0].refuse = refuse
    with asking(panel, store, tmp_path) as tagger:
        assert tagger.outputs(INPUTS) == due()
        assert tagger.outputs(INPUTS) == due()
        assert tagger.out()[MEMBERS[0]].startswith(fault)
    panel.nodes[1].refuse = refuse
    with asking(panel, store, tmp_path) as tagger, pytest.raises(NoQuorum) as caught:
        tagger.outputs(INPUTS)
    assert fault in str(caught.value)
    assert caught.value.wait_s > 0


def test_an_evaluator_that_is_not_there_is_passed_over(
    panel: Panel, store: Store, tmp_path: Path
) -> None:
    first = replace(panel.epoch.evaluators[0], url="http://127.0.0.1:1")
    epoch = replace(panel.epoch, evaluators=(first, *panel.epoch.evaluators[1:]))
    with asking(replace(panel, epoch=epoch), store, tmp_path) as tagger:
        assert tagger.outputs(INPUTS) == due()
        assert "cannot be reached" in tagger.out()[MEMBERS[0]]


def test_a_slow_one_costs_half_the_deadline_once(
    panel: Panel, store: Store, tmp_path: Path
) -> None:
    panel.nodes[0].wait = threading.Event()
    try:
        with asking(panel, store, tmp_path, replace(QUIET, attempt_s=0.3)) as tagger:
            assert tagger.outputs(INPUTS) == due()
            assert tagger.out()[MEMBERS[0]].startswith("slow")
            assert tagger.outputs(INPUTS) == due()
        assert len(panel.nodes[0].asked) == 1
    finally:
        panel.nodes[0].wait.set()


def test_a_deadline_that_passed_is_an_error_at_once(
    panel: Panel, store: Store, tmp_path: Path
) -> None:
    with asking(panel, store, tmp_path) as tagger:
        tagger.outputs(INPUTS)
        with pytest.raises(PeerError, match="deadline"):
            tagger.outputs(INPUTS, until=0.0)


@pytest.mark.parametrize(
    "lie",
    [
        lambda _n, _q, honest: honest[:-1],
        lambda _n, _q, honest: honest + bytes(32),
        lambda _n, _q, honest: bytes(len(honest)),
        lambda _n, _q, honest: b"\xff" * len(honest),
        lambda _n, _q, _honest: bytes(200_000),
    ],
    ids=["short", "long", "identity", "no point", "far too long"],
)
def test_answers_of_another_form_are_not_used(
    panel: Panel, store: Store, tmp_path: Path, lie: Any
) -> None:
    panel.nodes[0].lie = lie
    with asking(panel, store, tmp_path) as tagger:
        assert tagger.outputs(INPUTS) == due()
        assert tagger.out()[MEMBERS[0]].startswith("broken")


def test_connections_are_kept_and_taken_up_anew(panel: Panel, store: Store, tmp_path: Path) -> None:
    with asking(panel, store, tmp_path) as tagger:
        for _ in range(3):
            assert tagger.outputs(INPUTS) == due()
        assert [node.connections for node in panel.nodes] == [1, 1, 0]
        for peer in tagger._state.peers.values():
            for line in peer._idle:
                line._socket.shutdown(2)  # as a server does that closes idle connections
        assert tagger.outputs(INPUTS) == due()
        assert tagger.out() == {}
        assert [node.connections for node in panel.nodes] == [2, 2, 0]


def test_refreshed_shares_are_taken_up(panel: Panel, store: Store, tmp_path: Path) -> None:
    asked = []
    with asking(panel, store, tmp_path) as first:
        assert first.outputs(INPUTS) == due()
    with warnings.catch_warnings(action="ignore"):
        fresh = unsafe_dealer(2, 3, secret=SECRET)
    for node, share in zip(panel.nodes, fresh.shares, strict=True):
        node.share, node.generation = share, 1
    newer = evaluating.epoch_of(fresh, panel.nodes, 2, "2026q4")

    def renew(name: str) -> Any:
        asked.append(name)
        return newer

    tagger = Evaluators(panel.epoch, panel.key, store, tmp_path, QUIET, renew)
    try:
        assert tagger.outputs(INPUTS) == due()
        assert tagger.epoch.generation == 1
        assert tagger.outputs(INPUTS, proven=True) == due()
    finally:
        tagger.close()
    assert asked == ["2026q4"]


def test_a_document_with_another_key_is_not_taken_for_a_refresh(
    panel: Panel, store: Store, tmp_path: Path
) -> None:
    for node in panel.nodes[:2]:
        node.generation = 1
    with warnings.catch_warnings(action="ignore"):
        other = unsafe_dealer(2, 3)
    newer = evaluating.epoch_of(other, panel.nodes, 2, "2026q4")
    tagger = Evaluators(panel.epoch, panel.key, store, tmp_path, QUIET, lambda _: newer)
    try:
        with pytest.raises(NoQuorum, match="of another generation"):
            tagger.outputs(INPUTS)
    finally:
        tagger.close()


def test_what_travels_holds_no_input_and_the_quota_is_told(
    panel: Panel, store: Store, tmp_path: Path
) -> None:
    panel.nodes[2].quota = 41
    with asking(panel, store, tmp_path) as tagger:
        tagger.outputs(INPUTS)
        left = tagger.quotas(time.monotonic() + 30)
    assert left[MEMBERS[2]] == 41
    assert not any(data in wire for node in panel.nodes for wire in node.wire for data in INPUTS)
