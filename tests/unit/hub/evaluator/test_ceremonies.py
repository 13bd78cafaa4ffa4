"""A ceremony by files: what comes out fits, and whoever cheats is named."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.ceremony.messages import CeremonyFault, write
from stillwatch.crypto.ceremony.plan import Plan, Seat, draw_plan, refresh_plan
from stillwatch.crypto.ceremony.rounds import start
from stillwatch.crypto.epoch import Epoch
from stillwatch.crypto.epoch_document import check
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.sealed import LEAST
from stillwatch.crypto.statements import Key
from stillwatch.domain.claim import StixId
from stillwatch.errors import ConfigError, InputError, NotTrusted, StillwatchError
from stillwatch.hub.evaluator.ceremonies import Desk, Step
from stillwatch.hub.evaluator.home import Home
from tests.epochs import member

PASSPHRASE = b"five quite random words here"
WHO = (1, 2, 3)


@dataclass
class Table:
    """Three desks, and the files that lie on it."""

    folder: Path
    keys: dict[int, SigningKey]
    plan: Plan

    @property
    def ring(self) -> dict[Any, Key]:
        return {k.id: Key(k.id, StixId(member(i)), k.public, i) for i, k in self.keys.items()}

    def home(self, index: int) -> Home:
        return Home(self.folder / f"home{index}")

    def desk(self, index: int, passphrase: bytes = PASSPHRASE) -> Desk:
        return Desk(self.home(index), self.keys[index], passphrase, self.out(index), LEAST)

    def out(self, index: int) -> Path:
        return self.folder / f"out{index}"

    def put(self, name: str, content: Any) -> Path:
        path = self.folder / name
        path.write_bytes(canonical(content))
        return path

    def file(self, what: str, index: int) -> Path:
        return self.out(index) / f"{self.plan.name}.{self.plan.generation}.{what}.json"

    def answer(self, index: int, *files: Path) -> Step:
        return self.desk(index).answer(files, self.ring)

    def finish(self, index: int, *files: Path) -> Step:
        return self.desk(index).finish(files, self.ring)

    def commits(self) -> list[Path]:
        return [self.file(f"commit.{i}", i) for i in WHO]

    def deals(self, to: int) -> list[Path]:
        return [self.file(f"deal.{i}.{to}", i) for i in WHO if i != to]

    def signatures(self) -> list[Path]:
        return [self.file(f"signature.{i}", i) for i in WHO]

    def first_round(self) -> None:
        plan = self.put("plan.json", self.plan.to_json())
        for index in WHO:
            self.answer(index, plan)

    def second_round(self) -> None:
        self.first_round()
        for index in WHO:
            self.answer(index, *self.commits())

    def whole(self) -> Epoch:
        self.second_round()
        for index in WHO:
            self.finish(index, *self.deals(index))
        for index in WHO:
            assert self.finish(index, *self.signatures()).waiting == ""
        document = json.loads(self.file("epoch", 1).read_bytes())
        return check(document, self.ring)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    keys = {index: SigningKey.generate() for index in WHO}
    seats = [Seat(i, StixId(member(i)), keys[i].public, f"https://e{i}.example.com") for i in WHO]
    made = Table(tmp_path, keys, draw_plan("e1", 2, seats, date(2026, 11, 1)))
    for index in WHO:
        made.home(index).make()
    return made


def test_three_come_out_with_shares_of_one_key(table: Table) -> None:
    epoch = table.whole()
    for index in WHO:
        (held,) = table.home(index).held(PASSPHRASE)
        assert held.share.public == epoch.public_share(index)
        assert (held.epoch, held.authority) == ("e1", f"e{index}.example.com")
        assert not list((table.home(index).path / "ceremonies").glob("*/state.sealed"))
        assert table.finish(index, *table.signatures()).waiting == ""


def test_a_refresh_keeps_the_key_and_changes_every_share(table: Table) -> None:
    epoch = table.whole()
    before = {i: table.home(i).held(PASSPHRASE)[0].share for i in WHO}
    table.plan = refresh_plan(epoch, table.plan.seats)
    renewed = table.whole()
    assert (renewed.public_key, renewed.generation) == (epoch.public_key, 1)
    for index in WHO:
        old, new = table.home(index).held(PASSPHRASE)
        assert (old.share, old.generation, new.generation) == (before[index], 0, 1)
        assert new.share != old.share
        table.home(index).forget("e1", 0)
        assert len(table.home(index).held(PASSPHRASE)) == 1


def test_each_step_says_what_to_send_to_whom_and_for_what_it_waits(table: Table) -> None:
    plan = table.put("plan.json", table.plan.to_json())
    first = table.answer(1, plan)
    assert [(path.name, whom) for path, whom in first.send] == [
        ("e1.0.commit.1.json", "all other participants")
    ]
    assert "participant 2" in first.waiting
    assert "participant 3" in first.waiting
    for index in (2, 3):
        table.answer(index, plan)
    second = table.answer(1, *table.commits())
    told = [(path.name, whom[:13]) for path, whom in second.send[1:]]
    assert told == [
        ("e1.0.deal.1.2.json", "participant 2"),
        ("e1.0.deal.1.3.json", "participant 3"),
    ]
    assert "deals of participant 2" in table.finish(1, *table.commits()).waiting


def test_a_step_may_be_repeated(table: Table) -> None:
    table.first_round()
    before = table.file("commit.1", 1).read_bytes()
    table.first_round()
    assert table.file("commit.1", 1).read_bytes() == before
    table.second_round()
    table.whole()


def two_stories(table: Table) -> Path:
    """Participant 2 tells another first round than it told before."""
    other = start(table.plan, table.keys[2]).commit(table.keys[2])
    return table.put("other.json", other)


def forged(table: Table) -> Path:
    """Somebody without its key speaks in the name of participant 2."""
    message = json.loads(table.file("commit.2", 2).read_bytes())
    message["body"]["box"] = message["body"]["box"][::-1]
    return table.put("forged.json", message)


def of_another_ceremony(table: Table) -> Path:
    plan = draw_plan("e1", 2, table.plan.seats, date(2026, 11, 1))
    return table.put("other.json", start(plan, table.keys[2]).commit(table.keys[2]))


@pytest.mark.parametrize(
    ("cheat", "said"),
    [
        (two_stories, "participant 2 .* two different commits"),
        (forged, "participant 2 .* signature"),
        (of_another_ceremony, "of no ceremony, or of several"),
    ],
)
def test_a_commit_that_does_not_fit_is_refused(
    table: Table, cheat: Callable[[Table], Path], said: str
) -> None:
    table.first_round()
    table.answer(1, table.file("commit.2", 2))
    with pytest.raises(StillwatchError, match=said):
        table.answer(1, cheat(table), table.file("commit.3", 3))
    assert len(table.answer(1, *table.commits()).send) == 3


def test_a_wrong_share_makes_a_complaint_that_convicts_its_dealer(table: Table) -> None:
    table.second_round()
    deal = json.loads(table.file("deal.2.1", 2).read_bytes())
    swapped = json.loads(table.file("deal.2.3", 2).read_bytes())["body"]["sealed"]
    wrong = write(
        table.plan, "deal", table.plan.seat(2), table.keys[2], {"to": 1, "sealed": swapped}
    )
    assert wrong != deal
    with pytest.raises(CeremonyFault, match="participant 2") as caught:
        table.finish(1, table.put("wrong.json", wrong), table.file("deal.3.1", 3))
    assert caught.value.culprit == 2
    assert not table.home(1).share("e1", 0).exists()
    with pytest.raises(CeremonyFault, match=r"the ceremony is over, participant 2 .* broke it"):
        table.finish(3, table.file("complaint.1", 1))


def test_a_deal_for_another_is_not_taken(table: Table) -> None:
    table.second_round()
    with pytest.raises(CeremonyFault, match="for 3, not for us"):
        table.finish(1, table.file("deal.2.3", 2))


def test_a_signature_over_another_epoch_names_who_gave_it(table: Table) -> None:
    table.second_round()
    for index in WHO:
        table.finish(index, *table.deals(index))
    said = json.loads(table.file("signature.2", 2).read_bytes())
    said["signature"] = json.loads(table.file("signature.3", 3).read_bytes())["signature"]
    with pytest.raises(CeremonyFault, match=r"participant 2 .* did not sign this epoch"):
        table.finish(1, table.put("wrong.json", said))
    assert not table.home(1).document("e1", 0).exists()
    assert table.finish(1, *table.signatures()).waiting == ""


def test_signatures_that_come_too_early_are_asked_for_again(table: Table) -> None:
    table.second_round()
    table.finish(2, *table.deals(2))
    step = table.finish(1, table.file("signature.2", 2))
    assert "give the signatures again" in step.waiting


def test_a_plan_with_a_key_that_the_log_does_not_know_is_refused(table: Table) -> None:
    ring = {k: v for k, v in table.ring.items() if k != table.keys[3].id}
    plan = table.put("plan.json", table.plan.to_json())
    with pytest.raises(NotTrusted, match=r"participant 3 .* not known"):
        table.desk(1).answer([plan], ring)


def test_a_ceremony_whose_seed_is_gone_is_not_played_again(table: Table) -> None:
    table.first_round()
    next((table.home(1).path / "ceremonies").glob("*/state.sealed")).unlink()
    with pytest.raises(CeremonyFault, match="taken part in before"):
        table.answer(1, *table.commits())


def test_another_plan_for_the_same_epoch_is_refused(table: Table) -> None:
    table.first_round()
    other = draw_plan("e1", 2, table.plan.seats, date(2026, 11, 1))
    with pytest.raises(CeremonyFault, match="another ceremony for epoch e1"):
        table.answer(1, table.put("other.json", other.to_json()))


def test_a_refresh_of_an_epoch_that_we_do_not_hold_is_refused(table: Table) -> None:
    epoch = table.whole()
    seats = table.plan.seats
    first = seats[0]
    moved = Seat(first.index, first.member, first.public, "https://elsewhere.example.com")
    other = Plan("e1", 2, (moved, *seats[1:]), epoch.starts, epoch.ends, bytes(32))
    shares = {i: epoch.public_share(i).element for i in WHO}
    foreign = other.epoch(epoch.public_key, shares)
    table.plan = refresh_plan(foreign, seats)
    with pytest.raises(CeremonyFault, match="not the one we hold"):
        table.answer(2, table.put("plan.json", table.plan.to_json()))


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"type": "x"}', b" " * 70_000])
def test_a_file_that_is_no_message_is_refused(table: Table, content: bytes) -> None:
    path = table.folder / "bad.json"
    path.write_bytes(content)
    with pytest.raises(InputError):
        table.answer(1, path)


def test_the_wrong_passphrase_opens_no_share(table: Table) -> None:
    table.whole()
    with pytest.raises(ConfigError, match="does not open"):
        table.home(1).held(b"another passphrase")


def test_a_share_that_others_may_read_is_not_used(table: Table) -> None:
    table.whole()
    table.home(1).share("e1", 0).chmod(0o644)
    with pytest.raises(ConfigError, match="read by others"):
        table.home(1).held(PASSPHRASE)


def test_a_share_beside_another_document_is_not_used(table: Table) -> None:
    table.whole()
    path = table.home(1).share("e1", 0)
    path.write_bytes(table.home(2).share("e1", 0).read_bytes())
    (held,) = table.home(1).held(PASSPHRASE)  # another's share is a share of the document
    assert held.share.index == 2
    document = json.loads(table.home(1).document("e1", 0).read_bytes())
    first, second = document["evaluators"][:2]
    first["public_share"], second["public_share"] = second["public_share"], first["public_share"]
    table.home(1).document("e1", 0).write_bytes(canonical(document))
    with pytest.raises(StillwatchError, match="not the one of its epoch's document"):
        table.home(1).held(PASSPHRASE)
