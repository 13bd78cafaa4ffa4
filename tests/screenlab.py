"""A lab that screens: settings, key, received claims, packs and running evaluators."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.oprf import evaluate_input
from stillwatch.crypto.ristretto import Scalar, random_scalar
from stillwatch.domain.claim import ClaimId, StixId
from stillwatch.domain.identifier import Identifier, Kind, RawIdentifier, oprf_input
from stillwatch.intel.stix import to_stix
from stillwatch.sharing.identifiers import normalise
from stillwatch.sharing.identifiers.interface import Refused
from stillwatch.sharing.matching.pack import build, digest
from stillwatch.sharing.matching.record import Record, Row, seal
from stillwatch.sharing.matching.tagset import Source, replace_index
from stillwatch.sharing.settings import TEMPLATE, Settings, load_settings
from stillwatch.store import inbox
from stillwatch.store.database import Store
from stillwatch.store.inbox import Received
from tests.claims import examples
from tests.evaluating import MEMBERS, Panel, evaluators

HUB = "https://hub.example/x/"
EPOCH = "2026q4"
ALPHA, BETA, GAMMA = MEMBERS[:3]
"""GAMMA is the lab itself."""


def identifier(kind: Kind, raw: str) -> Identifier:
    """The identifier of that kind that a raw value gives."""
    outcome = normalise(kind, RawIdentifier(raw), region="DE", documentation=True)
    assert not isinstance(outcome, Refused), outcome
    return next(one for one in outcome if one.kind is kind)


@dataclass
class Lab:
    """Its folder, and what it was told."""

    folder: Path
    secret: Scalar
    panel: Panel
    rows: dict[StixId, list[Row]] = field(default_factory=dict)
    epoch: str = EPOCH

    @property
    def config(self) -> Path:
        return self.folder / "share.toml"

    @property
    def settings(self) -> Settings:
        return load_settings(self.config)

    @contextmanager
    def store(self) -> Iterator[Store]:
        made = Store(self.settings.store)
        try:
            yield made
        finally:
            made.close()

    def actor(
        self, publisher: StixId, number: int = 1, confidence: int = 60, **said: Any
    ) -> StixId:
        """An actor claim that came from the hub; ``said`` is its standing there."""
        example = examples()["actor"]
        claim_id = ClaimId(f"claim--{number:08d}-0000-4000-8000-000000000000")
        now = datetime.now(UTC).replace(microsecond=0)
        terms = replace(
            example.terms, claim_id=claim_id, publisher=publisher, confidence=confidence,
            created=now, modified=now, valid_from=now, valid_until=now + timedelta(60),
        )  # fmt: skip
        body = to_stix(replace(example, terms=terms))
        stix = StixId(body["id"])
        with self.store() as store, store.begin() as connection:
            inbox.keep(
                connection,
                [
                    Received(
                        HUB,
                        "claims",
                        stix,
                        body["modified"],
                        number,
                        publisher,
                        "actor",
                        True,
                        body,
                    )
                ],
            )
            if said:
                inbox.set_standing(connection, HUB, [("claims", stix, said)])
        return stix

    def stand(self, claim: StixId, **said: Any) -> None:
        """What the hub says of a claim now."""
        with self.store() as store, store.begin() as connection:
            inbox.set_standing(connection, HUB, [("claims", claim, said)])

    def record(self, claim: StixId, kind: Kind) -> Record:
        today = datetime.now(UTC).date()
        return Record(
            claim, kind.value, today - timedelta(20), today - timedelta(1), 60, "rubric-grading",
            today + timedelta(50),
        )  # fmt: skip

    def output(self, one: Identifier) -> bytes:
        return evaluate_input(self.secret, oprf_input(one, self.epoch))

    def row(self, publisher: StixId, claim: StixId, one: Identifier, **values: Any) -> Row:
        record = replace(self.record(claim, one.kind), **values)
        return seal(record, self.output(one), publisher, self.epoch)

    def lists(self, publisher: StixId, *rows: Row) -> None:
        """Add rows to a publisher's pack, and make the tag set."""
        self.rows.setdefault(publisher, []).extend(rows)
        self.sync()

    def ban(self, publisher: StixId, claim: StixId, *found: Identifier, **values: Any) -> None:
        """A publisher lists identifiers of an actor."""
        self.lists(publisher, *(self.row(publisher, claim, one, **values) for one in found))

    def sync(self, epoch: str | None = None) -> None:
        folder = self.settings.tags
        folder.mkdir(exist_ok=True)
        sources = []
        for number, (publisher, rows) in enumerate(self.rows.items(), 1):
            content = build(rows)
            (folder / f"{digest(content)}.pack").write_bytes(content)
            claim = StixId(f"indicator--5f01cd1f-195f-46d4-b581-e2a1bd4fdd{number:02d}")
            sources.append(Source(digest(content), publisher, epoch or self.epoch, claim, 1))
        replace_index(folder, sources)

    def pulled(self, at: datetime | None = None) -> None:
        """As if the log had been followed now, or then."""
        with self.store() as store, store.begin() as connection:
            inbox.follow(connection, HUB, {}, [])
            if at is not None:
                from sqlalchemy import update

                from stillwatch.store.schema import hubs

                connection.execute(update(hubs).values(pulled=at.isoformat()))


@contextmanager
def lab(folder: Path, url: str | None = None, *, count: int = 3) -> Iterator[Lab]:
    """A lab (gamma), which has pulled, with evaluators that answer it."""
    folder.mkdir(exist_ok=True)
    key = SigningKey.generate()
    key.save(folder / "share.key")
    (folder / "token").touch(0o600)
    (folder / "token").write_text("t0ken")
    text = TEMPLATE.format(
        url=HUB, member="gamma", token_file="token", identity=GAMMA, key_file="share.key",
        log_key="hub.test/log+e960e29c+Ab1w3SV2xFZsTP7Amyf42CMWgOA/trbl5DogoVa95Dgr",
        collection="claims", jurisdiction="DE", basis="gdpr-6-1-f", as_of="2026-10-01",
        store="share.db",
    )  # fmt: skip
    text = text.replace('# region = "DE"', 'region = "DE"')
    if url is not None:
        text = text.replace("sqlite:///share.db", url)
    (folder / "share.toml").write_text(text)
    secret = random_scalar()
    with evaluators(2, count, name=EPOCH, key=key, secret=secret) as panel:
        made = Lab(folder, secret, panel)
        made.settings.tags.mkdir()
        (made.settings.tags / "epochs.json").write_bytes(orjson.dumps([panel.epoch.to_json()]))
        made.pulled()
        yield made


def files_of(folder: Path) -> dict[Path, bytes]:
    """Everything that lies in a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
