"""The evaluators that commands of ``share`` ask, and lines about tags that two of them print."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from stillwatch.cli.share.common import say
from stillwatch.sharing.settings import Settings
from stillwatch.store.database import Store

if TYPE_CHECKING:
    from stillwatch.sharing.matching.interface import Tagger
    from stillwatch.sharing.matching.packing import Shipped
    from stillwatch.store.tagging import OwnPack


@contextmanager
def evaluating(
    settings: Settings, store: Store, epoch: str | None = None
) -> "Iterator[Sequence[Tagger]]":
    """Taggers of all epochs of today, or of the one named.

    Raises ``PeerError`` if no such epoch is known.
    """
    from stillwatch.sharing.matching.labs import Labs  # noqa: PLC0415 - it loads much

    with closing(Labs(settings, store)) as labs:
        names = [epoch] if epoch else labs.epochs()
        yield [labs.tagger(name) for name in names] or [labs.tagger()]


def as_json(packs: "Sequence[OwnPack]") -> list[dict[str, Any]]:
    """Packs as JSON shows them."""
    return [
        {
            "sha256": one.sha256,
            "rows": one.rows,
            "epoch": one.epoch,
            "serial": one.serial,
            "snapshot": one.snapshot,
            "claim": one.stix_id,
        }
        for one in packs
    ]


def report(shipped: "Shipped", left: Mapping[str, int]) -> None:
    """Say what became of tags."""
    for one, why in shipped.failed:
        say(f"refused by the hub, its rows wait for the next pack: {one.stix_id}: {why}")
    for one in shipped.stored:
        replaces = ", replacing those before" if one.snapshot else ""
        say(f"pack {one.serial} of epoch {one.epoch} published, {one.rows} rows{replaces}")
    for why, count in left.items():
        say(f"not tagged: {count} identifiers: {why}")
