"""Three labs that match in private: a hub, an evaluator at each lab, and relays that keep what passes."""

import csv
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from examples.closed_loop.forum import free_port
from examples.closed_loop.wire import Wire
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.crypto.epoch import Epoch, Evaluator
from stillwatch.crypto.epoch_document import sign, signed
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.threshold import Dealt
from stillwatch.domain.identifier import Identifier, Kind, RawIdentifier
from stillwatch.hub.evaluator import audit, ledger
from stillwatch.hub.evaluator.limits import Limits
from stillwatch.hub.evaluator.schema import opened
from stillwatch.hub.setup import initialise
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.identifiers import normalise
from stillwatch.sharing.matching.evaluators import Evaluators, Manner
from stillwatch.sharing.matching.labs import Labs as Evaluating
from stillwatch.sharing.settings import Settings, load_settings
from stillwatch.store.database import Store
from tests.databases import sqlite
from tests.evaluators import Running, dealt, held, running
from tests.sharers import NAMES, Labs, labs

EPOCH = "2026-q4"
_DAILY = 5_000
_STATUS = {"none": 0, "note": 10, "review": 11, "challenge": 12, "restrict": 13}


def identifiers(kind: Kind, raw: str) -> tuple[Identifier, ...]:
    """All identifiers that a raw value gives."""
    made = normalise(kind, RawIdentifier(raw))
    assert isinstance(made, tuple), made
    return made


