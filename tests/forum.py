"""A hub's database with members, keys and claims in a real log, and the hub served over HTTP."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from sqlalchemy import insert, update

from stillwatch.crypto import statements
from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.keys import SigningKey, from_jwk, key_id
from stillwatch.crypto.records import claim_record, key_record
from stillwatch.hub import audience, collections, logkey, tokens
from stillwatch.hub.app import Settings, build
from stillwatch.hub.audience import EVERYONE
from stillwatch.hub.database import Database
from stillwatch.hub.logkey import LogSigner
from stillwatch.hub.members import Member
from stillwatch.hub.members import add as add_member
from stillwatch.hub.schema import collections as collection_rows
from stillwatch.hub.schema import keys, objects
from stillwatch.hub.transparency import log
from stillwatch.hub.transparency.routes import router
from stillwatch.intel.objects import version_of
from tests.memory_hub import AT, claim, signing_key

NOW = 1_800_000_000_000_000


@dataclass
class Forum:
    """Puts things into a hub's database as the hub does, one transaction each."""

    database: Database
    key_file: Path
    tokens: dict[str, str] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    keys: dict[str, SigningKey] = field(default_factory=dict)
    collection: str = ""

    @property
    def signer(self) -> LogSigner:
        with self.database.read() as connection:
            return logkey.signer(connection, self.key_file)

    def open(self, *names: str) -> "Forum":
        """Members with a key each, and a collection of claims that all may use."""
        for name in names:
            with self.database.write() as connection:
                member = add_member(connection, name, "member", now=NOW)
                self.members[name] = member
                self.tokens[name] = tokens.issue(connection, member, now=NOW)
            self.keys[name] = signing_key(sum(name.encode()))
            self.state(name, statements.add(member.identity, self.keys[name], AT))
        with self.database.write() as connection:
            self.collection = collections.add(
                connection, "claims", "claims", alias="c", readers=names, writers=names
            )
        return self

    def state(self, name: str, statement: dict[str, Any]) -> None:
        """Log a key statement and do what it says to the table of keys."""
        signer = self.signer
        with self.database.write() as connection:
            if "key" in statement:
                public = from_jwk(statement["key"])
                row = {
                    "id": key_id(public), "member": self.members[name].id, "public": public,
                    "identity": statement["identity"], "stated": NOW,
                }  # fmt: skip
                connection.execute(insert(keys).values(row))
            if gone := statement.get("replaces") or (
                statement["kid"] if statement["action"] == "end" else None
            ):
                connection.execute(update(keys).where(keys.c.id == gone).values(ended=NOW))
            seen_by = audience.keep(connection, None, [EVERYONE])[EVERYONE]
            row = log.Row(key_record(statement), seen_by, statement=canonical(statement))
            log.append(connection, [row], signer)

    def rotate(self, name: str, number: int) -> None:
        fresh = signing_key(number)
        self.state(name, statements.rotate(self.members[name].identity, self.keys[name], fresh, AT))
        self.keys[name] = fresh

    def say(self, name: str, number: int, version: int = 1, **more: Any) -> int:
        """One claim for everyone; its row."""
        obj = claim(number, version, self.members[name].identity, self.keys[name], **more)
        return self.post(name, [obj])[0]

    def post(self, name: str, claims: Sequence[dict[str, Any]], rule: str = EVERYONE) -> list[int]:
        """Store and log claims as the hub does; their rows."""
        signer = self.signer
        with self.database.write() as connection:
            clock = connection.scalar(
                collection_rows.select().with_only_columns(collection_rows.c.clock)
            )
            seen_by = audience.keep(connection, self.collection, [rule])[rule]
            rows = [
                {
                    "collection": self.collection, "stix_id": obj["id"], "type": obj["type"],
                    "spec_version": "2.1", "version": version_of(obj), "stated": obj["modified"],
                    "date_added": max(NOW, clock + 1) + at, "audience": seen_by,
                    "member": self.members[name].id, "body": orjson.dumps(obj),
                }
                for at, obj in enumerate(claims)
            ]  # fmt: skip
            made = insert(objects).returning(objects.c.seq, sort_by_parameter_order=True)
            seqs = list(connection.scalars(made, rows))
            connection.execute(update(collection_rows).values(clock=rows[-1]["date_added"]))
            logged = [
                log.Row(claim_record(self.collection, obj), seen_by, seq)
                for obj, seq in zip(claims, seqs, strict=True)
            ]
            log.append(connection, logged, signer)
        return seqs

    def many(self, name: str, count: int, start: int = 1000) -> None:
        member, key = self.members[name], self.keys[name]
        self.post(name, [claim(start + n, 1, member.identity, key) for n in range(count)])


@contextmanager
def served(database_url: str, key_file: Path) -> Iterator[str]:
    """Address of the hub, served by uvicorn on a free port."""
    app = build(Settings(database_url, key_file), [router.routes])
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="critical", lifespan="on", ws="none")
    )
    up = threading.Event()
    began = server.startup

    async def startup(*args: Any, **kwargs: Any) -> None:
        await began(*args, **kwargs)
        up.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert up.wait(30)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
