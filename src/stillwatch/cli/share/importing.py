"""``stillwatch share import``: what others publish without signing it."""

from collections.abc import Generator
from pathlib import Path
from typing import Annotated

import httpx
import typer

from stillwatch.cli.progress import spinner
from stillwatch.cli.share.common import HERE, Config, Json, opened, say, tell
from stillwatch.errors import ConfigError
from stillwatch.sharing.feeds import Imported, import_collection, import_file
from stillwatch.sharing.fetch import Fetcher
from stillwatch.sharing.settings import read_secret
from stillwatch.store.database import Store


def import_(
    source: Annotated[str, typer.Argument(help="Address of a TAXII 2.1 server, or a bundle file.")],
    collection: Annotated[str | None, typer.Option("--collection", help="Its id.")] = None,
    user: Annotated[
        str | None, typer.Option("--user", help="For Basic; without it bearer.")
    ] = None,
    token_file: Annotated[Path | None, typer.Option("--token-file", help="Mode 0600.")] = None,
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Keep what a feed holds, apart and unsigned: a lead, never evidence."""
    with opened(config) as (_, store):
        if "://" in source:
            done = _feed(source, collection, user, token_file, store, json)
        else:
            done = import_file(Path(source), store)
    if json:
        tell({"source": done.source, "seen": done.seen, "new": done.new, "unsound": done.unsound})
        return
    for problem, count in done.unsound.items():
        say(f"{count} not kept: {problem}")
    say(f"{done.new} new of {done.seen} objects")


def _feed(
    url: str,
    collection: str | None,
    user: str | None,
    token_file: Path | None,
    store: Store,
    quiet: bool,
) -> Imported:
    if collection is None:
        raise ConfigError("which collection?", hint="use --collection ID")
    if user is not None and token_file is None:
        raise ConfigError("--user needs --token-file", hint="a file with one line, of mode 0600")
    fetcher = Fetcher(url, _auth(user, token_file))
    try:
        with spinner(quiet) as report:
            tell_page = (lambda d: report("importing", d.seen, d.seen)) if report else _silent
            return import_collection(fetcher, url, collection, store, tell_page)
    finally:
        fetcher.close()


def _silent(_: Imported) -> None:
    """Say nothing."""


def _auth(user: str | None, token_file: Path | None) -> httpx.Auth | None:
    if token_file is None:
        return None
    token = read_secret(token_file)
    return httpx.BasicAuth(user, token) if user is not None else _Bearer(token)


class _Bearer(httpx.Auth):
    """RFC 6750."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request
