"""The kernels and the relations that define linking give one result, however rows are split."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.campaigns.definitions import COMPANY, HOLDING, HUB, shared_keys
from stillwatch.campaigns.keys import KINDS, collect, holding, salted
from stillwatch.campaigns.phrases import phrases_of
from stillwatch.campaigns.plan import scaffolds_of
from stillwatch.campaigns.relations import DuckRelations, make_all
from stillwatch.campaigns.streams import streams_of
from tests.groups import World
from tests.linking import Found, Held, accounts, by_kernels, dense, relation, told
from tests.streams import made


def by_relations(skeleton: pa.Table) -> Found:
    with DuckRelations(threads=1) as relations:
        relations.put("skeleton", skeleton)
        return told(*scaffolds_of(relations))


def answer(held: Held, question: str) -> pa.Table:
    with DuckRelations(threads=1) as relations:
        relations.put("skeleton", relation(held))
        make_all(relations, (*HOLDING, *COMPANY))
        return relations.rows(question)


@given(accounts())
@settings(max_examples=20)
def test_relations_and_kernels_find_the_same_scaffolds(held: Held) -> None:
    assert by_relations(relation(held)) == by_kernels(held)


def test_a_large_component_is_divided_alike() -> None:
    keys, labels = by_kernels(dense())
    assert by_relations(relation(dense())) == (keys, labels)
    assert max(map(max, labels)) > 0
    assert 7 not in keys


@given(accounts())
@settings(max_examples=15)
def test_likeness_is_the_same_number_to_the_last_bit(held: Held) -> None:
    phrases = phrases_of(made(held), np.ones(len(held), np.bool_))
    found = answer(held, "select one, other, likeness from company order by one, other")
    assert found["one"].to_pylist() == phrases.keys[phrases.left].tolist()
    assert found["other"].to_pylist() == phrases.keys[phrases.right].tolist()
    assert found["likeness"].to_numpy().tobytes() == phrases.likeness.tobytes()


@given(st.randoms(use_true_random=False))
@settings(max_examples=5)
def test_no_pair_is_lost_or_made_by_order_or_repetition_of_rows(chance: object) -> None:
    rows = relation(dense())
    rng = np.random.default_rng(chance.randrange(2**32))  # type: ignore[attr-defined]
    again = rng.integers(0, rows.num_rows, rows.num_rows // 3)
    order = rng.permutation(np.concatenate([np.arange(rows.num_rows), again]))
    assert by_relations(rows.take(order)) == by_kernels(dense())


@pytest.mark.parametrize(("holders", "met"), [(3, 0), (4, 4), (HUB, HUB), (HUB + 1, 0)])
def test_shingles_of_few_and_of_many_accounts_bring_nobody_together(holders: int, met: int) -> None:
    held = [[1, 100 + n] for n in range(holders)]
    assert answer(held, "select * from posting where shingle = 1").num_rows == met
    phrases = phrases_of(made(held), np.ones(holders, np.bool_))
    assert phrases.keys.tolist() == ([1] if met else [])


def test_a_hub_that_half_of_all_accounts_hold_is_in_no_posting() -> None:
    held = [[1, 2 + n % 7] for n in range(2 * HUB)] + [[9000 + n] for n in range(2 * HUB)]
    most = answer(
        held, "select max(n) as most from (select count(*) as n from posting group by shingle)"
    )
    assert most["most"].to_pylist() == [143]
    assert answer(held, "select * from hub")["shingle"].to_pylist() == [1]


@pytest.mark.parametrize("hub_share", [0.01, 0.1])
def test_keys_that_members_are_shown_to_share_are_those_of_the_kernel(hub_share: float) -> None:
    profiles = World(5, groups=12).profiles
    streams, members = streams_of(profiles), np.arange(0, profiles.size, 3)
    held, told = list[pa.Table](), collect(profiles, None, hub_share, streams, members)
    for kind in range(len(KINDS)):
        row, key = holding(kind, profiles, None, streams)
        same = salted(key.astype(np.uint64), kind)
        held.append(pa.table({"account": row, "kind": np.full(row.size, kind), "key": same}))
    with DuckRelations(threads=1) as relations:
        relations.put("holding", pa.concat_tables(held))
        relations.put("member", pa.table({"account": members}))
        make_all(relations, shared_keys(hub_share, profiles.size))
        found = relations.rows(
            "select account, kind, key, holders from shared order by account, key"
        )
    expected = (np.repeat(np.arange(profiles.size), np.diff(told.starts)), told.kinds, told.keys)
    for name, column in zip(("account", "kind", "key"), expected, strict=True):
        assert found[name].to_pylist() == column.tolist()
    assert found["holders"].to_pylist() == told.holders.tolist()
    assert len(set(told.kinds.tolist())) > 2


def test_nothing_to_link() -> None:
    assert by_relations(relation([])) == ([], [[], [], []])
