"""OPRF outputs from a quorum of evaluators over HTTP: the tagger that labs use.

The story of one batch: blind the inputs, with canaries among them; send the elements to ``t``
evaluators at once; add up their answers, take the blinds off; compare the canaries. Rules

    * An evaluator that does not answer is passed over for a while and the batch goes to another
      quorum; a batch fails only when no quorum is left, and says why each evaluator is out.
    * Where a canary comes out wrong, all are asked again with proof; who cannot prove its answer,
      or proves another one, is set aside until a person restores it, with the evidence in a file.
    * Batches chosen at random are asked again later, with proof (``audits``).
    * With ``proven`` nothing is returned that was not proven: few answers each by itself, many by one
      proof of their weighted sum (``together``).
    * Inputs, blinds and outputs are not kept, and no error shows them.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from stillwatch.crypto.epoch import Epoch
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.oprf import blind, finalize, split_elements
from stillwatch.crypto.ristretto import BadElement, Element, Scalar
from stillwatch.crypto.threshold import Part, Quorum, combine, proof_context, verify_part
from stillwatch.errors import NotTrusted, PeerError
from stillwatch.sharing.known import Refused
from stillwatch.sharing.matching.audits import Audits, Past, Wrong, by_elimination, pin
from stillwatch.sharing.matching.canaries import Canaries
from stillwatch.sharing.matching.peer import (
    MOST_ELEMENTS,
    Answer,
    Asked,
    Failed,
    Fault,
    Peer,
    Question,
    close_all,
)
from stillwatch.sharing.matching.quorum import NoQuorum, Roster
from stillwatch.sharing.matching.together import weighted
from stillwatch.sharing.pull import write_evidence
from stillwatch.store import matching as kept
from stillwatch.store.database import Store

_FULL: Final = MOST_ELEMENTS - 100
"""Inputs of a full batch; the rest is for canaries."""
_TAKE_UP_S: Final = 10.0
"""What proving canaries may take, even where a sign-up waits: once in an epoch."""
_TOGETHER: Final = 4
"""Inputs from which a batch is proven as a whole."""
_RENEW_S: Final = 15.0
"""Least seconds between two questions for a newer document of the epoch."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How evaluators are asked."""

    preferred: tuple[str, ...] = ()
    canary_rate: float = 0.002
    audit_rate: float = 0.01
    attempt_s: float = 60.0
    """Longest wait for one batch of one evaluator."""
    patience_s: float = 60.0
    """How long a batch without a deadline waits for a quorum to come back."""
    threads: int = 4
    """Batches in work at a time."""


@dataclass(frozen=True, slots=True)
class _State:
    """Replaced as a whole when the shares were refreshed."""

    epoch: Epoch
    peers: Mapping[int, Peer]
    roster: Roster


@dataclass(frozen=True, slots=True)
class _Batch:
    inputs: list[bytes] = field(repr=False)
    places: dict[int, bytes] = field(repr=False)
    """Outputs that are due at the places of canaries."""
    blinds: list[Scalar] = field(repr=False)
    asked: bytes
    """The elements, joined."""


