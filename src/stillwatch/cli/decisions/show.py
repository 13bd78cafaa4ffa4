"""``stillwatch decisions show``: why, on what ground, and what became of it."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from stillwatch.cli.decisions.common import (
    Id,
    Json,
    at,
    effect_of,
    left,
    moment,
    named,
    record,
    state_of,
)
from stillwatch.cli.spoken import say, tell
from stillwatch.cli.stores import Config_, Store_, opened_store
from stillwatch.domain.decision import is_own
from stillwatch.store import appeals, decisions, outbox
from stillwatch.store.decisions import Kept

_RESTING = 1000


def show(id: Id, store: Store_ = "", config: Config_ = None, json: Json = False) -> None:  # noqa: A002
    """Explain one decision: reason, evidence, what else rests on it, its history, its appeals."""
    now = moment()
    with opened_store(store, config) as opened, opened.begin() as connection:
        id_ = named(connection, id)
        kept = decisions.find(connection, id_)
        assert kept is not None
        asked = appeals.listed(connection, decision=id_)
        open_ = next((one.id for one in asked if one.state == "open"), None)
        said = {
            **record(kept, now, open_),
            "evidence_is": [_ground(connection, one, id_) for one in kept.decision.evidence],
            "acts": [asdict(act) for act in decisions.acts(connection, id_)],
            "appeals": [asdict(one) for one in asked],
        }
    if json:
        tell(said)
    else:
        _explain(kept, said)


def _ground(connection: Connection, evidence: str, id_: str) -> dict[str, Any]:
    """What a piece of evidence is, and what else rests on it."""
    resting = decisions.listed(connection, evidence=evidence, limit=_RESTING + 1)
    others = [k.decision.id for k in resting if k.decision.id != id_ and k.state == "standing"]
    what, ours = _what(connection, evidence)
    return {
        "id": evidence, "own": ours, "what": what, "others": others[:20], "also": len(others),
    }  # fmt: skip


def _what(connection: Connection, evidence: str) -> tuple[str, bool]:
    kinds = {
        "finding:": "a finding of our own: RUN/NAME of a result of `stillwatch detect`",
        "case:": "a person's own case",
        "appeal:": "an appeal that was upheld here",
        "lead:": "a lead: what others say of a sign-up or customer",
    }
    for start, words in kinds.items():
        if evidence.startswith(start):
            return words, is_own(evidence)
    if outbox.last_published(connection, evidence) is not None:
        return "a claim that we published ourselves", False
    from stillwatch.sharing.board import board  # noqa: PLC0415 - only for others' claims

    entry = max(board(connection, evidence), key=lambda e: e.weight.value, default=None)
    if entry is None:
        return "not known here: another lab's claim that was not received, or a name", False
    why = "; ".join(entry.weight.why)
    words = f"a claim of {entry.received.publisher}, {entry.state}, weight {entry.weight.value:g}"
    return f"{words} ({why})", False


def _explain(kept: Kept, said: dict[str, Any]) -> None:
    one, now = kept.decision, moment()
    say(f"{effect_of(kept)}  {one.subject.scope} {one.subject.value}")
    say(f"  id       {one.id}")
    say(f"  state    {state_of(kept, now)}{_by(kept)}")
    say(f"  ends     {at(one.until)} ({left(one.until, now)} left)")
    say(f"  made     {at(one.made)} by {one.origin}")
    say(f"  reason   {one.reason}")
    if one.rate:
        say(f"  rate     {', '.join(f'{n} {v}' for n, v in said['rate'].items())}")
    if one.members:
        say(f"  members  {len(one.members):,} accounts: {', '.join(one.members[:10])}")
    if kept.suspended:
        say(f"  suspended until closed: {', '.join(kept.suspended.causes)}")
    for ground in said["evidence_is"]:
        say(f"  rests on {ground['id']}: {ground['what']}")
        if ground["also"]:
            say(f"           as do {_count(ground['also'])} other decisions in force")
    if not said["evidence_is"]:
        say("  rests on nothing but the word of who made it")
    for name in kept.struck:
        say(f"  no more on {name}: it was undone")
    for appeal in said["appeals"]:
        outcome = f": {appeal['outcome']}" if appeal["outcome"] else ""
        say(f"  appeal   {appeal['id']} {appeal['state']}{outcome}; said: {appeal['reason']}")
    for act in said["acts"]:
        say(f"  {act['at']}  {act['act']} by {act['by']}: {act['detail']}")


def _by(kept: Kept) -> str:
    return f" by {kept.by}: {kept.why}" if kept.by else ""


def _count(many: int) -> str:
    return f"at least {_RESTING:,}" if many >= _RESTING else f"{many:,}"
