"""The key shares that an evaluator holds, and its answers by them.

Rules: an answer is for one epoch, generation and index, within the epoch's days; what is not held is
refused with what is. After a refresh both generations answer until the operator forgets the older
(``stillwatch evaluator epoch forget``), so that evaluators need not change at one instant. Shares
show in no repr, log or error.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from stillwatch.crypto.oprf import split_elements
from stillwatch.crypto.ristretto import IDENTITY, BadElement, Element
from stillwatch.crypto.threshold import KeyShare, Part, Quorum, evaluate_share, proof_context
from stillwatch.hub.evaluator.query import Question
from stillwatch.hub.evaluator.refusals import Refused


@dataclass(frozen=True, slots=True)
class Held:
    """A share and the epoch that it is of."""

    epoch: str
    generation: int
    threshold: int
    evaluators: frozenset[int]
    """Indices of all of them."""
    first: date
    last: date
    """Days in UTC, both counted."""
    share: KeyShare = field(repr=False)
    document: bytes = field(repr=False, default=b"{}")
    """The signed document, JSON."""
    authority: str = ""
    """Host under which the document says that it is reached."""

    def open_on(self, today: date) -> bool:
        """Whether it answers on a day."""
        return self.first <= today <= self.last


class Shares:
    """All that are held."""

    def __init__(self, held: Sequence[Held]) -> None:
        self.held = tuple(sorted(held, key=lambda one: (one.first, one.epoch, one.generation)))

    def answering(self, now: int) -> list[Held]:
        """Those whose epoch is open; ``now`` is seconds since 1970."""
        return [one for one in self.held if one.open_on(_day(now))]

    def choose(self, asked: Question, now: int) -> Held:
        """The share that is asked for. Raises ``Refused`` saying what there is instead."""
        named = [one for one in self.held if one.epoch == asked.epoch]
        if not named:
            raise Refused(
                404, "epoch", f"no share of epoch {asked.epoch} is held", hint=self._told()
            )
        found = next((one for one in named if one.generation == asked.generation), None)
        if found is None:
            there = ", ".join(str(one.generation) for one in named)
            raise Refused(
                409,
                "generation",
                f"epoch {asked.epoch} is held in generation {there}, not {asked.generation}",
                hint="fetch the epoch's document anew",
            )
        if not found.open_on(_day(now)):
            ended = (
                f"ended on {found.last}" if _day(now) > found.last else f"begins on {found.first}"
            )
            raise Refused(409, "ended", f"epoch {asked.epoch} {ended} (UTC)", hint=self._told())
        self._check(found, asked)
        return found

    def _check(self, found: Held, asked: Question) -> None:
        if asked.evaluator != found.share.index:
            raise Refused(
                409, "index", f"this is evaluator {found.share.index} of epoch {found.epoch}"
            )
        if len(asked.quorum) < found.threshold or not found.evaluators.issuperset(asked.quorum):
            known = ",".join(str(index) for index in sorted(found.evaluators))
            raise Refused(
                422, "form", f"a quorum is {found.threshold} or more of the evaluators {known}"
            )

    def _told(self) -> str:
        held = ", ".join(
            f"{one.epoch} generation {one.generation} ({one.first} to {one.last})"
            for one in self.held
        )
        return f"held: {held or 'none'}"


def elements_of(body: bytes) -> list[Element]:
    """The elements of a body; the identity is refused before anything is charged.

    Raises ``BadElement`` with the place.
    """
    elements = split_elements(body)
    if IDENTITY in elements:
        raise BadElement(elements.index(IDENTITY))
    return elements


def evaluate(held: Held, asked: Question, elements: Sequence[Element], first: int = 0) -> Part:
    """Answer for elements of which the first has the place ``first`` in the request.

    Raises ``BadElement`` with the place.
    """
    context = None
    if asked.proof:
        context = proof_context(held.epoch, held.generation, held.share.index)
    try:
        return evaluate_share(held.share, Quorum.of(asked.quorum), elements, context=context)
    except BadElement as error:
        raise BadElement(None if error.place is None else first + error.place) from None


def _day(now: int) -> date:
    return datetime.fromtimestamp(now, UTC).date()
