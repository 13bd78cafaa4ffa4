"""``stillwatch share init``: settings, a key, and its enrolment at the hub."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from stillwatch.cli.share.common import HERE, Config, Json, asked, say, tell
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.statements import add
from stillwatch.errors import ConfigError, PeerError
from stillwatch.intel.objects import format_time, to_micros
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.settings import TEMPLATE, load_settings, read_secret, write_secret


def init(
    url: Annotated[str, typer.Option("--hub", help="Address of the hub.")],
    member: Annotated[str, typer.Option("--member", help="Our name at the hub.")],
    token_file: Annotated[Path, typer.Option("--token-file", help="Our token (mode 0600).")],
    log_key: Annotated[str, typer.Option("--log-key", help="Public key of the hub's log.")],
    collection: Annotated[str, typer.Option("--collection", help="Where claims go.")],
    jurisdiction: Annotated[str, typer.Option("--jurisdiction", help="Where we publish from.")],
    basis: Annotated[str, typer.Option("--basis", help="Legal basis that counsel confirmed.")],
    as_of: Annotated[str, typer.Option("--as-of", help="Day of that confirmation.")],
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Write the settings, make our key and enrol it with the hub. An earlier key is kept."""
    if config.exists():
        raise ConfigError(f"{config} is there already", hint="edit it, or name another --config")
    key_file = config.parent / "share.key"
    try:
        confirmed = date.fromisoformat(as_of)
    except ValueError as error:
        raise ConfigError(f"--as-of {as_of!r} is no day", hint="YYYY-MM-DD") from error
    hub = Hub(url.rstrip("/") + "/", member, read_secret(token_file))
    try:
        identity = str(hub.me().get("identity"))
    finally:
        hub.close()
    values = {
        "url": url, "member": member, "token_file": str(token_file.absolute()),
        "log_key": log_key, "identity": identity, "key_file": key_file.name,
        "collection": collection, "jurisdiction": jurisdiction, "basis": basis,
        "as_of": confirmed.isoformat(), "store": "share.db",
    }  # fmt: skip
    for name, value in values.items():
        if '"' in value or "\\" in value or not value.isprintable():
            raise ConfigError(f"{name} holds a sign that settings cannot")
    if not key_file.exists():
        SigningKey.generate().save(key_file)
    write_secret(config, TEMPLATE.format(**values))
    try:
        settings = load_settings(config)
        _enrol(settings.key(), identity, settings)
    except (ConfigError, PeerError):
        config.unlink()  # so that the command can be given again; the key stays
        raise
    if json:
        tell({"config": str(config), "identity": identity, "kid": settings.key().id})
    else:
        say(f"{config}: sharing as {member} ({identity}); our key is {key_file}: back it up")


def _enrol(key: SigningKey, identity: str, settings: object) -> None:
    at = format_time(to_micros(datetime.now(UTC)))
    with asked(settings) as hub:  # type: ignore[arg-type]
        hub.state_key(add(identity, key, at))
