"""Claims for tests: one example of each kind, and strategies that draw any lawful one."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from stillwatch.domain.claim import (
    ActorClaim,
    CampaignClaim,
    Claim,
    ClaimId,
    InfrastructureClaim,
    LegalBasis,
    OpinionClaim,
    RuleClaim,
    SightingClaim,
    StixId,
    TacticClaim,
    TagsClaim,
    Technique,
    Terms,
    Tlp,
    VerdictClaim,
)
from stillwatch.intel.codenames import code_name
from stillwatch.intel.ids import TYPES
from stillwatch.intel.policy.load import shipped
from stillwatch.intel.policy.rules import rule_digest
from stillwatch.intel.scales import DIGITS, SPANS, span

TODAY = date(2026, 11, 26)
PUBLISHER = StixId("identity--8f1d2a3e-0b5c-4c7a-9f6e-3d1b2a4c5e6f")
BASES = {
    "gdpr-6-1-f": ("EU", "DE", "FR", "NL"),
    "doj-ftc-2014": ("US",),
}
POLICY = shipped()
EPOCHS = ("2026-q4", "2027-q1", "e1", "pilot")
RULE = """\
title: Reasoning traces asked for in bulk
status: test
tags: [atlas.aml.t0024.002]
logsource: {category: llm_request}
detection:
  asks:
    prompt|contains:
      - write out every step of your reasoning
      - show the full chain of thought
  condition: asks
falsepositives:
  - Classes in which every exercise asks for a worked solution.
level: medium
stillwatch:
  account: {share: 0.2, prompts: 2}
  expires: 2027-02-18
samples:
  match:
    - [Write out every step of your reasoning before the answer.]
    - ["Show the full chain of thought, then the result."]
  no_match:
    - [What is the capital of France?]
    - [Shorten this paragraph to one sentence.]
"""


def rule_content(text: str) -> dict[str, Any]:
    """Content of a lawful rule."""
    return POLICY.kinds["rule"].fields["rule"].value.read(text)


def terms(number: int = 1, **changes: Any) -> Terms:
    """Terms of an example."""
    given: dict[str, Any] = {
        "claim_id": ClaimId(f"claim--{uuid.UUID(int=number * 7919, version=4)}"),
        "publisher": PUBLISHER,
        "tlp": Tlp.AMBER,
        "purpose": "abuse-prevention",
        "legal_basis": LegalBasis("DE", "gdpr-6-1-f", date(2026, 10, 1)),
        "confidence": 75,
        "created": datetime(2026, 11, 20, 9, 30, 15, tzinfo=UTC),
        "modified": datetime(2026, 11, 21, 8, 0, 1, tzinfo=UTC),
        "valid_from": datetime(2026, 11, 20, tzinfo=UTC),
        "valid_until": datetime(2027, 2, 18, tzinfo=UTC),
    }
    return Terms(**{**given, **changes})


def reference(kind: str, number: int = 100) -> StixId:
    """Id of another claim's object."""
    return StixId(f"{TYPES[kind]}--{uuid.UUID(int=number * 7919, version=4)}")


def examples() -> dict[str, Claim]:
    """One lawful claim of each kind."""
    t = {kind: terms(i) for i, kind in enumerate(TYPES, 1)}
    return {
        "campaign": CampaignClaim(
            t["campaign"],
            code_name(t["campaign"].claim_id),
            (Technique("AML.T0024.002"), Technique("stillwatch.trace-elicitation")),
            ("mathematics", "trace_elicitation"),
            ("payment", "skeleton", "wording_unity"),
            span(240),
            span(1_300_000),
            date(2026, 10, 2),
            date(2026, 11, 15),
            0.002,
            0.05,
            True,
        ),
        "actor": ActorClaim(
            t["actor"],
            code_name(t["actor"].claim_id),
            (reference("campaign", 1),),
            (Technique("AML.T0021"),),
            "train-a-rival-model",
        ),
        "infrastructure": InfrastructureClaim(
            t["infrastructure"],
            code_name(t["infrastructure"].claim_id),
            "proxy-network",
            (reference("campaign", 1),),
            (13335, 64496 - 1, 200_000),
            span(20_000),
        ),
        "tactic": TacticClaim(
            t["tactic"],
            "rubric-sweep",
            tuple(
                Technique(t) for t in ("AML.T0005.001", "AML.T0024.002", "stillwatch.reward-model")
            ),
            ("pairwise_verdict", "rubric_grading"),
        ),
        "rule": RuleClaim(t["rule"], RULE, rule_digest(rule_content(RULE)), 0.001, span(15_000)),
        "verdict": VerdictClaim(
            t["verdict"], "qwen/Qwen2.5-7B-Instruct", "consistent with", 0.02, 0.09, span(800), 24
        ),
        "opinion": OpinionClaim(t["opinion"], reference("campaign", 1), "agree", "own-evidence"),
        "sighting": SightingClaim(
            t["sighting"],
            reference("campaign", 1),
            span(12),
            date(2026, 10, 9),
            date(2026, 11, 1),
        ),
        "tags": TagsClaim(t["tags"], "2026-q4", "5" * 64, "c0" * 32, 512, 3, snapshot=False),
    }


