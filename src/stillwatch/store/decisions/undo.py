"""Evidence that counts no more is struck from everything that lists it.

Rules
    * It is struck from decisions of every state, so that the order of two strikes does not matter.
    * A decision falls when nothing is left under it, or only others' words under a policy's block,
      throttle or degrade, or only a lead whose claims are gone. A person's own decision falls only with its last evidence.
    * That it was undone is written down even where nothing rests on it: see ``undone``.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, delete, select

from stillwatch.domain.decision import DecisionId, evidence_id
from stillwatch.errors import InputError
from stillwatch.store.decisions.acts import answerable, note
from stillwatch.store.decisions.rows import (
    Edit,
    Kept,
    bears,
    kept_of,
    parts,
    rows_by_id,
    suspended,
)
from stillwatch.store.decisions.stream import take_turn, told
from stillwatch.store.schema import decision_acts, decision_evidence


def undo(
    connection: Connection, evidence: str, *, by: str, reason: str, now: datetime
) -> list[DecisionId]:
    """Strike evidence from all that rests on it; ids of decisions that fell from being in force."""
    reason = answerable(by, reason)
    try:
        evidence = evidence_id(evidence)
    except ValueError as error:
        raise InputError(str(error)) from error
    take_turn(connection)
    its = decision_evidence.c.evidence == evidence
    ids = connection.scalars(select(decision_evidence.c.decision).where(its)).all()
    if not ids and undone(connection, [evidence]):
        return []
    edit, deeds = Edit(), [("undo", evidence, reason)]
    changed, fell = list[str](), list[DecisionId]()
    why = f"{evidence} counts no more: {reason}"[:1000]
    for kept in map(kept_of, rows_by_id(connection, ids)):
        after = _struck(kept, evidence, by, why)
        edit.put(after)
        deeds.append(("strike" if after.state == kept.state else "fall", kept.decision.id, why))
        if kept.state == "standing":
            changed.append(kept.decision.id)
            fell += [kept.decision.id] if after.state == "lifted" else []
    edit.known(connection)
    connection.execute(delete(decision_evidence).where(its))
    note(connection, deeds, by, now)
    told(connection, changed, now)
    return fell


def undone(connection: Connection, evidence: Iterable[str]) -> frozenset[str]:
    """Which of these were undone at some time: what rests on them alone is not to be made again."""
    found = set[str]()
    for part in parts(evidence):
        its = decision_acts.c.decision.in_(part) & (decision_acts.c.act == "undo")
        found.update(connection.scalars(select(decision_acts.c.decision).where(its)))
    return frozenset(found)


def foreign_evidence(connection: Connection) -> frozenset[str]:
    """Others' words that decisions rest on."""
    query = select(decision_evidence.c.evidence).where(decision_evidence.c.own == 0).distinct()
    return frozenset(connection.scalars(query))


def _struck(kept: Kept, evidence: str, by: str, why: str) -> Kept:
    left = tuple(one for one in kept.decision.evidence if one != evidence)
    if kept.suspended and evidence in kept.suspended.causes:
        kept = suspended(kept, tuple(c for c in kept.suspended.causes if c != evidence))
    after = replace(
        kept,
        decision=replace(kept.decision, evidence=left),
        struck=tuple(dict.fromkeys((*kept.struck, evidence))),
    )
    if bears(after, left, after.struck) or kept.state not in ("standing", "held"):
        return after
    return replace(after, state="lifted" if kept.state == "standing" else "refused", by=by, why=why)
