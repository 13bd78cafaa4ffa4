"""Keys: each kind sees what it is named for, and things that many hold say nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.campaigns.keys import KINDS, Keys, collect
from stillwatch.campaigns.streams import streams_of
from stillwatch.logs.schema import ACCOUNTS_SCHEMA
from stillwatch.profiles.merge import empty
from tests.profiling import profiled
from tests.support import event

NUMBER = {kind.name: number for number, kind in enumerate(KINDS)}
PEOPLE = 30
LONG = "what are the three most important things to know before one signs a contract"


def signups(*rows: dict[str, Any]) -> Keys:
    """Keys of accounts with these records, among others that have nothing in common."""
    others = [
        {
            "account_id": f"o{i}",
            "email": f"{chr(97 + i)}{chr(98 + i)}@site-{chr(97 + i)}.example",
            "created_at": datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=3 * i),
        }
        for i in range(20)
    ]
    table = pa.Table.from_pylist([*rows, *others], schema=ACCOUNTS_SCHEMA)
    profiles = empty(table.num_rows)
    return collect(profiles, table, 0.1, streams_of(profiles), np.arange(profiles.size))


def kinds_shared(keys: Keys, a: int = 0, b: int = 1) -> set[str]:
    def held(row: int) -> set[tuple[int, int]]:
        part = slice(keys.starts[row], keys.starts[row + 1])
        return set(zip(keys.keys[part].tolist(), keys.kinds[part].tolist(), strict=True))

    return {KINDS[kind].name for _, kind in held(a) & held(b)}


@pytest.mark.parametrize(
    ("column", "kind", "one", "same", "other"),
    [
        ("payment_fingerprint", "payment", "pm_1", "PM_1", "pm_2"),
        ("device_fingerprint", "device", "d1", "d1", "d2"),
        ("phone", "phone", "+4930123", "+4930123", "+4930124"),
        ("domain", "domain", "example.net", "Example.NET", "example.org"),
        ("signup_ip", "signup_network", "192.0.2.1", "192.0.2.200", "192.0.3.1"),
        ("signup_ip", "signup_network", "2001:db8::1", "2001:DB8:0:ff::", "2001:db8:1::1"),
        ("email", "email", "ann.7@mail.example", "Ann.31+x@mail.example", "bob.7@mail.example"),
        ("email", "email", "ann1b2@mail.example", "ann77b3+new@mail.example", "ann1@mail.example"),
    ],
)
def test_each_kind_of_sign_up(column: str, kind: str, one: str, same: str, other: str) -> None:
    assert kinds_shared(signups({column: one}, {column: same})) == {kind}
    assert kinds_shared(signups({column: one}, {column: other})) == set()
    assert kinds_shared(signups({column: one}, {column: None})) == set()
    assert kinds_shared(signups({column: None}, {column: None})) == set()
    assert kinds_shared(signups({column: ""}, {column: ""})) == set()


@pytest.mark.parametrize(
    ("minutes", "met"),
    [
        ((5, 55), True),
        ((55, 65), True),
        ((25, 35), True),
        ((5, 65), False),
        ((5, 24 * 60 + 5), False),
    ],
)
def test_sign_ups_of_one_hour_meet_across_the_clock_s_hour(
    minutes: tuple[int, int], met: bool
) -> None:
    start = datetime(2026, 2, 3, 14, tzinfo=UTC)
    rows = [{"created_at": start + timedelta(minutes=m)} for m in minutes]
    assert kinds_shared(signups(*rows)) == ({"signup_hour"} if met else set())


def account(name: str, **values: Any) -> list[dict[str, Any]]:
    """Ten unrelated requests, changed by ``values`` (functions of the request's number)."""
    rows = []
    for i in range(10):
        own = " ".join(f"{name}{i}{chr(97 + w)}" for w in range(20))
        changed = {key: value(i) for key, value in values.items()}
        rows.append(event(i, event_id=f"{name}-{i}", account_id=name, **{"prompt": own, **changed}))
    return rows


def traffic(**values: Any) -> Keys:
    """Two accounts that share something among others that share nothing."""
    rows = account("first", **values) + account("second", **values)
    rows += [row for k in range(PEOPLE) for row in account(f"p{chr(97 + k // 9)}{chr(97 + k % 9)}")]
    profiles = profiled(rows).profiles
    return collect(profiles, None, 0.1, streams_of(profiles), np.arange(profiles.size))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("address", {"client_ip": lambda _: "192.0.2.1"}),
        ("tls", {"tls_fingerprint": lambda _: "t13d1516h2"}),
        ("agent", {"user_agent": lambda _: "client/1.2"}),
        ("system", {"system_prompt": lambda _: "you are a teacher"}),
        ("prompt", {"prompt": lambda _: LONG}),
    ],
)
def test_each_kind_of_traffic(kind: str, values: dict[str, Any]) -> None:
    assert kind in kinds_shared(traffic(**values))


