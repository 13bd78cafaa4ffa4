"""Cases for tests of policies, as one run of the detectors would give them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stillwatch.domain.decision import Subject
from stillwatch.gateway.policy.case import Case, Member, Source
from stillwatch.gateway.policy.load import Policy, load_policy

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
RUN = "00ff00ff00ff00ff"
LOG = 100_000
"""Accounts in the log, each with one request."""


def lone(account: str = "a", **changes: Any) -> Case:
    """One account, flagged alone on strong evidence."""
    said: dict[str, Any] = {
        "confidence": 0.97,
        "p_value": 1e-5,
        "accounts": 1,
        "events": 1,
        "traffic_share": 1 / LOG,
        "account_share": 1 / LOG,
        "access_path": "self_serve",
        "last_seen": NOW - timedelta(hours=3),
        "members": (Member(account, 1),),
        "sentence": "97 % of its prompts follow one template.",
    }
    evidence = changes.pop("evidence", (f"finding:{RUN}/{account}",))
    return Case(Subject.of("account", account), Source.FINDING, evidence, **(said | changes))


def campaign(
    size: int | list[str] = 10, name: str = "C0001", run: str = RUN, **changes: Any
) -> Case:
    """Accounts that act as one, on strong evidence."""
    names = [f"{name}-{n}" for n in range(size)] if isinstance(size, int) else size
    said: dict[str, Any] = {
        "confidence": 0.95,
        "p_value": 1e-5,
        "accounts": len(names),
        "events": len(names),
        "traffic_share": len(names) / LOG,
        "account_share": len(names) / LOG,
        "access_path": "self_serve",
        "last_seen": NOW - timedelta(hours=3),
        "members": tuple(Member(one, 1) for one in names),
        "group": name,
    }
    subject = Subject.of("campaign", f"{run}/{name}")
    evidence = changes.pop("evidence", (f"finding:{run}/{name}",))
    return Case(subject, Source.CAMPAIGN, evidence, **(said | changes))


def blocks_everyone(folder: Path, **guards: Any) -> Policy:
    """A policy that blocks whatever it is shown, for an hour."""
    sample = {"source": "finding", "own_evidence": True}
    rule = {
        "name": "everyone",
        "why": "A mistake that somebody makes one day.",
        "when": {"own_evidence": True},
        "decide": {"effect": "block", "for": "1h", "reason": "everyone is blocked"},
        "samples": {"match": [sample], "no_match": [{"own_evidence": False, "source": "lead"}]},
    }
    said = {
        "name": "everyone",
        "version": 1,
        "description": "Blocks everyone.",
        "rules": [rule],
        "guards": {
            "new_blocks_per_hour": 100,
            "new_touched_per_hour": 1000,
            "traffic_share": 0.25,
            "account_share": 0.25,
            **guards,
        },
    }
    path = folder / "everyone.yaml"
    path.write_text(json.dumps(said), encoding="utf-8")
    return load_policy(path)
