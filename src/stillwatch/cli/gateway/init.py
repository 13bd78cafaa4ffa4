"""``stillwatch gateway init``: settings with a comment on each, and tokens."""

import os
from pathlib import Path
from typing import Annotated

import typer

from stillwatch.cli.gateway.common import HERE, STORE, From, Json, StoreUrl, say, tell
from stillwatch.errors import ConfigError
from stillwatch.gateway.settings import load_settings
from stillwatch.gateway.template import STORE_LINE, TEMPLATE, UPSTREAM_LINES
from stillwatch.gateway.tokens import Door, make_missing, write_new


def init(
    store: StoreUrl = None,
    upstream: From = None,
    config: Annotated[Path, typer.Option("--config", help="File to write.")] = HERE,
    json: Json = False,
) -> None:
    """Write gateway.toml and its token files (mode 0600). An earlier file is kept."""
    if config.exists():
        raise ConfigError(f"{config} is there already", hint="edit it, or name another --config")
    if store is not None and upstream is not None:
        raise ConfigError("--store and --from exclude one another")
    if upstream is not None:
        source = UPSTREAM_LINES.format(upstream=_plain(upstream))
    else:
        named = store or os.environ.get(STORE)
        source = STORE_LINE.format(
            store=_plain(_beside(named, config) if named else "sqlite:///share.db")
        )
    write_new(config, TEMPLATE.format(source=source, poll_s="0.5"))
    try:
        settings = load_settings(config)
    except ConfigError:
        config.unlink()  # so that the command can be given again
        raise
    made = make_missing(settings.tokens, [door for door in Door if door is not Door.SCREEN])
    if json:
        tell({"config": str(config), "tokens": [str(path) for path in made]})
        return
    say(f"{config} is written; `stillwatch gateway check` looks at it, `gateway serve` starts it")
    for path in made:
        say(f"a new token is in {path}")
    if upstream is not None:
        say(f"put the stream token of {upstream} into {settings.source.token_file} (mode 0600)")


def _beside(url: str, config: Path) -> str:
    """A file that was named from here, as it is named from where the settings lie."""
    name = url.removeprefix("sqlite:///")
    if name == url or Path(name).is_absolute():
        return url
    path, folder = Path(name).absolute(), config.absolute().parent
    return f"sqlite:///{path.relative_to(folder) if path.is_relative_to(folder) else path}"


def _plain(url: str) -> str:
    if '"' in url or "\\" in url or not url.isprintable():
        raise ConfigError("the URL holds a sign that settings cannot")
    return url