def words(i: int, n: int) -> str:
    """Words that no two requests share."""
    return " ".join(f"w{chr(97 + i)}{chr(97 + w)}z" for w in range(n))


def in_its_own_words(head: str, tail: str) -> Any:
    counter = iter(range(10_000))
    return lambda i: f"{head} {words(i, 5)} {next(counter)}x {words(i + 10, 9)} {tail}"


def test_wording_in_common() -> None:
    opening = traffic(prompt=in_its_own_words("please write one short lesson about", ""))
    closing = traffic(prompt=in_its_own_words("", "and answer in at most ten words"))
    assert "opening" in kinds_shared(opening)
    assert "closing" not in kinds_shared(opening)
    assert "closing" in kinds_shared(closing)
    assert "opening" not in kinds_shared(closing)
    scaffold = "first think about the question then check each step and write the answer"
    assert "skeleton" in kinds_shared(traffic(prompt=in_its_own_words(scaffold, "")))


def test_a_short_prompt_is_no_key() -> None:
    assert "prompt" not in kinds_shared(traffic(prompt=lambda _: "hi there"))


def test_nothing_in_common_nothing_linked() -> None:
    keys = traffic()
    assert keys.keys.size == 0
    assert keys.starts.tolist() == [0] * (PEOPLE + 3)


@pytest.mark.parametrize(("holders", "kept"), [(1, False), (2, True), (20, True), (21, False)])
def test_things_that_many_hold_are_dropped(holders: int, kept: bool) -> None:
    rows = [{"device_fingerprint": "d" if i < holders else f"own {i}"} for i in range(60)]
    keys = signups(*rows)
    assert (keys.keys.size == holders) == kept
    assert (keys.keys.size == 0) == (not kept)
    assert (keys.holders == holders).all()


def test_equal_text_of_two_kinds_is_not_the_same_thing() -> None:
    keys = signups({"phone": "123"}, {"device_fingerprint": "123"}, {"phone": "123"},
                   {"device_fingerprint": "123"})  # fmt: skip
    assert kinds_shared(keys, 0, 1) == set()
    assert kinds_shared(keys, 0, 2) == {"phone"}
    assert kinds_shared(keys, 1, 3) == {"device"}


def test_rows_are_sorted_and_complete() -> None:
    rng = np.random.default_rng(1)
    rows = [
        {"device_fingerprint": f"d{rng.integers(20)}", "phone": f"+{rng.integers(20)}"}
        for _ in range(100)
    ]
    keys = signups(*rows)
    assert keys.starts[-1] == keys.keys.size == keys.kinds.size == keys.holders.size
    for a, b in zip(keys.starts[:-1], keys.starts[1:], strict=True):
        assert (np.diff(keys.keys[a:b].astype(object)) > 0).all()
    _, counts = np.unique(keys.keys, return_counts=True)
    assert counts.min() >= 2


def test_kinds_are_named_once_and_fit_their_type() -> None:
    assert len(NUMBER) == len(KINDS) < 256
    assert KINDS[0].name == "skeleton"  # from the streams
    assert all((kind.of_profiles is None) != (kind.of_accounts is None) for kind in KINDS[1:])
    assert {kind.sort for kind in KINDS if kind.of_accounts} == {"sign-up"}
