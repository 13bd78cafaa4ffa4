"""``stillwatch share pull``: what others say, verified."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from stillwatch.cli.progress import spinner
from stillwatch.cli.share.common import HERE, Config, Json, asked, opened, say, tell
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.pull import Pulled, Tell
from stillwatch.sharing.pull import pull as follow
from stillwatch.sharing.resting import Settled
from stillwatch.sharing.settings import Settings
from stillwatch.store.database import Store

if TYPE_CHECKING:
    from stillwatch.sharing.matching.sync import Synced


def pull(config: Config = HERE, json: Json = False) -> None:
    """Follow the hub's log and keep what it proves. Status 5: the hub's history does not hold."""
    with opened(config) as (settings, store), asked(settings) as hub, spinner(json) as report:
        told = report or (lambda *_: None)
        done = follow(hub, store, settings, settings.key(), told)
        gone = _withdrawn(done)
        tags = _tags(hub, store, settings, told)
    if json:
        tell({
            "size": done.size, "new": done.new, "revoked": done.revoked,
            "apart": [{"id": id_, "refused": dict(reasons)} for id_, reasons in done.apart],
            "fallen": [asdict(one) for one in done.fallen], "withdrawn": gone,
            "decided": asdict(done.decided),
            "cosigned": done.cosigned, "waiting": done.waiting, "tags": asdict(tags),
        })  # fmt: skip
        return
    for stix_id, resting in done.revoked.items():
        say(f"revoked: {stix_id}; rests on it here: {', '.join(resting) or 'nothing'}")
    for one in done.fallen:
        if one.claim not in done.revoked:
            say(f"counts nothing: {one.claim}: {one.why}; rests on it: {', '.join(one.resting)}")
    _tell_decided(done.decided)
    for digest in gone:
        say(f"withdrawn, no run uses it any more: rule {digest}")
    for stix_id, reasons in done.apart:
        said = "; ".join(f"{path} {reason}" for path, reason in reasons)
        say(f"kept apart, it breaks the field policy: {stix_id}: {said}")
    if done.waiting:
        say("too few witnesses have seen anything newer than what is known here")
    say(f"{done.new} new claims; the log has {done.size} entries")
    _tell_tags(tags)


def _tags(hub: Hub, store: Store, settings: Settings, told: Tell) -> "Synced":
    """Fetch the packs that live claims name."""
    from stillwatch.sharing.matching.arrival import arrive  # noqa: PLC0415 - it loads numpy

    return arrive(hub, store, settings, told)


def _tell_tags(tags: "Synced") -> None:
    for gap in tags.gaps:
        say(f"a pack of tags that nobody here has seen: {gap}")
    for missing in tags.missing:
        say(f"a pack of tags could not be had: {missing}")
    for why, count in tags.aside.items():
        say(f"set aside: {count} claims of tags: {why}")
    if tags.packs or tags.dropped:
        fresh = f"{tags.fetched} fetched, {tags.dropped} dropped"
        say(f"{tags.rows} rows of tags in {tags.packs} packs ({fresh})")


def _tell_decided(settled: Settled) -> None:
    for one in settled.undone:
        say(
            f"undone: {one.claim}: {one.why}; {len(one.fell)} decisions that rested on it fell, "
            f"{one.stay} stand on what is left"
        )
        for id_ in one.fell[:20]:
            say(f"  no longer in force: {id_}")
    for id_ in settled.suspended:
        say(f"observes, what it rests on does not count now: {id_}")
    for id_ in settled.restored:
        say(f"in force again, what it rests on counts: {id_}")


def _withdrawn(done: Pulled) -> list[str]:
    """Digests of rules that went out of use because their claims count nothing now."""
    if not done.fallen:
        return []
    from stillwatch.sharing.ruleclaims import withdraw  # noqa: PLC0415 - it loads the kernels

    return [record.digest for record in withdraw(done.fallen)]
