from itertools import pairwise

import pytest
from sqlalchemy import create_engine

from stillwatch.errors import ConfigError, InputError
from stillwatch.hub import members, quotas
from stillwatch.hub.quotas import Contribution, Leases
from stillwatch.hub.refusals import QuotaSpent
from stillwatch.hub.schema import metadata
from tests.governed import DAY, START

SOUND = """
window_days: 90
appeal_days: 14
tiers:
  - name: entry
    needs: {claims: 0, opinions: 0}
    quotas: {reads: 10, writes: 10, pseudonyms: 1, appeals: 1}
"""


@pytest.fixture
def alpha(connection):
    return members.add(connection, "alpha", "member", now=START).id


def used(connection, member, kind, now=START):
    account = quotas.account(connection, member, now=now)
    return next(a.used for a in account.allowances if a.kind == kind)


def test_a_new_member_starts_with_something_useful(connection, alpha):
    account = quotas.account(connection, alpha, now=START)
    assert account.tier == "entry"
    assert all(a.limit > 0 and a.used == 0 for a in account.allowances)
    assert account.next_tier == "contributor"
    assert account.missing == quotas.scheme().tiers[1].needs


def test_use_adds_up_to_the_quota_and_no_further(connection, alpha):
    quotas.override(connection, alpha, "writes", "10")
    quotas.spend(connection, alpha, "writes", 7, now=START)
    with pytest.raises(QuotaSpent, match="10 claims stored a day is spent") as caught:
        quotas.spend(connection, alpha, "writes", 4, now=START)
    assert caught.value.retry_after == 86_400
    quotas.spend(connection, alpha, "writes", 3, now=START)
    assert used(connection, alpha, "writes") == 10


def test_the_next_day_refills(connection, alpha):
    quotas.override(connection, alpha, "writes", "1")
    quotas.spend(connection, alpha, "writes", 1, now=START)
    quotas.spend(connection, alpha, "writes", 1, now=START + DAY)
    assert used(connection, alpha, "writes", START + DAY) == 1


def test_a_clock_set_back_does_not_refill(connection, alpha):
    quotas.override(connection, alpha, "writes", "1")
    quotas.spend(connection, alpha, "writes", 1, now=START)
    for earlier in (START - 1, START - DAY, START - 400 * DAY):
        with pytest.raises(QuotaSpent):
            quotas.spend(connection, alpha, "writes", 1, now=earlier)


def test_the_operator_repairs_a_clock_that_ran_ahead(connection, alpha):
    quotas.override(connection, alpha, "writes", "1")
    quotas.spend(connection, alpha, "writes", 1, now=START + 400 * DAY)
    quotas.reset(connection, alpha)
    quotas.spend(connection, alpha, "writes", 1, now=START)
    assert used(connection, alpha, "writes") == 1


def test_who_contributes_rises(world):
    for name in ("alpha", "beta"):
        world.join(name)
    alpha = world.voices["alpha"].member.id
    claims = [world.claim("alpha") for _ in range(3)]
    world.follow()
    assert quotas.tier(world.connection, alpha, now=world.now).name == "entry"
    for _ in range(5):
        world.opinion("alpha", world.claim("beta"), "agree")
    world.follow()
    gave = quotas.contribution(world.connection, alpha, now=world.now)
    assert gave == Contribution(claims=3, opinions=5)
    assert quotas.tier(world.connection, alpha, now=world.now).name == "contributor"
    for claim in claims:
        world.claim("alpha", id=claim, revoked=True)
    world.follow()
    assert quotas.contribution(world.connection, alpha, now=world.now).claims == 0
    later = world.now + 91 * DAY
    assert quotas.contribution(world.connection, alpha, now=later) == Contribution(0, 0)


def test_what_the_operator_set_stands(connection, alpha):
    quotas.override(connection, alpha, "tier", "pillar")
    account = quotas.account(connection, alpha, now=START)
    assert (account.tier, account.set_by_operator, account.next_tier) == ("pillar", True, None)
    quotas.override(connection, alpha, "tier", None)
    assert quotas.account(connection, alpha, now=START).tier == "entry"


@pytest.mark.parametrize(
    ("name", "value"), [("gold", "1"), ("tier", "gold"), ("reads", "-1"), ("reads", "9" * 30)]
)
def test_what_cannot_be_set_is_refused(connection, alpha, name, value):
    with pytest.raises(InputError):
        quotas.override(connection, alpha, name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("reads: 10", "reads: many"), "tiers/0/quotas/reads"),
        (("reads: 10, ", ""), "'reads' is a required property"),
        (("claims: 0", "claims: 1"), "may need nothing"),
        (("window_days: 90", "window: ["), "is no YAML"),
        (("appeal_days: 14", "appeal_days: 0"), "appeal_days"),
    ],
)
def test_a_bad_scheme_is_refused_with_the_field(change, message):
    with pytest.raises(ConfigError, match=message):
        quotas.parse(SOUND.replace(*change))


def test_the_shipped_tiers_rise():
    tiers = quotas.scheme().tiers
    for low, high in pairwise(tiers):
        assert all(high.quotas[kind] > low.quotas[kind] for kind in quotas.KINDS)


class TestLeases:
    @pytest.fixture
    def engine(self, tmp_path):
        engine = create_engine(f"sqlite:///{tmp_path}/quotas.db", connect_args={"timeout": 30})
        metadata.create_all(engine)
        with engine.begin() as connection:
            member = members.add(connection, "alpha", "member", now=START)
            assert member.id == 1
            quotas.override(connection, 1, "reads", "1000")
        yield engine
        engine.dispose()

    def read_all(self, leases):
        """Read pages of 10 until refused; how many claims were read."""
        total = 0
        while True:
            for lease in leases:
                try:
                    lease.check(1)
                except QuotaSpent:
                    return total
                lease.charge(1, 10)
                total += 10

    def test_workers_share_one_quota(self, engine):
        leases = [Leases(engine.begin, lambda: START) for _ in range(4)]
        total = self.read_all(leases)
        assert 1000 - 4 * 10 <= total <= 1000 + 4 * 10

    def test_a_restart_does_not_refill(self, engine):
        self.read_all([Leases(engine.begin, lambda: START)])
        assert self.read_all([Leases(engine.begin, lambda: START)]) == 0

    def test_a_clock_set_back_does_not_refill(self, engine):
        now = START
        lease = Leases(engine.begin, lambda: now)
        self.read_all([lease])
        now = START - DAY
        assert self.read_all([lease]) == 0
        assert self.read_all([Leases(engine.begin, lambda: now)]) == 0
        now = START + DAY
        assert self.read_all([lease]) >= 1000

    def test_a_refusal_says_when_to_come_again(self, engine):
        lease = Leases(engine.begin, lambda: START + DAY // 2)
        self.read_all([lease])
        with pytest.raises(QuotaSpent) as caught:
            lease.check(1)
        assert caught.value.retry_after == 43_200
