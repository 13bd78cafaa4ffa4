import threading
from ipaddress import IPv6Address, ip_address, ip_network
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.domain.decision import SEVERITY, Decision, Effect, Scope
from stillwatch.errors import InputError
from stillwatch.gateway.blocks import checked, record_columns
from stillwatch.gateway.table import PASS, REQUEST_SCOPES, Request, Table, loaded
from tests.unit.gateway.made import START, id_of, record

NOW = float(START)
NAMES = ["a", "b", "c"]
NETWORKS = ["192.0.2.0/24", "192.0.2.128/25", "192.0.2.7/32", "0.0.0.0/0", "2001:db8::/32",
            "2001:db8::1/128", "::/0", "::ffff:192.0.2.0/120"]  # fmt: skip
ADDRESSES = ["192.0.2.7", "192.0.2.200", "198.51.100.1", "::ffff:192.0.2.7", "2001:db8::1",
             "2001:db8::1%eth0", "2001:db9::1", "no address", ""]  # fmt: skip


def drawn() -> st.SearchStrategy[dict[str, Any]]:
    """Decisions about few subjects, so that many meet."""

    @st.composite
    def make(draw: st.DrawFn) -> dict[str, Any]:
        scope = draw(st.sampled_from(list(Scope)))
        values = NETWORKS if scope is Scope.RANGE else NAMES
        said = record(
            draw(st.integers(0, 12)),
            effect=draw(st.sampled_from(list(Effect))).value,
            scope=scope.value,
            value=draw(st.sampled_from(values)),
            until=START + draw(st.integers(-5, 5)),
            shadow=draw(st.booleans()),
        )
        if scope is Scope.CAMPAIGN:
            said["members"] = draw(st.lists(st.sampled_from(NAMES), max_size=3))
        return said

    return make()


def requests() -> st.SearchStrategy[Request]:
    names = st.none() | st.sampled_from(NAMES)
    return st.builds(
        Request, names, names, names, names, names, names, st.none() | st.sampled_from(ADDRESSES)
    )


def touches(said: dict[str, Any], request: Request) -> bool:
    """The oracle: written from the rules, with the standard library's own networks."""
    scope, value = said["scope"], said["value"]
    if scope == "range":
        try:
            address = ip_address((request.address or "").partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        if value.startswith("::ffff:"):
            value = "192.0.2.0/24"
        return address in ip_network(value)
    field = request[[s.value for s in REQUEST_SCOPES].index(scope)]
    return field == value or (
        request.account is not None and request.account in said.get("members", ())
    )


def oracle(standing: list[dict[str, Any]], request: Request, now: float) -> tuple[str, set[str]]:
    """Effect, and ids of what is only said."""
    these = [d for d in standing if d["until"] > now and touches(d, request)]
    done = [d["effect"] for d in these if not d["shadow"]]
    shadow = {d["id"] for d in these if d["shadow"]}
    if not done or "allow" in done:
        return "allow", shadow
    return max(done, key=lambda effect: SEVERITY[Effect(effect)]), shadow


Step = tuple[str, Any]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), drawn()),
        st.tuples(st.just("remove"), st.integers(0, 12)),
        st.tuples(st.just("sweep"), st.integers(-5, 5)),
        st.tuples(st.just("compact"), st.none()),
        st.tuples(st.just("reload"), st.none()),
        st.tuples(st.just("add"), st.lists(drawn(), max_size=8, unique_by=lambda d: d["id"])),
    ),
    max_size=25,
)


def apply(table: Table, kept: dict[str, dict[str, Any]], step: Step) -> Table:
    """One step on a table and on what the oracle keeps."""
    name, said = step
    if name == "put":
        table.put(said)
        kept[said["id"]] = said
    elif name == "remove":
        assert table.remove(id_of(said)) == (kept.pop(id_of(said), None) is not None)
    elif name == "sweep":
        over = [id_ for id_, d in kept.items() if d["until"] <= NOW + said]
        assert table.sweep(NOW + said, most=10_000) == len(over)
        for id_ in over:
            del kept[id_]
    elif name == "compact":
        return table.compacted()
    elif name == "reload":
        return loaded(map(checked, table.blocks(3)))
    else:
        fresh = [d for d in said if d["id"] not in kept]
        table.add(checked(record_columns(fresh)))
        kept |= {d["id"]: d for d in fresh}
    return table


@settings(max_examples=200, deadline=None)
@given(STEPS, st.lists(requests(), min_size=1, max_size=6), st.integers(-6, 6))
def test_a_table_says_what_a_naive_reading_of_the_rules_says(
    steps: list[Step], asked: list[Request], at: int
) -> None:
    table, kept = Table(), {}  # type: ignore[var-annotated]
    for step in steps:
        table = apply(table, kept, step)
    assert len(table) == len(kept)
    for request in asked:
        verdict = table.verdict(request, NOW + at)
        effect, shadow = oracle(list(kept.values()), request, NOW + at)
        assert verdict.effect == effect
        assert {table.id(row) for row in verdict.shadow} == shadow
        assert len(verdict.shadow) == len(shadow)
        if verdict.row >= 0:
            assert Decision.of(table.decision(verdict.row)) == Decision.of(
                kept[table.id(verdict.row)]
            )
        else:
            assert effect == "allow"
    for id_ in kept:
        assert table.remove(id_)
    assert not table._subjects
    assert not table._owners.keys() - range(len(table._rows))