@dataclass
class Matchers:
    """The labs, by the program's own commands."""

    labs: Labs
    shares: Dealt
    daily: int
    nodes: dict[str, Running] = field(default_factory=dict)
    wires: dict[str, Wire] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    running: dict[str, ExitStack] = field(default_factory=dict)

    def settings(self, who: str) -> Settings:
        return load_settings(self.labs.settings(who))

    def home(self, who: str) -> Path:
        """Folder of a lab's evaluator."""
        return self.labs.folder / who / "evaluator"

    def wire(self, who: str) -> Path:
        """What passed between a lab's evaluator and those that asked it."""
        return self.labs.folder / f"wire-{who}.bytes"

    def up(self, who: str) -> None:
        """Start a lab's evaluator."""
        share = held(self.shares, NAMES.index(who) + 1, epoch=EPOCH)
        keys = {name: self.settings(name).key() for name in NAMES}
        stack = self.running[who] = ExitStack()
        self.nodes[who] = stack.enter_context(
            running(
                self.home(who), [share], Limits(daily=self.daily), keys=keys,
                port=self.ports[who], relay=f"127.0.0.1:{self.wires[who].port}",
            )
        )  # fmt: skip

    def down(self, who: str) -> None:
        """End it; its database stays."""
        self.running.pop(who).close()

    def document(self, shares: Dealt, generation: int = 0, *, post: bool = True) -> Epoch:
        """The epoch's document, signed by all three, at the hub."""
        settings = {who: self.settings(who) for who in NAMES}
        keys = {who: one.key() for who, one in settings.items()}
        seats = tuple(
            Evaluator(
                share.index, settings[who].identity, keys[who].id,
                f"http://127.0.0.1:{self.wires[who].port}", share.public.element,
            )
            for who, share in zip(NAMES, shares.shares, strict=True)
        )  # fmt: skip
        start = datetime.now(UTC).date() - timedelta(days=1)
        epoch = Epoch(
            EPOCH, 2, seats, shares.public_key, generation, start, start + timedelta(days=89)
        )
        said = signed(epoch, {key.id: sign(epoch, key) for key in keys.values()})
        if post:
            answer = httpx.post(
                f"{self.labs.world.base}/v1/epochs", json=said, trust_env=False,
                auth=("alpha", self.labs.world.tokens["alpha"]),
            )  # fmt: skip
            assert answer.status_code == 201, answer.text
        return epoch

    def pull(self, *who: str) -> None:
        for one in who or NAMES:
            self.labs.run(one, "pull")

    def catch(self, who: str, *caught: Mapping[str, str]) -> list[str]:
        """A lab catches actors and publishes them; ids of their claims."""
        table = write(self.labs.folder / who / "caught.csv", caught)
        drafts = self.labs.run(who, "actors", table)["drafts"]
        ids = [one["id"] for one in drafts]
        releases = [word for id_ in ids for word in ("--release", id_)]
        self.labs.run(who, "review", *releases, "--by", "reviewer")
        assert self.labs.run(who, "publish")["failed"] == []
        return ids

    def screen(self, who: str, person: Mapping[str, str]) -> dict[str, Any]:
        """The lead of a sign-up."""
        status, out = self.ran(who, stdin=json.dumps(person))
        lead: dict[str, Any] = json.loads(out)
        assert status == (_STATUS[lead["step"]] if lead["screened"] else 7)
        return lead

    def base(self, who: str, people: Sequence[Mapping[str, str]]) -> dict[str, dict[str, Any]]:
        """Leads of a whole base, by customer."""
        folder = self.labs.folder / who
        table = write(folder / "base.csv", people)
        out = folder / "leads.jsonl"
        self.ran(who, "--customers", table, "--out", out)
        leads = map(json.loads, out.read_text().splitlines())
        return {lead["subject"]: lead for lead in leads}

    def ran(self, who: str, *words: object, stdin: str | None = None) -> tuple[int, str]:
        """``stillwatch screen`` as a lab; status and output. Our own errors are raised."""
        given = ("screen", *words, "--config", self.labs.settings(who), "--json")
        done = CliRunner().invoke(app, [str(word) for word in given], input=stdin)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout

    @contextmanager
    def tagger(self, who: str, manner: Manner | None = None) -> Iterator[Evaluators]:
        """The client of a lab, for one that does with it as it likes."""
        settings = self.settings(who)
        with (
            closing(Store(settings.store)) as store,
            closing(Evaluating(settings, store, manner)) as evaluating,
        ):
            yield evaluating.tagger()

    @contextmanager
    def hub(self, who: str) -> Iterator[Hub]:
        settings = self.settings(who)
        with closing(Hub(settings.url, settings.member, settings.token())) as hub:
            yield hub

    def grant(self, who: str, to: str, elements: int) -> None:
        """A lab lets a member ask more of its evaluator, until tomorrow."""
        until = int(time.time()) // ledger.DAY + 1
        with closing(opened(self.nodes[who].database)) as database, database.write() as connection:
            ledger.grant(connection, f"identity--{to}", elements, until)

    def counts(self, who: str) -> dict[tuple[str, str], int]:
        """What a lab's evaluator has in its audit: member, what, and how often."""
        with closing(opened(self.nodes[who].database)) as database, database.read() as connection:
            return {(row.member, row.what): row.count for row in audit.listed(connection)}

    def key(self, who: str) -> SigningKey:
        return self.settings(who).key()


def write(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    """A table; columns are those of all rows."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, names, restval="")
        out.writeheader()
        out.writerows(rows)
    return path


@contextmanager
def matchers(folder: Path, daily: int = _DAILY) -> Iterator[Matchers]:
    """Three labs whose evaluators answer and whose hub has the epoch's document."""
    with sqlite(folder) as url, ExitStack() as stack:
        made = initialise(url, folder / "log.key", "hub.test/log")
        opened_ = stack.enter_context(labs(folder, url, folder / "log.key", made.vkey))
        forum = Matchers(opened_, dealt(), daily)
        for who in NAMES:
            forum.home(who).mkdir()
            opened_.settings(who).write_text(_patient(opened_.settings(who).read_text()))
            forum.ports[who] = free_port()
            forum.wires[who] = Wire(forum.ports[who], forum.wire(who))
            stack.callback(forum.wires[who].close)
        stack.callback(lambda: [forum.down(who) for who in list(forum.running)])
        for who in NAMES:
            forum.up(who)
        forum.document(forum.shares)
        forum.pull()
        yield forum


def _patient(text: str) -> str:
    """Settings whose deadline does not depend on how busy the machine is."""
    assert "\ndeadline_ms = 1000 " in text
    return text.replace("\ndeadline_ms = 1000 ", "\ndeadline_ms = 60000 ")