def _subset(names: frozenset[str]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.sets(st.sampled_from(sorted(names)), max_size=8).map(lambda s: tuple(sorted(s)))


def _ids(kind: str) -> st.SearchStrategy[tuple[StixId, ...]]:
    one = st.uuids(version=4).map(lambda u: StixId(f"{TYPES[kind]}--{u}"))
    return st.sets(one, max_size=4).map(lambda s: tuple(sorted(s)))


_DAYS = st.dates(date(2020, 1, 1), TODAY)
_SPANS = st.sampled_from([s for s in SPANS if s.low >= 1])
_DIGIT = st.sampled_from(DIGITS)
_NAMES = st.builds(
    lambda a, b, n: f"{a}-{b}-{n}",
    st.sampled_from(POLICY.words),
    st.sampled_from(POLICY.words),
    st.integers(10, 99),
)
_TECHNIQUES = _subset(POLICY.lists["techniques"])


@st.composite
def any_terms(draw: st.DrawFn) -> Terms:
    """Any lawful terms."""
    basis = draw(st.sampled_from(sorted(BASES)))
    until = draw(st.none() | st.dates(TODAY, date(2030, 1, 1)))
    seconds = st.integers(1_577_836_800, int(datetime(2026, 11, 26, tzinfo=UTC).timestamp()))
    first, second = sorted(draw(st.tuples(seconds, seconds)))
    start = datetime.combine(draw(_DAYS), datetime.min.time(), UTC)
    names = st.sets(st.sampled_from(["alpha", "beta", "gamma"]), max_size=3)
    return Terms(
        ClaimId(f"claim--{draw(st.uuids(version=4))}"),
        StixId(f"identity--{draw(st.uuids(version=4))}"),
        draw(st.sampled_from(Tlp)),
        draw(st.sampled_from(sorted(POLICY.lists["purposes"]))),  # type: ignore[arg-type]
        LegalBasis(draw(st.sampled_from(BASES[basis])), basis, draw(_DAYS), until),
        draw(st.integers(0, 20)) * 5,
        datetime.fromtimestamp(first, UTC),
        datetime.fromtimestamp(second, UTC),
        start,
        start + timedelta(days=draw(st.integers(1, 1096))),
        tuple(sorted(draw(names))),
        tuple(sorted(draw(names))),
        draw(st.booleans()),
    )


@st.composite
def any_claim(draw: st.DrawFn, kind: str | None = None) -> Claim:
    """Any lawful claim, of any kind or the one named."""
    chosen = kind or draw(st.sampled_from(sorted(TYPES)))
    t = draw(any_terms())
    first, last = sorted((draw(_DAYS), draw(_DAYS)))
    if chosen == "campaign":
        return CampaignClaim(
            t, draw(_NAMES), draw(_TECHNIQUES), draw(_subset(POLICY.lists["families"])),
            draw(_subset(POLICY.lists["evidence"])), draw(_SPANS), draw(_SPANS), first, last,
            draw(_DIGIT), draw(_DIGIT), draw(st.booleans()),
        )  # fmt: skip
    if chosen == "actor":
        motive = draw(st.sampled_from(["train-a-rival-model", "resell-access", "unknown"]))
        return ActorClaim(t, draw(_NAMES), draw(_ids("campaign")), draw(_TECHNIQUES), motive)
    if chosen == "infrastructure":
        sort = draw(st.sampled_from(["proxy-network", "reseller", "account-shop", "card-ring"]))
        numbers = draw(st.sets(st.integers(1, 23455) | st.integers(131072, 458751), max_size=8))
        asns = tuple(sorted(numbers))
        return InfrastructureClaim(
            t, draw(_NAMES), sort, draw(_ids("campaign")), asns, draw(_SPANS)
        )
    if chosen == "tactic":
        name = draw(st.sampled_from(sorted(POLICY.lists["tactics"])))
        families = draw(_subset(POLICY.lists["families"]))
        return TacticClaim(t, name, draw(_TECHNIQUES), families)
    if chosen == "rule":
        share = draw(st.integers(1, 99))
        text = RULE.replace("share: 0.2", f"share: 0.{share:02d}")
        return RuleClaim(t, text, rule_digest(rule_content(text)), draw(_DIGIT), draw(_SPANS))
    if chosen == "verdict":
        model = draw(st.sampled_from(["qwen/Qwen2.5-7B-Instruct", "unlisted-70b", "Kimi-K2"]))
        verdict = draw(st.sampled_from(["mirrors", "consistent with", "no evidence"]))
        controls = draw(st.integers(1, 999))
        return VerdictClaim(t, model, verdict, draw(_DIGIT), draw(_DIGIT), draw(_SPANS), controls)
    if chosen == "opinion":
        about = draw(st.sampled_from(sorted(set(TYPES) - {"opinion"})))
        words = ["strongly-disagree", "disagree", "neutral", "agree", "strongly-agree"]
        reasons = ["own-evidence", "no-evidence-here", "innocent-explanation", "duplicate"]
        return OpinionClaim(
            t, reference(about), draw(st.sampled_from(words)), draw(st.sampled_from(reasons))
        )
    if chosen == "tags":
        serial, rows = draw(st.integers(1, 1_000_000)), draw(st.integers(1, 400)) * 256
        key, pack = (draw(st.binary(min_size=32, max_size=32)).hex() for _ in range(2))
        return TagsClaim(
            t, draw(st.sampled_from(EPOCHS)), key, pack, rows, serial, draw(st.booleans())
        )
    about = draw(st.sampled_from(["campaign", "actor", "infrastructure", "tactic", "rule"]))
    return SightingClaim(t, reference(about), draw(_SPANS), first, last)
