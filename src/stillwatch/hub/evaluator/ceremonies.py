"""A ceremony as one participant sits through it: files come in, files go out, its folder remembers.

::

    HOME/ceremonies/NAME.G/plan.json     what all agreed on
    HOME/ceremonies/NAME.G/state.sealed  our seed, sealed under the passphrase; gone at the end
    HOME/ceremonies/NAME.G/in/           what came, and our own, by round and sender

Rules: a step may be repeated and says the same; a file that does not fit is refused with who signed it
and is not kept. What is given out is written before it is told. The share is on disk, sealed,
before our signature says that we have it, and the seed is destroyed once the document is whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.ceremony.commits import Commits, check_commits
from stillwatch.crypto.ceremony.deals import Broken, judge, read_deal
from stillwatch.crypto.ceremony.messages import MAX_BYTES, CeremonyFault, Message, read, verified
from stillwatch.crypto.ceremony.plan import Plan
from stillwatch.crypto.ceremony.rounds import Participant, gather, start
from stillwatch.crypto.epoch import Epoch
from stillwatch.crypto.epoch_document import check_refreshed, sign
from stillwatch.crypto.files import write_new
from stillwatch.crypto.jws import verify_detached
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.sealed import MODERATE, Cost, open_share, seal, seal_share
from stillwatch.crypto.sealed import read as read_sealed
from stillwatch.crypto.statements import Key
from stillwatch.domain.claim import KeyId
from stillwatch.errors import ConfigError, InputError, NotTrusted
from stillwatch.hub.evaluator.home import Home, read_secret

_STATE: Final = "ceremony"
_SIGNATURE: Final = "stillwatch-epoch-signature"
_PLAN: Final = "stillwatch-ceremony-plan"


@dataclass
class Step:
    """What a step came to."""

    send: list[tuple[Path, str]] = field(default_factory=list)
    """Files that were written, and to whom each goes."""
    kept: list[Path] = field(default_factory=list)
    """Files that stay here."""
    waiting: str = ""
    """What is missing before the next step; empty when this was the last."""


class Desk:
    """One participant's ceremony."""

    def __init__(
        self, home: Home, key: SigningKey, passphrase: bytes, out: Path, cost: Cost = MODERATE
    ) -> None:
        self._home, self._key, self._out, self._cost = home, key, out, cost
        self._passphrase = passphrase

    def answer(self, files: Sequence[Path], member_keys: Mapping[KeyId, Key]) -> Step:
        """Round 1, then round 2, as far as what came allows.

        Raises ``CeremonyFault`` naming who sent what does not fit.
        """
        plan, messages = self._taken(files, member_keys)
        me = self._me(plan, member_keys)
        step = Step()
        own = me.commit(self._key)
        self._keep(plan, own)
        self._give(step, plan, f"commit.{me.index}", own, "all other participants")
        self._keep_all(plan, messages, me.index)
        commits = self._commits(plan, step)
        if commits is None:
            return step
        for deal in me.deal(self._key, commits):
            to = deal["body"]["to"]
            self._give(step, plan, f"deal.{me.index}.{to}", deal, str(plan.seat(to)))
        step.waiting = "the deals made to us: give them to `finish`"
        return step

    def finish(self, files: Sequence[Path], member_keys: Mapping[KeyId, Key]) -> Step:
        """Our share and signature, and, with the signatures of all, the epoch's document.

        Raises ``CeremonyFault``; where a deal does not fit, a complaint for all was written.
        """
        plan, messages = self._taken(files, member_keys)
        step, ended = Step(), self._home.document(plan.name, plan.generation)
        if ended.exists():
            step.kept.append(ended)
            return step
        me = self._me(plan, member_keys)
        given = [one for one in messages if one.get("type") == _SIGNATURE]
        self._keep_all(plan, [one for one in messages if one not in given], me.index)
        commits = self._commits(plan, step)
        epoch = None if commits is None else self._shared(plan, commits, me, step)
        if epoch is None:
            if given:
                step.waiting += "; then give the signatures again, they were not kept"
            return step
        for said in given:
            _check_signature(plan, epoch, said)
            self._keep(plan, said)
        signatures = {said["key_id"]: said["signature"] for said in self._in(plan, "signature")}
        missing = [str(seat) for seat in plan.seats if seat.key_id not in signatures]
        if missing:
            step.waiting = f"the signatures of {', '.join(missing)}"
            return step
        document = gather(plan, epoch, signatures)
        step.kept.append(self._home.keep_document(document))
        self._give(step, plan, "epoch", document, "the hub: `stillwatch evaluator epoch post`")
        (self._folder(plan) / "state.sealed").unlink(missing_ok=True)
        return step

    def _shared(self, plan: Plan, commits: Commits, me: Participant, step: Step) -> Epoch | None:
        """The epoch once our share is on disk; None while deals are missing."""
        deals = [one for one in self._in(plan, "deal") if one["body"]["to"] == me.index]
        missing = [
            str(seat)
            for seat in plan.seats
            if seat.index not in {one["from"] for one in deals} | {me.index}
        ]
        if missing:
            step.waiting = f"the deals of {', '.join(missing)} to us"
            return None
        try:
            finished = me.finish(self._key, commits, deals, self._old(plan))
        except Broken as broken:
            self._give(step, plan, f"complaint.{me.index}", broken.complaint, "all others")
            raise CeremonyFault(
                broken.message,
                culprit=broken.culprit,
                hint=f"send {step.send[-1][0]} to all others, and begin anew without its dealer",
            ) from broken
        self._keep_share(plan, finished.share, step)
        said = {
            "type": _SIGNATURE,
            "ceremony": plan.id,
            "key_id": self._key.id,
            "signature": sign(finished.epoch, self._key),
        }
        self._keep(plan, said)
        self._give(step, plan, f"signature.{me.index}", said, "all other participants")
        return finished.epoch

    def _keep_share(self, plan: Plan, share: Any, step: Step) -> None:
        path = self._home.share(plan.name, plan.generation)
        if path.exists():
            if open_share(read_secret(path), self._passphrase) != share:
                raise ConfigError(f"{path} is another share; nothing was overwritten")
        else:
            sealed = seal_share(share, self._passphrase, plan.name, plan.generation, self._cost)
            write_new(path, sealed)
        step.kept.append(path)

    def _old(self, plan: Plan) -> Any:
        if plan.before is None:
            return None
        path = self._home.share(plan.before.name, plan.before.generation)
        return open_share(read_secret(path), self._passphrase)

    def _me(self, plan: Plan, member_keys: Mapping[KeyId, Key]) -> Participant:
        """Our side, as it was begun; begun now if it was not."""
        path = self._folder(plan) / "state.sealed"
        if path.exists():
            state = read_sealed(read_secret(path), _STATE).open(self._passphrase)
            return Participant.from_bytes(state)
        plan.check_members(member_keys)
        used = [one.id for one in self._plans() if (self._folder(one) / "in").is_dir()]
        me = start(plan, self._key, used)
        self._check_before(plan)
        sealed = seal(me.to_bytes(), self._passphrase, _STATE, {"ceremony": plan.id}, self._cost)
        write_new(path, sealed)
        (self._folder(plan) / "in").mkdir(mode=0o700, exist_ok=True)
        return me

    def _check_before(self, plan: Plan) -> None:
        """A refresh starts from the document that we hold, not from one that a plan brings."""
        if plan.before is None:
            return
        ours = [e for e in self._home.epochs() if e.name == plan.name]
        if plan.before not in ours:
            raise CeremonyFault(
                f"the plan refreshes an epoch {plan.name} that is not the one we hold",
                hint="compare the documents before you go on",
            )
        refreshed = [e for e in ours if e.generation == plan.generation]
        for epoch in refreshed:
            check_refreshed(plan.before, epoch)
            raise CeremonyFault(
                f"generation {plan.generation} of epoch {plan.name} is here already"
            )

    def _commits(self, plan: Plan, step: Step) -> Commits | None:
        """Round 1, complete; None while somebody is missing."""
        found = self._in(plan, "commit")
        there = {one["from"] for one in found}
        missing = [str(seat) for seat in plan.seats if seat.index not in there]
        if missing:
            for message in found:
                verified(plan, message, "commit")
            step.waiting = f"the commits of {', '.join(missing)}: give them to `answer`"
            return None
        return check_commits(plan, found)

    # -- files

    def _taken(
        self, files: Sequence[Path], member_keys: Mapping[KeyId, Key]
    ) -> tuple[Plan, list[Message]]:
        """The one ceremony that the files are of, and its messages."""
        messages, plans = list[Message](), list[Plan]()
        for path in files:
            message = _read(path)
            if message.get("type") == _PLAN:
                plans.append(self._begun(Plan.from_json(message), member_keys))
            else:
                messages.append(message)
        ids = {plan.id for plan in plans} | {str(one.get("ceremony")) for one in messages}
        known = {plan.id: plan for plan in self._plans()}
        if len(ids) != 1:
            raise InputError("these files are of no ceremony, or of several", hint="one at a time")
        if not ids <= known.keys():
            raise InputError(
                f"ceremony {ids.pop()} is not known here", hint="give its plan to `answer` first"
            )
        return known[ids.pop()], messages

    def _begun(self, plan: Plan, member_keys: Mapping[KeyId, Key]) -> Plan:
        path = self._folder(plan) / "plan.json"
        if path.exists():
            if Plan.from_json(_read(path)) != plan:
                raise CeremonyFault(
                    f"another ceremony for epoch {plan.name}, generation {plan.generation} is here",
                    hint=f"if that one is over, move {path.parent} away",
                )
            return plan
        plan.check_members(member_keys)
        plan.seat_of(self._key.id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new(path, canonical(plan.to_json()) + b"\n")
        return plan

    def _plans(self) -> list[Plan]:
        found = sorted((self._home.path / "ceremonies").glob("*/plan.json"))
        return [Plan.from_json(_read(path)) for path in found]

    def _keep_all(self, plan: Plan, messages: Sequence[Message], index: int) -> None:
        commits = [one for one in messages if one.get("round") == "commit"]
        for message in commits:
            verified(plan, message, "commit")
            self._keep(plan, message)
        for message in messages:
            if message.get("type") == _SIGNATURE:
                raise InputError("a signature is for `finish`")
            if message.get("round") == "complaint":
                raise CeremonyFault(self._judged(plan, message))
            if message.get("round") != "commit":
                deal = read_deal(check_commits(plan, self._in(plan, "commit")), message)
                if deal.recipient != index:
                    raise CeremonyFault(
                        f"{deal.dealer}: this deal is for {deal.recipient}, not for us"
                    )
                self._keep(plan, message)

    def _judged(self, plan: Plan, complaint: Message) -> str:
        verdict = judge(check_commits(plan, self._in(plan, "commit")), complaint)
        return f"the ceremony is over, {verdict.culprit} broke it: {verdict.reason}"

    def _keep(self, plan: Plan, message: Message) -> None:
        """Keep what came; two different things of one sender for one place are refused."""
        path = self._folder(plan) / "in" / f"{_slot(plan, message)}.json"
        if not path.exists():
            write_new(path, canonical(message) + b"\n")
            return
        before = _read(path)
        if message.get("round") == "commit" and before != message:
            check_commits(plan, [before, message, *self._in(plan, "commit")])
        # a deal is sealed anew each time that it is made; the first one counts

    def _in(self, plan: Plan, kind: str) -> list[Message]:
        found = sorted((self._folder(plan) / "in").glob(f"{kind}.*.json"))
        return [_read(path) for path in found]

    def _give(self, step: Step, plan: Plan, what: str, message: Message, whom: str) -> None:
        path = self._out / f"{plan.name}.{plan.generation}.{what}.json"
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            path.write_bytes(canonical(message) + b"\n")
        except OSError as error:
            raise ConfigError(f"{path} cannot be written ({error.strerror})") from error
        step.send.append((path, whom))

    def _folder(self, plan: Plan) -> Path:
        return self._home.ceremony(plan.name, plan.generation)


def _slot(plan: Plan, message: Message) -> str:
    if message.get("type") == _SIGNATURE:
        return f"signature.{plan.seat_of(message['key_id']).index}"
    to = f".{message['body']['to']}" if message["round"] == "deal" else ""
    return f"{message['round']}.{message['from']}{to}"


def _check_signature(plan: Plan, epoch: Epoch, said: Message) -> None:
    """Raise ``CeremonyFault`` unless it is a participant's over our epoch."""
    if said.keys() != {"type", "ceremony", "key_id", "signature"}:
        raise CeremonyFault("a signature has ceremony, key_id and signature")
    if not all(isinstance(value, str) for value in said.values()):
        raise CeremonyFault("the members of a signature are texts")
    seat = plan.seat_of(KeyId(said["key_id"]))
    try:
        verify_detached(said["signature"], canonical(epoch.to_json()), seat.public)
    except NotTrusted as error:
        raise CeremonyFault(
            f"{seat} did not sign this epoch: {error.message}",
            hint="compare its commits with yours: somebody may have told two stories",
        ) from error


def _read(path: Path) -> Message:
    try:
        with path.open("rb") as file:
            return read(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    except InputError as error:
        raise InputError(f"{path}: {error.message}", hint=error.hint) from error
