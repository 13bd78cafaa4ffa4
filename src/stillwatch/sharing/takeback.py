"""Which published claims of ours say what was found wrong, and how they are taken back.

A claim is found by its id, by the finding it was drafted from, or by the accounts it is about,
which are kept as keyed hashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import orjson
from sqlalchemy import Connection

from stillwatch.domain.decision import Decision, Scope
from stillwatch.store import outbox
from stillwatch.store.outbox import Draft, account_tag, actor_tag

_FINDING: Final = "finding:"
_RUN: Final = 16
"""Hex digits of the digest of a run's findings that name it."""


@dataclass(frozen=True, slots=True)
class TakeBack:
    """A claim that stands at other labs, and the command that ends it."""

    claim: str
    why: str
    command: str


def taken_back_by(
    connection: Connection, secret: bytes, decision: Decision, evidence: Sequence[str]
) -> list[TakeBack]:
    """Claims of ours that are live and say what a wrong decision rested on."""
    found = dict.fromkeys(evidence, "it was the evidence")
    for draft in outbox.listed(connection, "published"):
        for one in evidence:
            if one.startswith(_FINDING) and _made_of(draft, one.removeprefix(_FINDING)):
                found.setdefault(draft.stix_id, f"it was drafted from {one}")
    for claim in outbox.traced(connection, _tags(secret, decision)):
        found.setdefault(claim, "the account is among those it is about")
    return [
        TakeBack(claim, why, f"stillwatch share revoke {claim} --reason '…'")
        for claim, why in found.items()
        if _live(connection, claim)
    ]


def _tags(secret: bytes, decision: Decision) -> list[bytes]:
    one = decision.subject
    names = [one.value] if one.scope is Scope.ACCOUNT else list(decision.members)
    return [tag(secret, name) for name in names for tag in (account_tag, actor_tag)]


def _made_of(draft: Draft, finding: str) -> bool:
    """Whether a draft says that it was made from this finding: NAME of RESULT, or RESULT."""
    run, _, name = finding.partition("/")
    place = Path(
        draft.origin.removeprefix(f"{name} of ")
    )  # of another name: there is no such place
    try:
        with (place / "findings.jsonl").open("rb") as file:
            digest = sha256()
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError:
        return False
    return digest.hexdigest()[:_RUN] == run


def _live(connection: Connection, claim: str) -> bool:
    last = outbox.last_published(connection, claim)
    return last is not None and orjson.loads(last.body).get("revoked") is not True
