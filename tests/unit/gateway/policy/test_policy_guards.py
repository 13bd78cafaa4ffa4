"""Guards stand above rules: laws over scopes, networks and time; and the real gateway's table."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.decision import Decision, Effect, Scope, Subject
from stillwatch.gateway.policy.case import Case, Member
from stillwatch.gateway.policy.enact import enact
from stillwatch.gateway.policy.guards import Allows, Blast, Guards, Spent
from stillwatch.gateway.policy.load import load_policy
from stillwatch.gateway.policy.plan import plan
from stillwatch.gateway.policy.standing import Standing
from stillwatch.gateway.source import StoreSource
from stillwatch.gateway.table import Request, loaded
from stillwatch.store.database import Store
from tests.cases import NOW, blocks_everyone, campaign, lone
from tests.decided import decided

STANDARD = load_policy()
_NAMES = st.sampled_from(["a", "b", "c", "d"])
_ADDRESSES = st.builds(lambda n: f"192.0.2.{n}", st.integers(0, 255))
_NETWORKS = st.builds(
    lambda n, length: str(ip_network((0xC0000200 | n, length), strict=False)),
    st.integers(0, 255),
    st.integers(8, 32),
)
_SUBJECTS = st.one_of(
    st.builds(Subject.of, st.sampled_from(["account", "organisation", "key", "ja4"]), _NAMES),
    st.builds(Subject.of, st.just("range"), _NETWORKS),
)
_CARRIED = st.one_of(
    st.builds(Subject.of, st.sampled_from(["organisation", "key", "ja4"]), _NAMES),
    st.builds(Subject.of, st.just("range"), _ADDRESSES),
)


@st.composite
def allow(draw: st.DrawFn) -> Decision:
    """An allow of anything, for any time around now, with members if it is of a campaign."""
    hours = draw(st.integers(-48, 48).filter(bool))
    made = NOW - timedelta(hours=72)
    until = NOW + timedelta(hours=hours)
    said = {
        "effect": "allow",
        "origin": "person:ann",
        "made": int(made.timestamp()),
        "until": int(until.timestamp()),
    }
    if draw(st.booleans()):
        subject = draw(_SUBJECTS)
        return decided(subject.value, scope=subject.scope.value, **said)
    return decided("C", scope="campaign", members=draw(st.lists(_NAMES, max_size=3)), **said)


def covers(one: Decision, account: str, carries: tuple[Subject, ...]) -> bool:
    """By the words of the rule, without the index."""
    if one.until <= NOW:
        return False
    for subject in (Subject.of("account", account), *carries):
        if subject == one.subject or (
            subject.scope is Scope.ACCOUNT and subject.value in one.members
        ):
            return True
        if subject.scope is Scope.RANGE is one.subject.scope:
            inner, outer = ip_network(subject.value), ip_network(one.subject.value)
            if inner.subnet_of(outer):  # type: ignore[arg-type]
                return True
    return False


@given(
    allows=st.lists(allow(), max_size=5),
    accounts=st.dictionaries(_NAMES, st.lists(_CARRIED, max_size=3).map(tuple), min_size=1),
    together=st.booleans(),
    shadow=st.booleans(),
)
def test_allows_win_over_every_rule(
    allows: list[Decision],
    accounts: dict[str, tuple[Subject, ...]],
    together: bool,
    shadow: bool,
) -> None:
    members = tuple(Member(name, 1, carries) for name, carries in accounts.items())
    cases: list[Case] = (
        [campaign(list(accounts), members=members, accounts=40)]
        if together
        else [lone(one.account, members=(one,)) for one in members]
    )
    standing = Standing(allows=Allows.of(allows, NOW))
    found = plan(STANDARD, cases, NOW, standing, Blast(STANDARD.guards), shadow=shadow)
    touched = {
        name
        for one in [*found.put, *(held for held, _ in found.hold)]
        for name in (one.members or (one.subject.value,))
    }
    free = {
        name for name, carries in accounts.items() if any(covers(a, name, carries) for a in allows)
    }
    assert touched == set(accounts) - free
    spared = {name for one in found.outcomes if one.what == "spared" for name in one.accounts}
    assert spared == free


@given(
    bounds=st.tuples(st.integers(0, 20), st.integers(0, 40)),
    asked=st.lists(
        st.tuples(
            st.sampled_from(["block", "challenge", "observe", "throttle"]),
            st.integers(0, 9),
            st.floats(0, 0.2),
        ),
        max_size=20,
    ),
)
def test_no_order_of_asking_gets_past_a_bound(
    bounds: tuple[int, int], asked: list[tuple[str, int, float]]
) -> None:
    blast = Blast(Guards(*bounds, traffic_share=0.2, account_share=0.25))
    admitted = [
        (effect, accounts, share)
        for effect, accounts, share in asked
        if not blast.admit(Effect(effect), accounts, share, share)
    ]
    bears = [(e, n, s) for e, n, s in admitted if e != "observe" and n]
    assert sum(n for e, n, _ in bears if e == "block") <= bounds[0]
    assert sum(n for _, n, _ in bears) <= bounds[1]
    assert sum(s for *_, s in bears) <= 0.2 + 1e-9


def test_what_was_spent_before_counts() -> None:
    blast = Blast(Guards(10, 100, 0.25, 0.25), Spent(blocks=9, touched=9))
    assert blast.admit(Effect.BLOCK, 1, 0, 0) == ""
    assert "11 accounts blocked" in blast.admit(Effect.BLOCK, 1, 0, 0)
    assert blast.admit(Effect.CHALLENGE, 1, 0, 0) == ""


def test_a_policy_that_blocks_everyone_cuts_off_nobody_more_at_the_gateway(tmp_path: Path) -> None:
    """From the policy through the real store into the table that answers requests."""
    store = Store(f"sqlite:///{tmp_path}/lab.db")
    everyone = [f"a{n}" for n in range(2000)]
    cases = [lone(name, traffic_share=1 / 2000, account_share=1 / 2000) for name in everyone]
    policy = blocks_everyone(tmp_path, new_blocks_per_hour=100_000, account_share=0.05)
    for minute in range(3):  # the same mistake again and again
        enact(store, policy, cases, now=NOW + timedelta(minutes=minute))
    with_source = StoreSource(store.url, wall=NOW.timestamp)
    table = loaded(with_source.startup()[2])
    at = (NOW + timedelta(minutes=5)).timestamp()
    refused = [n for n in everyone if table.verdict(Request(account=n), at).effect is Effect.BLOCK]
    with_source.close()
    store.close()
    assert len(refused) == 100  # 5 % of 2,000: no more, however often it is asked
