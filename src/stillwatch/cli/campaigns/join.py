"""``stillwatch campaigns join``: which groups of a result continue at other labs."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

from stillwatch.cli.campaigns.tags import Result
from stillwatch.cli.share.common import HERE, Config, Json, opened, say, tell
from stillwatch.domain.claim import Span
from stillwatch.errors import StillwatchError
from stillwatch.sharing.board import Entry
from stillwatch.sharing.matching.joined import Continuations, Continued, continuations
from stillwatch.sharing.matching.labs import Labs
from stillwatch.sharing.matching.suspects import Suspected, read
from stillwatch.sharing.matching.tagset import TagSet
from stillwatch.sharing.matching.worth import Worth
from stillwatch.sharing.settings import Settings
from stillwatch.store.database import Store


def join(result: Result, config: Config = HERE, json: Json = False) -> None:
    """Find the parts of this result's campaigns and suspected groups that are at other labs.

    Only evaluators are asked, about blinded marks; what they learn is how many. A group is reported
    by joint evidence if what all labs say of their parts together passes the result's own rate.
    """
    suspected = read(result)
    with opened(config) as (settings, store):
        found = _joined(suspected, settings, store)
    if json:
        tell(_record(found))
        return
    for group in found.groups:
        for line in _lines(group):
            say(line)
    if found.likely:
        say(f"{found.likely} groups of others share marks with ours, but too few to count")
    for why, many in found.ignored.items():
        say(f"{many} rows without effect: {why}")
    promoted = sum(bool(group.promoted) for group in found.groups)
    say(
        f"{found.matched} of {found.asked} marks are known elsewhere; {len(found.groups)} groups "
        f"continue at other labs, {promoted} of them are found by joint evidence only"
    )


def _joined(suspected: Suspected, settings: Settings, store: Store) -> Continuations:
    tags = TagSet.open(settings.tags)
    if not tags.sources:
        raise StillwatchError(
            "no pack of another lab is here", hint="`stillwatch share pull` fetches them"
        )
    worth = Worth(store, settings.matching.stale_days)

    def standing(claim: str, publisher: str) -> Entry | str:
        found = worth.of(claim, publisher)
        return found if isinstance(found, Entry) else found.why

    with closing(Labs(settings, store)) as labs:
        listed = {source.epoch for source in tags.sources}
        taggers = [labs.tagger(name) for name in labs.epochs() if name in listed]
        if not taggers:
            raise StillwatchError(
                f"packs are here for {', '.join(sorted(listed))}, but today's epoch is another",
                hint="`stillwatch share pull` fetches newer ones",
            )
        found = continuations(
            suspected, taggers, tags, standing, settings.identity, labs.voices().of
        )
        labs.settle()
    return found


def _lines(group: Continued) -> Iterator[str]:
    labs = len({one.publisher for one in group.told})
    found = "found here" if group.reported else "suspected"
    if group.promoted:
        found = f"found with {' and '.join(group.found_with)}: {len(group.promoted)} accounts"
    yield (
        f"{group.name}  {found}, continues at {labs} other lab{'s' * (labs > 1)}; p {group.own_p_value:.2g} "
        f"here, {group.joint_p_value:.2g} together"
    )
    for one in group.told:
        yield (
            f"    {one.publisher}, {one.name} ({one.claim}): {one.bands} equal bands, "
            f"{one.prompts} equal prompts; p {one.p_value:g}, {_range(one.accounts)} accounts, "
            f"{_range(one.exchanges)} exchanges, {one.first_seen} to {one.last_seen}"
        )
    yield (
        f"    together: {_range(group.accounts)} accounts, {_range(group.exchanges)} exchanges, "
        f"{group.first_seen} to {group.last_seen}"
    )


def _range(span: Span) -> str:
    return f"{span.low:,} to {span.high:,}"


def _record(found: Continuations) -> dict[str, Any]:
    return {
        "groups": [asdict(group) for group in found.groups],
        "asked": found.asked,
        "matched": found.matched,
        "likely": found.likely,
        "ignored": dict(found.ignored),
    }
