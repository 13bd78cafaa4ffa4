"""Labs that share by the program's own commands, over a running hub, seen on the wire."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.intel.codenames import code_name
from stillwatch.sharing import drafts
from stillwatch.sharing.settings import load_settings
from stillwatch.store.database import Store
from tests.claims import examples
from tests.hubs import World, people
from tests.hubs import serving as serving_hub
from tests.scripted import Asked, Reply, Server
from tests.scripted import serving as serving_wire

NAMES = ("alpha", "beta", "gamma")


@dataclass
class Labs:
    """A hub and the folders of its members."""

    folder: Path
    world: World
    wire: Server
    """What members ask, on its way to the hub."""
    names: Sequence[str] = field(default=NAMES)
    disturb: list[Callable[[Asked, Callable[[], Reply]], Reply]] = field(default_factory=list)
    """At most one: stands between member and hub, and may answer itself."""

    def settings(self, who: str) -> Path:
        return self.folder / who / "share.toml"

    def run(self, who: str, *words: object, status: int = 0) -> Any:
        """A command of ``share`` as a member; its JSON. Our own errors are raised."""
        done = command("share", *words, "--config", self.settings(who), "--json", status=status)
        return json.loads(done)

    def draft(self, who: str) -> str:
        """Put a campaign into a member's queue; its id."""
        settings = load_settings(self.settings(who))
        terms = drafts.fresh_terms("campaign", settings)
        claim = replace(examples()["campaign"], terms=terms, name=code_name(terms.claim_id))
        made = drafts._draft(claim, "a result", {"account ids": 240})
        store = Store(settings.store)
        with store.begin() as connection:
            drafts.keep(connection, drafts.Drafted((made,), ()), settings)
        store.close()
        return made.stix_id

    def publish(self, who: str, *ids: str) -> None:
        """Release drafts and send them; they must arrive."""
        releases = [word for id_ in ids for word in ("--release", id_)]
        self.run(who, "review", *releases, "--by", "reviewer")
        assert self.run(who, "publish")["stored"] == list(ids)

    def say(self, who: str) -> str:
        """Draft, release and publish a campaign."""
        stix_id = self.draft(who)
        self.publish(who, stix_id)
        return stix_id

    def standing(self, who: str, stix_id: str) -> dict[str, Any]:
        return next(one for one in self.run(who, "list") if one["id"] == stix_id)

    def change(self, who: str, old: str, new: str) -> None:
        """Change a member's settings."""
        text = self.settings(who).read_text()
        assert old in text
        self.settings(who).write_text(text.replace(old, new, 1))


def command(*words: object, status: int = 0) -> str:
    """A command of the program; its output. Our own errors are raised as they are."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == status, done.output
    return done.stdout


@contextmanager
def labs(folder: Path, url: str, key_file: Path, vkey: str) -> Iterator[Labs]:
    """Three members with settings and keys of their own, at a hub behind a recording wire."""
    with (
        serving_hub(people(url, key_file)) as world,
        httpx.Client(base_url=world.base, timeout=60, trust_env=False) as onward,
        serving_wire(_forward(onward, disturb := [])) as wire,
    ):
        made = Labs(folder, world, wire, disturb=disturb)
        for name in NAMES:
            (folder / name).mkdir()
            token = folder / name / "token"
            token.touch(0o600)
            token.write_text(world.tokens[name])
            made.run(
                name, "init", "--hub", f"{wire.url}/", "--member", name, "--token-file", token,
                "--log-key", vkey, "--collection", "claims", "--jurisdiction", "DE",
                "--basis", "gdpr-6-1-f", "--as-of", "2026-10-01",
            )  # fmt: skip
        yield made


def _forward(onward: httpx.Client, disturb: Sequence[Any]) -> Any:
    def reply(asked: Asked) -> Reply:
        return disturb[0](asked, lambda: pass_on(asked)) if disturb else pass_on(asked)

    def pass_on(asked: Asked) -> Reply:
        keep = ("authorization", "accept", "content-type")
        headers = {k: v for k, v in asked.headers.items() if k.lower() in keep}
        method = "POST" if "Content-Length" in asked.headers else "GET"
        answer = onward.request(
            method, asked.path, params=asked.query, headers=headers, content=asked.body
        )
        back = ("content-type", "stillwatch-answered")
        told = {k: v for k, v in answer.headers.items() if k.lower() in back}
        return Reply(answer.content, answer.status_code, told)

    return reply
