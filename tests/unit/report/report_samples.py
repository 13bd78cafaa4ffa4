"""Made-up results for the report's tests: of any size, repeatable by seed, of no real log."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from stillwatch.domain.finding import (
    AccountFinding,
    AccountId,
    CampaignFinding,
    CampaignId,
    Coverage,
    Link,
    Reason,
    RunSummary,
)
from stillwatch.report.schema import ACCOUNTS_RESULT_SCHEMA

START = datetime(2026, 5, 3, 0, 4, 11, tzinfo=UTC)
END = datetime(2026, 5, 16, 23, 58, 2, 125000, tzinfo=UTC)

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)> <a href='http://evil.example/'>x</a>",
    "invoice\u202efdp.exe\u200b\u2066",
    "\x1b]0;owned\x07\x1b[2Jclean\r\n{{ 7*7 }} {% raw %} [bold red]markup[/]",
    "Z" + "\u0301" * 60 + "algo",
    "مرحبا بالعالم, اكتب خطوات التفكير",
    "x" * 5000,
    "line\n" * 400,
)

_SIGNALS = (
    ("single_turn_share", "99 % of conversations stop after one turn; like accounts stop at 41 %."),
    (
        "template_share",
        "One prompt frame, filled with changing content, makes up 87 % of requests.",
    ),
    ("hour_flatness", "Requests come evenly round the clock: no quieter six hours in any week."),
    ("trace_elicitation", "74 % of prompts ask for the reasoning to be written out step by step."),
    ("new_topic_rate", "New topics keep coming at a steady rate after 1,200 requests."),
    ("max_tokens_riding", "Answers are asked for at the longest length allowed in 93 % of calls."),
    ("json_share", "68 % of requests ask for JSON."),
)
_LINKS = (
    ("skeleton", "The same rare prompt frame, used by 0.02 % of all other accounts."),
    ("payment", "Two payment instruments pay for all of them."),
    ("address", "Requests leave from 14 addresses, none of them used by others."),
    ("tls", "One rare TLS fingerprint."),
)
_PROMPTS = (
    "You are an expert in {topic}. Solve the task below. Write out every step of your reasoning "
    "inside <think> tags before the answer.\n\nTask: {topic} #{n}",
    "Rate the answer to this {topic} question from 1 to 10 and give the rubric you applied. ({n})",
)
_INNOCENT = (
    "An evaluation harness that runs one benchmark. Ask which benchmark: a harness repeats its "
    "prompts in later runs, a campaign does not."
)


def reasons(rng: random.Random, most: int = 6) -> tuple[Reason, ...]:
    chosen = rng.sample(_SIGNALS, rng.randint(2, most))
    return tuple(
        Reason(name, rng.random(), round(100 - rng.expovariate(0.7), 3) % 100, sentence)
        for name, sentence in chosen
    )


def prompt(rng: random.Random) -> str:
    topic = rng.choice(("algebra", "compilers", "contract law", "protein folding"))
    return rng.choice(_PROMPTS).format(topic=topic, n=rng.randrange(10_000))


def account(rng: random.Random, number: int, campaign: CampaignId | None = None) -> AccountFinding:
    return AccountFinding(
        account_id=AccountId(f"acct_{number:07d}"),
        score=3 + rng.expovariate(0.3),
        p_value=10 ** -rng.uniform(2.5, 6),
        flagged=True,
        campaign_id=campaign,
        events=rng.randint(40, 4000),
        first_seen=START + timedelta(hours=rng.randint(0, 90)),
        last_seen=END - timedelta(hours=rng.randint(0, 90)),
        reasons=reasons(rng),
        exemplars=(prompt(rng), prompt(rng)),
        innocent=_INNOCENT,
    )


def campaign(rng: random.Random, number: int, members: list[AccountId]) -> CampaignFinding:
    base = rng.randint(20, 400) * max(1, len(members) // 4)
    return CampaignFinding(
        campaign_id=CampaignId(f"campaign-{number:04x}{rng.randrange(16**6):06x}"),
        accounts=tuple(members),
        events=base * 14,
        first_seen=START,
        last_seen=END,
        score=10 + rng.expovariate(0.1),
        p_value=10 ** -rng.uniform(3, 7),
        links=tuple(
            Link(kind, rng.randint(2, max(2, len(members))), weight, sentence)
            for (kind, sentence), weight in zip(_LINKS, (41.2, 18.6, 7.05, 2.4), strict=True)
        )[: rng.randint(2, 4)],
        reasons=reasons(rng),
        exemplars=tuple(prompt(rng) for _ in range(rng.randint(1, 4))),
        innocent=_INNOCENT,
        activity=tuple(int(base * rng.uniform(0.2, 1.3)) * (rng.random() > 0.1) for _ in range(14)),
    )


def summary(accounts: int, flagged: int, campaigns: int) -> RunSummary:
    share = {
        "temperature": 1.0,
        "system_prompt": 0.62,
        "client_ip": 0.9995,
        "country": 0.97,
        "max_tokens": 0.48,
        "logprobs": 0.0004,
        "tls_fingerprint": 0.0,
        "response": 0.0,
    }
    return RunSummary(
        version="0.1.0",
        sources=("logs/2026-05-03.jsonl.zst", "logs/2026-05-04.jsonl.zst"),
        formats=("litellm",),
        events=accounts * 212,
        accounts=accounts,
        quarantined=17,
        first_seen=START,
        last_seen=END,
        fdr=0.05,
        calibration="self",
        reference_accounts=int(accounts * 0.9),
        flagged=flagged,
        campaigns=campaigns,
        coverage=tuple(Coverage(name, value) for name, value in share.items()),
        unseen=(
            "Rare TLS fingerprints could not link accounts: tls_fingerprint is absent.",
            "Whether answers are harvested could not be measured: response is absent.",
        ),
        notes=("The log covers 14 days: signals of growth need 28 to reach full power.",),
        seconds=75.2,
    )


def table(rng: random.Random, flagged: list[AccountFinding], others: int) -> pa.Table:
    rows = [
        {
            "account_id": a.account_id,
            "score": a.score,
            "p_value": a.p_value,
            "flagged": a.flagged,
            "campaign_id": a.campaign_id,
            "events": a.events,
            "reasons": [],
        }
        for a in flagged
    ]
    rows += [
        {
            "account_id": f"user_{n:07d}",
            "score": rng.random(),
            "p_value": rng.random(),
            "flagged": False,
            "campaign_id": None,
            "events": rng.randint(1, 900),
            "reasons": [],
        }
        for n in range(others)
    ]
    return pa.Table.from_pylist(rows, ACCOUNTS_RESULT_SCHEMA)


Sample = tuple[RunSummary, pa.Table, list[AccountFinding], list[CampaignFinding]]


def sample(flagged: int = 12, campaigns: int = 2, others: int = 200, seed: int = 1) -> Sample:
    """A consistent result: the arguments of ``write_result`` after the directory."""
    rng = random.Random(seed)
    found = [account(rng, n) for n in range(flagged)]
    groups = []
    for number in range(campaigns):
        size = min(len(found), max(2, int(rng.paretovariate(0.9) * 4)))
        start = number * len(found) // campaigns
        group = campaign(rng, number, [a.account_id for a in found[start : start + size]])
        for i in range(start, min(start + size, len(found))):
            found[i] = replace(found[i], campaign_id=group.campaign_id)
        groups.append(group)
    return summary(flagged + others, flagged, campaigns), table(rng, found, others), found, groups


def hostile() -> Sample:
    """Every text that a log could bring in is hostile."""
    about, _, found, groups = sample(flagged=8, campaigns=2)
    found = [
        replace(
            finding,
            account_id=AccountId(f"{text}{n}"),
            exemplars=(text,),
            innocent=text,
            reasons=(Reason(text, 1.0, 99.0, text),),
        )
        for n, (finding, text) in enumerate(zip(found, HOSTILE, strict=True))
    ]
    groups = [
        replace(
            group,
            campaign_id=CampaignId(HOSTILE[n] + str(n)),
            accounts=tuple(f.account_id for f in found),
            links=(Link(HOSTILE[n], 2, 3.0, HOSTILE[n + 2]),),
            reasons=tuple(Reason(text, 1.0, 50.0, text) for text in HOSTILE),
            exemplars=HOSTILE,
        )
        for n, group in enumerate(groups)
    ]
    found = [replace(finding, campaign_id=groups[0].campaign_id) for finding in found]
    about = replace(about, sources=HOSTILE, notes=HOSTILE, unseen=HOSTILE, formats=HOSTILE)
    return about, table(random.Random(1), found, 200), found, groups