@settings(max_examples=100, deadline=None)
@given(st.lists(drawn(), max_size=12), requests(), st.permutations(range(13)))
def test_nothing_stands_against_an_allow(
    others: list[dict[str, Any]], request: Request, order: list[int]
) -> None:
    """Whatever the scopes, the order in which they came, and the lengths of prefixes."""
    allow = record(99, effect="allow", scope="range", value="0.0.0.0/0")
    request = request._replace(address="192.0.2.7")
    said = [*others, allow]
    table = Table()
    for place in order:
        if place < len(said):
            table.put(said[place])
    table.put(allow)
    assert table.verdict(request, NOW).effect is Effect.ALLOW


def test_all_throttles_that_stand_are_named() -> None:
    table = Table()
    table.put(record(1, effect="throttle", value="a"))
    table.put(record(2, effect="throttle", scope="key", value="k"))
    table.put(record(3, effect="throttle", scope="campaign", value="c", members=["a", "a"]))
    verdict = table.verdict(Request("a", "k", campaign="c"), NOW)
    assert verdict.effect is Effect.THROTTLE
    assert {table.id(row) for row in (verdict.row, *verdict.more)} == {id_of(1), id_of(2), id_of(3)}
    assert len(verdict.more) == 2


@pytest.mark.parametrize("address", ["", "1.2.3", "1.2.3.4.5", "1.2.3.4\0", "::g", "\ud800", "[::1]",
                                     "192.0.2.7:443", "192.0.2.007"])  # fmt: skip
def test_what_is_no_address_is_said_and_touches_nothing(address: str) -> None:
    table = Table()
    table.put(record(1, scope="range", value="0.0.0.0/0"))
    table.put(record(2, scope="range", value="::/0"))
    assert table.verdict(Request(address=address), NOW).unread
    assert table.verdict(Request(address=address), NOW).effect is Effect.ALLOW
    assert table.verdict(Request(account="x"), NOW) is PASS


def test_a_million_would_do_as_ten_thousand_do() -> None:
    """Full blocks: ids through sorted arrays, values through bulk updates."""
    said = [record(n, value=f"v{n // 2}", scope="key" if n % 3 else "account") for n in range(9000)]
    table = loaded([checked(record_columns(said[at : at + 3000])) for at in (0, 3000, 6000)])
    assert len(table) == 9000
    assert table.verdict(Request(key="v2"), NOW).effect is Effect.BLOCK
    for n in range(0, 9000, 2):
        assert table.remove(id_of(n))
    assert not table.remove(id_of(0))
    assert len(table) == 4500
    for n in range(1, 9000, 2):
        said[n]["reason"] = "another"
        table.put(said[n])
    assert len(table) == 4500
    row = table.verdict(Request(key="v2"), NOW).row
    assert table.decision(row)["reason"] == "another"
    assert table.decision(row)["id"] == id_of(5)
    assert table.wasteful()
    smaller = table.compacted()
    assert not smaller.wasteful()
    assert len(smaller) == 4500
    assert smaller.decision(smaller.verdict(Request(key="v2"), NOW).row) == table.decision(row)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (record(1, effect="annoy"), "effect"),
        (record(1, scope="planet"), "planet"),
        (record(1, id="decision--1"), "id"),
        (record(1, scope="range", value="192.0.2.0/33"), "network"),
        (record(1, until=START - 20), "ends after"),
        (record(1) | {"rate": {"per_minute": 1}}, "throttle"),
    ],
)
def test_what_cannot_be_used_is_refused_and_changes_nothing(
    said: dict[str, Any], words: str
) -> None:
    table = Table()
    with pytest.raises(InputError, match=words):
        table.put(said)
    assert len(table) == 0
    assert list(table.blocks()) == []


def test_readers_never_see_half_a_row() -> None:
    """One thread writes; others look up all the time and see the old, the new, or nothing else."""
    table = Table()
    for n in range(50):
        table.put(record(n, value=f"v{n}", reason=f"v{n}"))
    table.put(record(100, scope="range", value="192.0.2.0/24", reason="range"))
    over, wrong, seen = threading.Event(), [], 0

    def look() -> None:
        nonlocal seen
        while not over.is_set():
            for n in range(50):
                verdict = table.verdict(Request(account=f"v{n}", address="192.0.2.1"), NOW)
                if verdict.effect is not Effect.BLOCK or verdict.row < 0:
                    wrong.append((n, verdict))
                elif table.decision(verdict.row)["reason"] not in (f"v{n}", "range"):
                    wrong.append((n, table.decision(verdict.row)))
                seen += 1

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(60):
        for n in range(50):
            table.put(record(n, value=f"v{n}", reason=f"v{n}", until=START + 500 + turn))
            length = 8 + turn % 16
            table.put(record(200, scope="range", value=f"10.0.0.0/{length}"))
            table.put(record(300, scope="campaign", value="c", members=[f"m{k}" for k in range(5)]))
        table.remove(id_of(300))
        table.sweep(START - 1)
    over.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert seen > 1000


def test_readers_of_blocks_see_every_decision_that_stays() -> None:
    table = Table()
    for n in range(400):
        table.put(record(n))
    over = threading.Event()

    def churn() -> None:
        while not over.is_set():
            for n in range(200, 400):
                table.put(record(n))
            for n in range(300, 400):
                table.remove(id_of(n))

    writer = threading.Thread(target=churn)
    writer.start()
    stays = {id_of(n) for n in range(200)}
    for _ in range(20):
        assert stays <= {id_ for block in table.blocks(64) for id_ in block["id"]}
    over.set()
    writer.join()


def test_the_mildest_effect_stands_first() -> None:
    order = list(Effect)[1:]
    assert all(SEVERITY[one] < SEVERITY[other] for one, other in pairwise(order))
