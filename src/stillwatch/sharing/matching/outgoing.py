"""Tags that leave, in the order in which they do: the story of ``share publish`` and ``share retag``.

Claims of actors are in the log first. Then: (1) packs whose claims did not get there are taken
apart; (2) identifiers whose claim ended are dropped; (3) the evaluators are asked for what the
epoch lacks; (4) what waits is packed and signed, and kept; (5) pack and claim are sent. Whoever
is interrupted begins again at (1): nothing is asked, packed or sent a second time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stillwatch.crypto.keys import SigningKey
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.matching.interface import Tagger
from stillwatch.sharing.matching.packing import Shipped, pack_up, settle, ship
from stillwatch.sharing.matching.tagging import Done, Tell, forget_ended, silent, tag
from stillwatch.sharing.settings import Settings
from stillwatch.store import tagging
from stillwatch.store.database import Store
from stillwatch.store.tagging import OwnPack

__all__ = ["Ready", "Shipped", "pending", "prepare", "send", "silent"]


@dataclass(frozen=True, slots=True)
class Ready:
    """What would leave."""

    tagged: Done
    packs: tuple[OwnPack, ...]
    """All that wait for the hub, from before and from now."""
    forgotten: int
    """Identifiers that were dropped with their claims."""


def pending(store: Store) -> bool:
    """Whether identifiers are kept or packs wait, so that there may be something to do."""
    with store.begin() as connection:
        return bool(tagging.holders(connection) or tagging.packs(connection, "made"))


def prepare(
    store: Store,
    settings: Settings,
    key: SigningKey,
    taggers: Sequence[Tagger],
    *,
    snapshot: bool = False,
    released: bool = False,
    tell: Tell = silent,
) -> Ready:
    """Steps 1 to 4. With ``released`` for a dry run: as if what was released stood in the log.

    Raises ``PeerError``, ``NotTrusted`` or ``PolicyRefused``; what was tagged until then is kept.
    """
    with store.begin() as connection:
        settle(connection, released=released)
        forgotten = forget_ended(connection)
    made, there, left = 0, 0, dict[str, int]()
    for tagger in taggers:
        done = tag(store, tagger, settings.identity, released=released, tell=tell)
        made, there, left = made + done.made, there + done.there, dict(done.left)
        pack_up(store, settings, key, tagger.epoch, snapshot=snapshot, released=released)
    with store.begin() as connection:
        waiting = tagging.packs(connection, "made")
    return Ready(Done(made, there, left), tuple(waiting), forgotten)


def send(hub: Hub, store: Store, settings: Settings, tell: Tell = silent) -> Shipped:
    """Step 5. Raises ``PeerError``; then send again."""
    return ship(hub, store, settings, tell)
