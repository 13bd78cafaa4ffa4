"""What ``share pull`` does once claims are in: key epochs are believed, then packs are fetched."""

from datetime import UTC, datetime

from stillwatch.crypto.epoch import Epoch, accepted
from stillwatch.sharing import known
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.matching import epochs as pins
from stillwatch.sharing.matching.sync import Synced, sync
from stillwatch.sharing.matching.tagging import Tell, silent
from stillwatch.sharing.settings import Settings
from stillwatch.store import inbox
from stillwatch.store.database import Store


def arrive(hub: Hub, store: Store, settings: Settings, tell: Tell = silent) -> Synced:
    """Make the tag set what claims and epochs say today.

    Raises ``NotTrusted`` where epochs contradict what was believed before, or ``PeerError``; the
    set stays as it was.
    """
    today = datetime.now(UTC).date()
    with store.begin() as connection:
        position = inbox.position(connection, settings.url)
    keys = known.from_json(position[0]).keys.keys if position else {}
    settings.tags.mkdir(mode=0o700, parents=True, exist_ok=True)
    believed = pins.refresh(hub, keys, settings.tags, today)
    newest: dict[str, Epoch] = {}
    for epoch in believed.epochs:
        before = newest.get(epoch.name)
        if before is None or epoch.generation > before.generation:
            newest[epoch.name] = epoch
    accepted(believed.epochs, today)  # refuses two keys under one name
    return sync(hub, store, settings.tags, today=today, epochs=list(newest.values()), tell=tell)
