"""Policies are data, and a policy with a mistake in it is no policy."""

import json
from pathlib import Path
from typing import Any

import pytest

from stillwatch.domain.decision import Effect
from stillwatch.errors import ConfigError
from stillwatch.gateway.policy.load import SHIPPED, load_policy
from stillwatch.gateway.policy.rule import sample_case
from tests.cases import NOW, campaign, lone

SHOWN = {"source": "campaign", "p_value": 0.0001, "accounts": 10}


def rule(name: str = "one", **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "why": "Because a test needs one.",
        "when": {"source": "campaign"},
        "decide": {"effect": "block", "for": "7d", "reason": "{accounts} accounts, p {p_value}"},
        "samples": {"match": [SHOWN], "no_match": [{"source": "finding"}]},
        **changes,
    }


def policy(*rules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "name": "mine",
        "version": 1,
        "description": "A policy for tests.",
        "rules": list(rules) or [rule()],
        "guards": {
            "new_blocks_per_hour": 10,
            "new_touched_per_hour": 10,
            "traffic_share": 0.1,
            "account_share": 0.1,
        },
        **changes,
    }


def written(folder: Path, said: object) -> Path:
    path = folder / "mine.yaml"
    path.write_text(said if isinstance(said, str) else json.dumps(said), encoding="utf-8")
    return path


