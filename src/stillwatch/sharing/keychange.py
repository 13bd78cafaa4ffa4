"""Replacing our signing key: stated in the log by both keys, and never lost on the way.

Rules: the new key is on the disk before the hub hears of it, and the old one stays beside it. If
the answer was lost, the next run asks the hub which of the two is in use. Signed claims that wait
for an answer bear the old key, so they go first.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.statements import rotate as rotation
from stillwatch.errors import ConfigError, InputError
from stillwatch.intel.objects import format_time, to_micros
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.settings import Settings
from stillwatch.store import outbox
from stillwatch.store.database import Store


def rotate(hub: Hub, store: Store, settings: Settings, by: str) -> tuple[SigningKey, Path]:
    """Replace our key; the new one, and where the old one is kept. It may be given again."""
    old = settings.key()
    with store.begin() as connection:
        if outbox.outgoing(connection, settings.url, "sent"):
            raise InputError(
                "signed claims wait for the hub's answer", hint="`stillwatch share publish` first"
            )
    fresh = settings.key_file.with_name(settings.key_file.name + ".new")
    if not fresh.exists():
        SigningKey.generate().save(fresh)
    new = SigningKey.load(fresh)
    if (used := _in_use(hub.me(), settings)) == old.id:
        at = format_time(to_micros(datetime.now(UTC)))
        hub.state_key(rotation(settings.identity, old, new, at))
    elif used != new.id:
        raise ConfigError(
            f"the hub knows key {used}, which is neither {settings.key_file} nor {fresh}",
            hint="ask the operator who changed it",
        )
    kept = settings.key_file.with_name(f"{settings.key_file.name}.{old.id[:12]}")
    if not kept.exists():  # else we were cut off right here
        old.save(kept)
    fresh.replace(settings.key_file)
    with store.begin() as connection:
        outbox.record(connection, settings.identity, "key.rotate", by, f"{old.id} -> {new.id}")
    return new, kept


def _in_use(me: dict[str, Any], settings: Settings) -> str | None:
    for one in me.get("identities", []):
        if isinstance(one, dict) and one.get("identity") == settings.identity:
            return one.get("kid")
    return None
