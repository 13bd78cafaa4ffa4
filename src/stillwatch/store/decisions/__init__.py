"""Decisions, kept: made, held, lifted, undone, and told to gateways in one order.

Glossary
    standing    in force, unless its end has come
    held        decided, and not in force until a person releases it
    lifted      taken back before its end; refused: held, and never let into force
    ended       its time was over
    suspended   set to ``observe`` while an appeal is open or a claim it rests on is frozen
    change      one decision came into force, was changed, or fell; numbered in one order
    act         who did what to a decision, and why; never changed

Rules
    * Every function works inside the caller's transaction (``Store.begin``); whoever writes takes
      the stream's turn first, so writers stand in line and changes appear in their order.
    * What comes into force, changes or falls takes a number of the stream and leaves an act.
    * A policy's block, throttle or degrade rests on evidence of the lab's own, always.
    * Ask ``newest`` first and ``standing`` after: changes since that number lead from one to the next.

>>> from stillwatch.store.database import Store  # doctest: +SKIP
>>> with Store("sqlite:///share.db").begin() as connection:  # doctest: +SKIP
...     made = add(connection, [decision], by="alice", now=datetime.now(UTC))
"""

from stillwatch.store.decisions.acts import Act, acts
from stillwatch.store.decisions.ending import lift, refuse, release, sweep
from stillwatch.store.decisions.forgetting import forget
from stillwatch.store.decisions.making import add
from stillwatch.store.decisions.reading import (
    Recent,
    by_prefix,
    find,
    listed,
    made_since,
    on,
    touching,
)
from stillwatch.store.decisions.rows import Kept, State, Suspended
from stillwatch.store.decisions.stream import (
    Behind,
    Change,
    Columns,
    changes,
    newest,
    renumber,
    standing,
)
from stillwatch.store.decisions.suspending import freeze, restore, suspend
from stillwatch.store.decisions.undo import foreign_evidence, undo, undone

__all__ = [
    "Act", "Behind", "Change", "Columns", "Kept", "Recent", "State", "Suspended", "acts", "add", "by_prefix",
    "changes", "find", "foreign_evidence", "forget", "freeze", "lift", "listed", "made_since", "newest", "on", "refuse", "release", "renumber",
    "restore", "standing", "suspend", "sweep", "touching", "undo", "undone",
]  # fmt: skip