def refused(folder: Path, said: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_policy(written(folder, said))
    return str(caught.value)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_load_with_all_their_samples(name: str) -> None:
    read = load_policy(Path(name))
    assert read.name == name
    for each in read.rules:
        for facts in each.match:
            assert read.ruling(sample_case(facts), NOW).rule == each.name


def test_a_reason_carries_the_figures_of_the_case(tmp_path: Path) -> None:
    read = load_policy(written(tmp_path, policy()))
    decided = read.decide(campaign(12, p_value=0.00123), NOW)
    assert decided is not None
    assert decided.reason == "12 accounts, p 0.0012"
    assert (decided.until - decided.made).days == 7
    assert decided.origin == "policy:mine"


def test_a_reason_cannot_reach_into_what_it_is_given(tmp_path: Path) -> None:
    for inner in (
        "{accounts.__class__}",
        "{accounts[0]}",
        "{accounts!r}",
        "{accounts:>9999999999}",
    ):
        said = policy(rule(decide={"effect": "block", "for": "7d", "reason": f"see {inner}"}))
        assert "rule one: reason" in refused(tmp_path, said)


def test_text_of_a_log_in_a_reason_is_only_text(tmp_path: Path) -> None:
    decide = {"effect": "block", "for": "7d", "reason": "said {sentence}"}
    read = load_policy(written(tmp_path, policy(rule(decide=decide))))
    decided = read.decide(campaign(6, sentence="{policy} {0} {" + "x" * 5000), NOW)
    assert decided is not None
    assert decided.reason.startswith("said {policy} {0} {xxx")
    assert len(decided.reason) == 1000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"when": {"acounts": {"at_least": 3}}}, "'acounts' is not known, did you mean 'accounts'?"),
        ({"when": {"accounts": {"atleast": 3}}}, "did you mean 'at_least'?"),
        ({"when": {"access_path": "educaton"}}, "did you mean 'education'?"),
        ({"when": {"source": "campain"}}, "did you mean 'campaign'?"),
        ({"when": {"step": {"at_least": "chalenge"}}}, "'chalenge' is not one of"),
        ({"when": {"p_value": {"at_least": 0.5, "at_most": 0.1}}}, "no value from 0.5 to 0.1"),
        ({"when": {"p_value": 3}}, "rules one when p_value"),
        ({"when": {"verified": "yes"}}, "rules one when verified"),
        ({"decide": {"effect": "blok", "for": "1d", "reason": "none"}}, "'blok' is not one of"),
        ({"decide": {"effect": "allow", "for": "1d", "reason": "none"}}, "'allow' is not one of"),
        ({"decide": {"effect": "block", "reason": "none"}}, "for how long?"),
        ({"decide": {"effect": "block", "for": "0d", "reason": "none"}}, "does not match"),
        ({"decide": {"effect": "block", "for": "9999d", "reason": "none"}}, "longer than 365 days"),
        ({"decide": {"effect": "throttle", "for": "1d", "reason": "none"}}, "throttle needs 'rate'"),
        (
            {"decide": {"effect": "block", "for": "1d", "reason": "none", "cohort": "k"}},
            "block has no 'cohort'",
        ),
        (
            {"decide": {"effect": "block", "for": "1d", "reason": "{acounts} of"}},
            "did you mean 'accounts'?",
        ),
        ({"samples": {"match": [{"acounts": 1}], "no_match": [SHOWN]}}, "did you mean 'accounts'?"),
        ({"samples": {"match": [{"source": "finding"}], "no_match": [{"source": "lead"}]}}, "source is finding"),
        ({"samples": {"match": [SHOWN], "no_match": [SHOWN]}}, "no_match 1: the rule decides it"),
        ({"samples": {"match": [], "no_match": [SHOWN]}}, "samples match"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    told = refused(tmp_path, policy(rule(**changes)))
    assert "mine.yaml" in told
    assert words in told


def test_a_rule_that_cannot_be_reached_is_an_error(tmp_path: Path) -> None:
    narrow = rule("narrow", when={"source": "campaign", "accounts": {"at_least": 5}})
    told = refused(tmp_path, policy(rule("wide"), narrow))
    assert "rule narrow can never be reached: wide, before it" in told
    other = rule("other", when={"source": ["finding", "campaign"], "p_value": {"below": 0.01}})
    inner = rule("inner", when={"source": "campaign", "p_value": {"at_most": 0.005}})
    assert "inner can never be reached" in refused(tmp_path, policy(other, inner))


def test_a_rule_hidden_by_several_together_is_found_by_its_samples(tmp_path: Path) -> None:
    small = rule(
        "small",
        when={"source": "campaign", "accounts": {"below": 10}},
        samples={"match": [{"source": "campaign", "accounts": 5}], "no_match": [SHOWN]},
    )
    large = rule("large", when={"source": "campaign", "accounts": {"at_least": 10}})
    any_ = rule("any", when={"source": "campaign", "accounts": {"at_least": 0}})
    told = refused(tmp_path, policy(small, large, any_))
    assert "rule any, sample match 1: rule large, before it, takes it" in told


def test_bounds_of_guards_are_bounded(tmp_path: Path) -> None:
    wide = policy()
    wide["guards"]["traffic_share"] = 1.0
    assert "guards traffic_share: 1.0 is greater than the maximum of 0.25" in refused(
        tmp_path, wide
    )
    none = policy()
    del none["guards"]["account_share"]
    assert "account_share" in refused(tmp_path, none)
    odd = policy()
    odd["guards"]["never"] = {"range": ["192.0.2.0/99"]}
    assert "guards: '192.0.2.0/99' is no network" in refused(tmp_path, odd)


def test_a_name_said_twice_is_an_error(tmp_path: Path) -> None:
    assert "another rule has that name" in refused(tmp_path, policy(rule(), rule()))


def test_others_words_alone_challenge_at_most_whatever_the_rule_says(tmp_path: Path) -> None:
    hard = rule(
        when={"source": "lead"},
        samples={"match": [{"source": "lead"}], "no_match": [{"source": "finding"}]},
    )
    read = load_policy(written(tmp_path, policy(hard)))
    ruling = read.ruling(sample_case({"source": "lead", "labs": 9, "step": "restrict"}), NOW)
    assert ruling.decision is not None
    assert ruling.decision.effect is Effect.CHALLENGE
    assert "another lab's word alone" in ruling.why


def test_own_words_of_access_paths_and_tiers(tmp_path: Path) -> None:
    said = policy(
        rule(when={"source": "campaign", "access_path": "reseller-eu"},
             samples={"match": [SHOWN | {"access_path": "reseller-eu"}], "no_match": [SHOWN]}),
        words={"access_path": ["reseller-eu"]},
    )  # fmt: skip
    read = load_policy(written(tmp_path, said))
    assert read.decide(campaign(6, access_path="reseller-eu"), NOW) is not None
    assert read.decide(campaign(6, access_path="reseller"), NOW) is None


def test_never_is_never(tmp_path: Path) -> None:
    said = policy(
        rule(
            when={"source": ["finding", "campaign"]},
            samples={"match": [SHOWN], "no_match": [{"source": "lead"}]},
        )
    )
    said["guards"]["never"] = {"account": ["ours"], "access_path": ["enterprise"]}
    read = load_policy(written(tmp_path, said))
    assert read.decide(lone("ours"), NOW) is None
    assert read.decide(lone("theirs", access_path="enterprise"), NOW) is None
    assert read.decide(lone("theirs"), NOW) is not None


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [" + ", ".join([f"*{chr(97 + n)}"] * 9) + "]" for n in range(9)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "line 2: aliases (*name) are not read"),
        ("name: a\nname: b\n", "line 2: 'name' is said twice, first in line 1"),
        ("[" * 5000, "nested deeper than 12"),
        ("a: " * 1000, "line 1"),
        ("{a: {b: {c: {d: {e: {f: {g: {h: {i: {j: {k: {l: {m: 1}}}}}}}}}}}}}", "nested deeper"),
        ("x: [" + "1," * 30000 + "]", "more than 20000 values"),
        ("#" + "x" * 300_000, "larger than 262,144 bytes"),
        ("on: 1\n", "the key 'on' is no text; put it in quotes"),
        ("1: 1\n", "the key '1' is no text"),
        ("x: .nan\n", "line 1: .nan is no number to compare with"),
        ("x: !!python/object/apply:os.system ['true']\n", "line 1"),
        ("x: 2026-99-99\n", "mine.yaml"),
        (f"x: {'9' * 5000}\n", "mine.yaml"),
        ("a: 1\n---\nb: 2\n", "mine.yaml"),
        ("", "holds no policy"),
        ("just words", "holds no policy"),
        ("\x00", "mine.yaml"),
    ],
)
def test_yaml_that_is_no_policy_is_refused_within_bounds(
    tmp_path: Path, text: str, words: str
) -> None:
    assert words in refused(tmp_path, text)


def test_a_file_that_is_not_there_or_no_text_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_policy(tmp_path / "none.yaml")
    with pytest.raises(ConfigError) as told:
        load_policy(Path("standrd"))
    assert told.value.hint == "did you mean 'standard'?"
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_policy(path)
