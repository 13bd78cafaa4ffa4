"""Finding out who answered wrongly, so that others may see it, too.

Rules
    * An evaluator cannot tell a canary from a customer, nor which batch will be asked about again:
      both are chosen at random here, after nothing but blinded elements left.
    * A wrong result is pinned to its evaluator by proof (the batched DLEQ of RFC 9497 against its
      public share): one that cannot prove what it said, or proves something else, answered
      wrongly. One that does not answer is not thereby a liar.
    * The evidence is what was asked, both answers and the proof: whoever has the epoch's document
      can check it. Blinded elements say nothing of what was asked.
"""

import random
import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from stillwatch.sharing.matching.peer import ELEMENT_BYTES, Answer, Failed, Question

_MOST_PENDING: Final = 8
_LATER: Final = 6
"""An audit comes after 0 to so many further batches."""


@dataclass(frozen=True, slots=True)
class Past:
    """A batch that was answered, kept until it is audited."""

    question: Question
    answers: Mapping[int, Answer]


@dataclass(frozen=True, slots=True)
class Wrong:
    """An evaluator that answered wrongly, and what shows it."""

    index: int
    why: str
    question: Question
    said: Answer
    proven: Answer
    """What it gave when it had to prove it."""

    def evidence(self) -> dict[str, Any]:
        """For a file: base64 of what was asked and answered."""
        return {
            "evaluator": self.index,
            "epoch": self.question.epoch,
            "generation": self.question.generation,
            "quorum": list(self.question.quorum),
            "asked": b64encode(self.question.elements).decode(),
            "answered": b64encode(self.said.elements).decode(),
            "answered_when_asked_for_proof": b64encode(self.proven.elements).decode(),
            "proof": b64encode(self.proven.proof).decode(),
        }


Asker = Callable[[int, Question], Answer]
"""Asks one evaluator. Raises ``Failed``."""
Check = Callable[[int, Question, Answer], bool]
"""Whether an answer is proven by an evaluator's public share."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What asking a batch again with proof told."""

    wrong: tuple[Wrong, ...]
    failed: tuple[Failed, ...]
    """Evaluators that gave no proof, and why: not pinned."""


def pin(past: Past, ask: Asker, proven: Check) -> Verdict:
    """Ask everyone about a batch again, with proof."""
    again = replace(past.question, proof=True)
    wrong, failed = list[Wrong](), list[Failed]()
    for index, said in past.answers.items():
        try:
            now = ask(index, again)
        except Failed as error:
            failed.append(error)
            continue
        why = _lie(said, now, proven(index, again, now))
        if why:
            wrong.append(Wrong(index, why, again, said, now))
    return Verdict(tuple(wrong), tuple(failed))


def by_elimination(past: Past, verdict: Verdict) -> tuple[Wrong, ...]:
    """Of a batch that is certainly wrong: the only one that gave no proof, if the others did."""
    if verdict.wrong or len(verdict.failed) != 1:
        return ()
    (failed,) = verdict.failed
    said = past.answers[failed.index]
    why = "the result was wrong, all others proved their answers, and it gave no proof"
    return (Wrong(failed.index, why, past.question, said, Answer(b"")),)


def _lie(said: Answer, now: Answer, sound: bool) -> str:
    if not sound:
        return "the proof of its answer does not hold"
    if said.elements != now.elements:
        place = next(_different(said.elements, now.elements))
        return f"it answered element {place} in another way than it proves"
    return ""


def _different(one: bytes, other: bytes) -> Iterator[int]:
    for at in range(0, len(one), ELEMENT_BYTES):
        if one[at : at + ELEMENT_BYTES] != other[at : at + ELEMENT_BYTES]:
            yield at // ELEMENT_BYTES


class Audits:
    """Batches that wait to be asked about again; safe for several threads."""

    def __init__(self, rate: float, chance: random.Random) -> None:
        """``rate`` is the share of batches that are audited."""
        self._rate, self._chance = rate, chance
        self._pending: list[tuple[int, Past]] = []
        self._lock = threading.Lock()

    def add(self, past: Past) -> None:
        """Keep a batch for later, perhaps."""
        with self._lock:
            self._pending = [(left - 1, one) for left, one in self._pending]
            if len(self._pending) < _MOST_PENDING and self._chance.random() < self._rate:
                self._pending.append((self._chance.randint(0, _LATER), past))

    def due(self, *, everything: bool = False) -> Iterable[Past]:
        """Batches whose time has come; each is given once."""
        with self._lock:
            due = [one for left, one in self._pending if left <= 0 or everything]
            self._pending = [
                (left, one) for left, one in self._pending if left > 0 and not everything
            ]
        return due
