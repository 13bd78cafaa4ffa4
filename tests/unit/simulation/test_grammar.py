"""The grammar: text as a pure function of rule and key."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.errors import ConfigError
from stillwatch.simulation.grammar import Grammar
from stillwatch.simulation.keys import mix, pick, ranks, unit
from stillwatch.simulation.lexicon import RULES

KEYS = np.arange(400, dtype=np.uint64)


def test_slots_are_filled_from_their_pools() -> None:
    grammar = Grammar({"pet": ("cat", "dog"), "ask": ("A {pet}!",)})
    assert set(grammar.render("ask", KEYS).to_pylist()) == {"A cat!", "A dog!"}


def test_equal_tags_draw_alike_and_plain_slots_do_not() -> None:
    grammar = Grammar({"n": ("1", "2", "3"), "same": ("{n:a}{n:a}",), "free": ("{n}{n}",)})
    assert set(grammar.render("same", KEYS).to_pylist()) == {"11", "22", "33"}
    assert len(set(grammar.render("free", KEYS).to_pylist())) == 9


def test_nested_rules_are_expanded() -> None:
    grammar = Grammar({"a": ("x", "y"), "b": ("<{a}{a}>",), "c": ("{b}",)})
    assert set(grammar.render("c", KEYS).to_pylist()) == {"<xx>", "<xy>", "<yx>", "<yy>"}


def test_an_unknown_rule_names_itself() -> None:
    with pytest.raises(ConfigError, match="no rule 'gone'"):
        Grammar({"a": ("{gone}",)}).render("a", KEYS)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30), st.sampled_from(sorted(RULES)))
def test_text_depends_on_the_key_alone(keys: list[int], rule: str) -> None:
    together = _GRAMMAR.render(rule, np.array(keys, dtype=np.uint64)).to_pylist()
    alone = [_GRAMMAR.render(rule, np.array([k], dtype=np.uint64))[0].as_py() for k in keys]
    assert together == alone


_GRAMMAR = Grammar(RULES)


def test_every_rule_of_the_lexicon_renders_without_a_slot_left() -> None:
    for rule in RULES:
        for text in (
            Grammar(RULES).render(rule, KEYS[:40]).to_pylist()
            if rule == "chat"
            else (_GRAMMAR.render(rule, KEYS[:40]).to_pylist())
        ):
            assert not re.search(r"\{[a-z0-9_.]+(:[a-z0-9]+)?\}", text), (rule, text)


def test_prompts_are_many() -> None:
    keys = mix(np.arange(20_000, dtype=np.uint64), 1)
    for rule, least in (
        ("chat", 14_000),
        ("code.ask", 12_000),
        ("seed", 14_000),
        ("passage", 19_000),
    ):
        assert len(_GRAMMAR.render(rule, keys).unique()) > least


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**32), st.integers(1, 10_000))
def test_picks_stay_in_range(key: int, salt: int, size: int) -> None:
    mixed = mix(np.array([key], dtype=np.uint64), salt)
    assert 0 <= pick(mixed, size)[0] < size
    assert 0 <= unit(mixed)[0] < 1


def test_mixing_spreads_neighbouring_keys() -> None:
    share = np.bincount(pick(mix(np.arange(100_000, dtype=np.uint64), 5), 10)) / 100_000
    assert np.abs(share - 0.1).max() < 0.01


def test_ranks_are_popular_first() -> None:
    counts = np.bincount(ranks(np.random.default_rng(1), 50_000, 100), minlength=100)
    assert counts[0] > 5 * counts[20] > 0
    assert counts.sum() == 50_000