class Evaluators:
    """The tagger of one epoch. May be used by several threads; ``close`` it."""

    def __init__(
        self,
        epoch: Epoch,
        key: SigningKey,
        store: Store,
        folder: Path,
        manner: Manner,
        renew: Callable[[str], Epoch | None] = lambda _: None,
    ) -> None:
        """``folder`` takes evidence; ``renew`` gives the newest document of an epoch, if any.

        Raises ``ConfigError`` for an evaluator whose address nothing may be sent to.
        """
        self._key, self._store, self._folder, self._manner = key, store, folder, manner
        self._renew, self._renewed = renew, float("-inf")
        self._lock, self._taking_up = threading.Lock(), threading.Lock()
        self._chance = random.SystemRandom()
        self._audits = Audits(manner.audit_rate, self._chance)
        self._used, self._met = set[int](), set[tuple[int, tuple[int, ...]]]()
        self._state = self._seated(epoch)
        self._canaries = Canaries(store, epoch.name, epoch.public_key.hex(), self._chance)
        self._threads = ThreadPoolExecutor(manner.threads, "stillwatch-evaluate")

    @property
    def epoch(self) -> Epoch:
        """The epoch under whose key it answers, with the newest shares known."""
        return self._state.epoch

    def outputs(
        self, inputs: Sequence[bytes], *, proven: bool = False, until: float | None = None
    ) -> list[bytes]:
        """Outputs of 64 bytes, in the order of the inputs.

        ``until`` is an instant of ``time.monotonic``. Raises ``PeerError`` (``NoQuorum``) if no
        quorum answers, ``NotTrusted`` if what all prove makes no sense together.
        """
        if not inputs:
            return []
        self._take_up(until)
        parts = [inputs[at : at + _FULL] for at in range(0, len(inputs), _FULL)]
        if len(parts) == 1:
            return self._batch(parts[0], until, proven=proven)
        work = [self._threads.submit(self._batch, part, until, proven=proven) for part in parts]
        try:
            return [output for one in work for output in one.result()]
        finally:
            for one in work:
                one.cancel()

    def settle(self, *, everything: bool = False) -> None:
        """Ask again about batches whose audit is due, or about all that are kept."""
        for past in self._audits.due(everything=everything):
            self._judge(past, all_must_prove=False)

    def used(self) -> set[int]:
        """Evaluators whose unproven answers were used since this was last asked."""
        with self._lock:
            used, self._used = self._used, set()
        return used

    def liars(self) -> frozenset[int]:
        """Evaluators that were found to answer wrongly, now or earlier."""
        return self._state.roster.liars()

    def quotas(self, until: float) -> dict[str, int | str]:
        """What is left of each evaluator's quota today, or why that is not known."""
        state, left = self._state, dict[str, int | str]()
        for index, peer in state.peers.items():
            try:
                remaining = peer.me(until).get("remaining")
            except Failed as error:
                left[state.epoch.evaluator(index).member] = error.message
                continue
            told = remaining if isinstance(remaining, int) else "it does not say"
            left[state.epoch.evaluator(index).member] = told
        return left

    def out(self) -> dict[str, str]:
        """Members whose evaluators are not asked now, and why."""
        state = self._state
        return {
            state.epoch.evaluator(index).member: f"{one.fault}: {one.why}"
            for index, one in state.roster.out().items()
        }

    def can_ask(self) -> bool:
        """Whether a quorum is there."""
        try:
            self._state.roster.choose()
        except NoQuorum:
            return False
        return True

    def close(self) -> None:
        """Let go of threads and connections."""
        self._threads.shutdown(cancel_futures=True)
        close_all(self._state.peers.values())

    # Asking

    def _take_up(self, until: float | None) -> None:
        """See that there are canaries: made up here, and proven once, whatever waits for it."""
        if not self._canaries.wanted():
            return
        with self._taking_up:
            if made := self._canaries.wanted():
                until = until and max(until, time.monotonic() + _TAKE_UP_S)
                self._canaries.keep(made, self._batch(made, until, proven=True))

    def _batch(self, inputs: Sequence[bytes], until: float | None, *, proven: bool) -> list[bytes]:
        waits = time.monotonic() + self._manner.patience_s
        state, indices = self._quorum(until, waits)
        batch = self._blinded(inputs, state, indices, proven=proven)
        while True:
            epoch = state.epoch
            each = proven and len(inputs) < _TOGETHER
            question = Question(epoch.name, epoch.generation, indices, batch.asked, each)
            try:
                answers = self._answers(state, question, self._attempt_until(until))
                combined = self._combined(state, question, answers)
                if proven and not each and combined is not None:
                    combined = self._together(state, question, combined, until)
                outputs = _finished(combined, batch)
            except Failed as failed:
                self._failed(state, failed)
            else:
                past = Past(question, answers)
                if outputs is not None and all(outputs[p] == v for p, v in batch.places.items()):
                    self._believed(past, batch, proven=proven)
                    return [o for place, o in enumerate(outputs) if place not in batch.places]
                self._judge(past, all_must_prove=True)
            state, indices = self._quorum(until, waits)
            if not batch.places:
                batch = self._blinded(inputs, state, indices, proven=proven)

    def _blinded(
        self, inputs: Sequence[bytes], state: _State, indices: tuple[int, ...], *, proven: bool
    ) -> _Batch:
        """Inputs as they are asked, with canaries among them where no proof is asked."""
        mixed, places = list(inputs), dict[int, bytes]()
        if not proven:
            first = (state.epoch.generation, indices) not in self._met
            mixed, places = self._canaries.mixed(inputs, self._manner.canary_rate, first=first)
        blinds, elements = blind(mixed)
        return _Batch(mixed, places, blinds, b"".join(elements))

    def _quorum(self, until: float | None, waits: float) -> tuple[_State, tuple[int, ...]]:
        """Whom to ask now; without a deadline, waits a while for enough to come back."""
        while True:
            state = self._state
            try:
                if until is not None and time.monotonic() >= until:
                    out = "; ".join(f"{n}: {why}" for n, why in self.out().items())
                    raise PeerError(f"the deadline came first{out and f' ({out})'}")
                return state, state.roster.choose()
            except NoQuorum as error:
                if until is not None or time.monotonic() + error.wait_s > waits:
                    raise
                time.sleep(max(error.wait_s, 0.05))

    def _attempt_until(self, until: float | None) -> float:
        """Half of the time left, so that another quorum has a chance."""
        now = time.monotonic()
        return now + (self._manner.attempt_s if until is None else max(until - now, 0) / 2)

    def _answers(self, state: _State, question: Question, until: float) -> dict[int, Answer]:
        """Of the whole quorum, asked at once. Raises ``Failed``."""
        sent, answers = dict[int, Asked](), dict[int, Answer]()
        try:
            for index in question.quorum:
                sent[index] = state.peers[index].ask(question, until)
            for index in question.quorum:
                answers[index] = sent.pop(index).answer()
        finally:
            for one in sent.values():
                one.drop()
        return answers

    def _combined(
        self, state: _State, question: Question, answers: Mapping[int, Answer]
    ) -> list[Element] | None:
        """Evaluated elements, or None where the answers give none together. Raises ``Failed``."""
        parts = [self._part(state, question, index, one) for index, one in answers.items()]
        if question.proof:
            elements = split_elements(question.elements)
            for part in parts:
                self._proven(state, question, part, elements, answers[part.index])
        try:
            return combine(parts, Quorum.of(question.quorum))
        except (NotTrusted, BadElement):
            return None

    def _together(
        self, state: _State, question: Question, combined: list[Element], until: float | None
    ) -> list[Element] | None:
        """The same elements, if a proof of their weighted sum holds. Raises ``Failed``."""
        try:
            asked, due = weighted(split_elements(question.elements), combined)
        except BadElement:
            return None
        sum_of = replace(question, elements=asked, proof=True)
        answers = self._answers(state, sum_of, self._attempt_until(until))
        return combined if self._combined(state, sum_of, answers) == [due] else None

    def _part(self, state: _State, question: Question, index: int, answer: Answer) -> Part:
        data = answer.elements + answer.proof
        count = len(question.elements) // 32
        try:
            return Part.from_bytes(index, data, count, proven=question.proof)
        except NotTrusted as error:
            raise state.peers[index].failed(
                Fault.BROKEN, f"answered badly: {error.message}"
            ) from error

    def _proven(
        self,
        state: _State,
        question: Question,
        part: Part,
        elements: Sequence[Element],
        said: Answer,
    ) -> None:
        """Raises ``Failed`` and sets the evaluator aside if its proof does not hold."""
        if not self._holds(state, question, part, elements):
            why = "the proof of its answer does not hold"
            self._aside(Wrong(part.index, why, question, said, said))
            raise state.peers[part.index].failed(Fault.LIED, why)

    def _holds(
        self, state: _State, question: Question, part: Part, elements: Sequence[Element]
    ) -> bool:
        share = state.epoch.public_share(part.index)
        context = proof_context(question.epoch, question.generation, part.index)
        try:
            verify_part(part, share, Quorum.of(question.quorum), elements, context)
        except NotTrusted:
            return False
        return True

    def _believed(self, past: Past, batch: _Batch, *, proven: bool) -> None:
        if proven:
            return
        with self._lock:
            self._used.update(past.question.quorum)
            if batch.places:
                self._met.add((past.question.generation, past.question.quorum))
        self._audits.add(past)

    # Faults

    def _failed(self, state: _State, failed: Failed) -> None:
        state.roster.fail(failed)
        if failed.fault is Fault.GENERATION:
            self._refresh(state)

    def _refresh(self, state: _State) -> None:
        """Take up a newer generation of the same key, if the hub has one."""
        with self._lock:
            if self._state is not state or time.monotonic() < self._renewed + _RENEW_S:
                return
            self._renewed = time.monotonic()
        newer = self._renew(state.epoch.name)
        if newer is None or newer.generation <= state.epoch.generation:
            return
        if newer.public_key == state.epoch.public_key:
            close_all(state.peers.values())
            self._state = self._seated(newer)

    def _seated(self, epoch: Epoch) -> _State:
        names = {one.index: str(one.member) for one in epoch.evaluators}
        peers = {
            one.index: Peer(one.index, one.member, one.url, self._key) for one in epoch.evaluators
        }
        roster = Roster(names, epoch.threshold, self._manner.preferred)
        with self._store.begin() as connection:
            for one in kept.aside(connection):
                for index, name in names.items():
                    if name == one.member:
                        roster.aside(index, f"since {one.at}: {one.why}")
        return _State(epoch, peers, roster)

    def _judge(self, past: Past, *, all_must_prove: bool) -> None:
        """Find out who answered a batch wrongly. ``all_must_prove``: somebody certainly did."""
        state = self._state
        if past.question.generation != state.epoch.generation:
            return  # the shares it was answered with are gone, and with them the proof

        def ask(index: int, question: Question) -> Answer:
            until = time.monotonic() + self._manner.attempt_s
            return state.peers[index].ask(question, until).answer()

        def proven(index: int, question: Question, answer: Answer) -> bool:
            try:
                part = self._part(state, question, index, answer)
            except Failed:
                return False
            return self._holds(state, question, part, split_elements(question.elements))

        verdict = pin(past, ask, proven)
        wrong = verdict.wrong or (by_elimination(past, verdict) if all_must_prove else ())
        for failed in verdict.failed:
            self._failed(state, failed)
        for one in wrong:
            self._aside(one)
        if all_must_prove and not wrong and not verdict.failed:
            self._canaries.forget()
            raise NotTrusted(
                f"the evaluators {past.question.quorum} prove answers that make no sense together",
                hint="the canaries kept here were dropped and are made anew: run it again",
            )

    def _aside(self, wrong: Wrong) -> None:
        """Ask the evaluator no more, and keep what shows why."""
        state = self._state
        seat = state.epoch.evaluator(wrong.index)
        evidence = {**wrong.evidence(), "member": seat.member, "share": seat.public_share.hex()}
        place = write_evidence(self._folder, Refused("wrong-evaluation", wrong.why, evidence))
        with self._store.begin() as connection:
            kept.set_aside(connection, seat.member, state.epoch.name, wrong.why, str(place))
        state.roster.aside(wrong.index, f"{wrong.why} (evidence: {place})")


def _finished(combined: list[Element] | None, batch: _Batch) -> list[bytes] | None:
    """Outputs, or None where there are none."""
    if combined is None:
        return None
    try:
        return finalize(batch.inputs, batch.blinds, combined)
    except BadElement:
        return None
