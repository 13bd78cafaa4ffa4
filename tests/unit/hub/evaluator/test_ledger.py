"""Charges: what is counted stays counted, across days, clocks, requests and restarts."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.errors import InputError, StoredDataError
from stillwatch.hub.database import Database
from stillwatch.hub.evaluator import ledger
from stillwatch.hub.evaluator.ledger import DAY, Charge, Replayed, Spent
from stillwatch.hub.evaluator.limits import Limits
from stillwatch.hub.evaluator.schema import initialise, opened

NOON = 20_000 * DAY + DAY // 2
LIMITS = Limits(daily=100)
ALPHA, BETA = "identity--a", "identity--b"


class Desk:
    """A ledger with a clock and requests that differ."""

    def __init__(self, database: Database) -> None:
        self.database, self.now, self.number = database, NOON, 0

    def charge(self, elements: int, member: str = ALPHA, **values: object) -> int:
        self.number += 1
        asked = Charge(member, f"key of {member}", f"n{self.number}", self.now, elements, self.now)
        with self.database.write() as connection:
            return ledger.charge(connection, replace(asked, **values), LIMITS)  # type: ignore[arg-type]

    def account(self, member: str = ALPHA) -> ledger.Account:
        with self.database.read() as connection:
            return ledger.account(connection, member, LIMITS, self.now)

    def purge(self) -> int:
        with self.database.write() as connection:
            return ledger.purge(connection, self.now, LIMITS)


@pytest.fixture
def desk(ledger_database: Database) -> Desk:
    return Desk(ledger_database)


def test_what_does_not_fit_is_refused_whole(desk: Desk) -> None:
    assert desk.charge(60) == 40
    with pytest.raises(Spent, match="41 elements are more than the 40 left") as caught:
        desk.charge(41)
    assert (caught.value.remaining, caught.value.retry_after) == (40, DAY // 2)
    assert desk.charge(40) == 0
    assert desk.charge(100, BETA) == 0


def test_a_new_day_refills_and_a_clock_set_back_does_not(desk: Desk) -> None:
    desk.charge(100)
    desk.now += DAY
    assert desk.charge(30) == 70
    desk.now -= DAY
    assert desk.charge(30) == 40
    desk.now -= 10 * DAY
    assert desk.account().remaining == 40


def test_a_request_counts_once(desk: Desk) -> None:
    desk.charge(10, nonce="once")
    with pytest.raises(Replayed):
        desk.charge(10, nonce="once")
    assert desk.account().used == 10
    assert desk.charge(10, nonce="once", key="another key") == 80


def test_a_forgotten_nonce_cannot_come_again(desk: Desk) -> None:
    """The clock is set back to when a request was fresh whose nonce is not kept any more."""
    desk.charge(1, nonce="once")
    sent = desk.now
    desk.now += LIMITS.nonce_seconds + 1
    assert desk.purge() == 1
    desk.now = sent
    with pytest.raises(Replayed, match="clock"):
        desk.charge(1, nonce="once")
    with desk.database.write() as connection:
        ledger.forget_clock(connection)
    assert desk.charge(1) == 98


def test_nonces_of_the_window_are_kept(desk: Desk) -> None:
    desk.charge(1)
    desk.now += 120
    assert desk.purge() == 0


def test_a_dated_allowance_holds_to_its_day(desk: Desk) -> None:
    today = desk.now // DAY
    with desk.database.write() as connection:
        ledger.allow(connection, ALPHA, 1_000, today + 1)
    desk.now += DAY
    assert desk.charge(900) == 100
    desk.now += DAY
    assert desk.account().daily == 100
    with desk.database.write() as connection:
        ledger.allow(connection, ALPHA, 7, None)
    assert desk.account().daily == 7
    with desk.database.write() as connection:
        ledger.allow(connection, ALPHA, None, None)
    assert desk.account().daily == 100


def test_grants_come_after_the_day_and_the_first_to_end_goes_first(desk: Desk) -> None:
    today = desk.now // DAY
    with desk.database.write() as connection:
        ledger.grant(connection, ALPHA, 1_000, today + 30)
        ledger.grant(connection, ALPHA, 50, today)
    assert desk.charge(120) == 1_030
    assert [(g.used, g.elements) for g in desk.account().grants] == [(20, 50), (0, 1_000)]
    assert desk.charge(40) == 990
    assert [(g.used, g.elements) for g in desk.account().grants] == [(10, 1_000)]
    desk.now += DAY
    assert desk.charge(1_090) == 0
    desk.now += 30 * DAY
    assert desk.account().remaining == 100


def test_an_expired_grant_does_not_come_back_with_the_clock(desk: Desk) -> None:
    with desk.database.write() as connection:
        ledger.grant(connection, ALPHA, 50, desk.now // DAY)
    desk.now += DAY
    desk.charge(100)
    desk.now -= DAY
    with pytest.raises(Spent):
        desk.charge(1)


def test_reset_forgets_a_clock_that_ran_ahead(desk: Desk) -> None:
    desk.now += 400 * DAY
    desk.charge(100)
    desk.now -= 400 * DAY
    assert desk.account().remaining == 0
    with desk.database.write() as connection:
        ledger.reset(connection, ALPHA)
    assert desk.account().remaining == 100
    with desk.database.read() as connection:
        assert ledger.known(connection) == []


def test_a_restart_refills_nothing(database_url: str) -> None:
    initialise(database_url)
    for left in (60, 20):
        database = opened(database_url)
        desk = Desk(database)
        desk.number = left
        assert desk.charge(40) == left
        database.close()
    assert not initialise(database_url)


def test_a_lost_database_is_not_begun_anew(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(StoredDataError, match="no quota database"):
        opened(f"sqlite:///{tmp_path_factory.mktemp('none') / 'gone.db'}")


@pytest.mark.parametrize("number", [-1, 10**12 + 1])
def test_no_number_is_no_quota(desk: Desk, number: int) -> None:
    with desk.database.write() as connection:
        with pytest.raises(InputError):
            ledger.allow(connection, ALPHA, number, None)
        with pytest.raises(InputError):
            ledger.grant(connection, ALPHA, number, 0)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    asked=st.lists(st.tuples(st.integers(0, 80), st.integers(-3, 3)), max_size=12),
    member=st.uuids(),
)
def test_no_sequence_of_clocks_gives_more_than_the_days_it_reached(
    desk: Desk, asked: list[tuple[int, int]], member: object
) -> None:
    days, given_ = set[int](), 0
    for elements, days_away in asked:
        desk.now = NOON + days_away * DAY
        days.add(max([desk.now // DAY, *days]))
        try:
            desk.charge(elements, str(member))
        except Spent:
            continue
        given_ += elements
    assert given_ <= 100 * max(1, len(days))
