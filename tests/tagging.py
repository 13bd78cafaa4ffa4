"""A lab that catches actors and shares them as tags, over a running hub and evaluators in process."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from stillwatch.crypto.keys import SigningKey
from stillwatch.domain.identifier import Identifier, Kind, NormalForm, oprf_input
from stillwatch.errors import NotTrusted
from stillwatch.sharing import publish as publishing
from stillwatch.sharing.drafts import keep
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.matching import outgoing
from stillwatch.sharing.matching.actors import Seen, draft
from stillwatch.sharing.matching.interface import tag_of
from stillwatch.sharing.matching.packing import Shipped
from stillwatch.sharing.matching.record import Record, open_row
from stillwatch.sharing.matching.sync import Synced, sync
from stillwatch.sharing.matching.tagset import TagSet
from stillwatch.sharing.pull import pull as follow
from stillwatch.sharing.settings import Settings, load_settings
from stillwatch.store.database import Store
from tests.sharers import Labs
from tests.taggers import InProcess

TODAY = datetime.now(UTC).date()
SEEN = Seen(TODAY - timedelta(days=20), TODAY - timedelta(days=2), 80, tactic="rubric-sweep")


def email(name: str) -> Identifier:
    return Identifier(Kind.EMAIL, NormalForm(f"{name}@mail.example"))


def address(last: int) -> Identifier:
    return Identifier(Kind.IP4, NormalForm(f"192.0.2.{last}"))


@dataclass
class Lab:
    """One member's side."""

    labs: Labs
    name: str
    tagger: InProcess = field(default_factory=InProcess)

    @property
    def settings(self) -> Settings:
        return load_settings(self.labs.settings(self.name))

    @property
    def key(self) -> SigningKey:
        return self.settings.key()

    @contextmanager
    def store(self) -> Iterator[Store]:
        opened = Store(self.settings.store)
        try:
            yield opened
        finally:
            opened.close()

    @contextmanager
    def hub(self) -> Iterator[Hub]:
        hub = Hub(self.settings.url, self.name, self.settings.token())
        try:
            yield hub
        finally:
            hub.close()

    def catch(self, actors: Mapping[str, set[Identifier]], seen: Seen = SEEN) -> list[str]:
        """Draft actors; ids of the claims that wait."""
        with self.store() as store, store.begin() as connection:
            made = draft(connection, self.settings, store.secret, actors, seen, "a table", {})
            keep(connection, made, self.settings)
        return [one.stix_id for one in made.drafts]

    def say(self, actors: Mapping[str, set[Identifier]], seen: Seen = SEEN) -> list[str]:
        """Catch actors, and have their claims in the log."""
        ids = self.catch(actors, seen)
        releases = [word for stix in ids for word in ("--release", stix)]
        self.labs.run(self.name, "review", *releases, "--by", "reviewer")
        assert sorted(self.publish()) == sorted(ids)
        return ids

    def publish(self) -> tuple[str, ...]:
        """Send the claims that were released, and no tags; ids of those stored."""
        with self.store() as store, self.hub() as hub:
            with store.begin() as connection:
                ready = publishing.prepare(connection, self.settings, self.key)
                publishing.keep(connection, ready, self.settings)
            return publishing.send(hub, store, self.settings, ready.claims).stored

    def prepare(
        self, *, snapshot: bool = False, released: bool = False, tagger: InProcess | None = None
    ) -> outgoing.Ready:
        with self.store() as store:
            taggers = [tagger or self.tagger]
            return outgoing.prepare(
                store, self.settings, self.key, taggers, snapshot=snapshot, released=released
            )

    def send(self) -> Shipped:
        with self.store() as store, self.hub() as hub:
            return outgoing.send(hub, store, self.settings)

    def share(self, *, snapshot: bool = False, tagger: InProcess | None = None) -> Shipped:
        """Tag, pack and send."""
        self.prepare(snapshot=snapshot, tagger=tagger)
        return self.send()

    def pull(self, epochs: list[object] | None = None, today: date | None = None) -> Synced:
        """Follow the log, and fetch what it names."""
        with self.store() as store, self.hub() as hub:
            follow(hub, store, self.settings, self.key)
        return self.sync(epochs, today)

    def sync(self, epochs: list[object] | None = None, today: date | None = None) -> Synced:
        with self.store() as store, self.hub() as hub:
            day = today or TODAY
            return sync(hub, store, self.settings.tags, today=day, epochs=epochs)  # type: ignore[arg-type]

    def tags(self) -> TagSet:
        return TagSet.open(self.settings.tags)

    def find(self, identifier: Identifier, tagger: InProcess | None = None) -> list[Record]:
        """Records that are known here under an identifier."""
        asked = tagger or self.tagger
        (output,) = asked.outputs([oprf_input(identifier, asked.name)], proven=False)
        (found,) = self.tags().lookup([tag_of(output)])
        opened = []
        for one in found:
            try:
                opened.append(open_row(one.row, output, one.publisher, one.epoch))
            except NotTrusted:
                continue
        return opened
