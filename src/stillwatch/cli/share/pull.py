"""``stillwatch share pull``: what others say, verified."""

from dataclasses import asdict

from stillwatch.cli.progress import spinner
from stillwatch.cli.share.common import HERE, Config, Json, asked, opened, say, tell
from stillwatch.sharing.pull import Pulled
from stillwatch.sharing.pull import pull as follow


def pull(config: Config = HERE, json: Json = False) -> None:
    """Follow the hub's log and keep what it proves. Status 5: the hub's history does not hold."""
    with opened(config) as (settings, store), asked(settings) as hub, spinner(json) as report:
        told = report or (lambda *_: None)
        done = follow(hub, store, settings, settings.key(), told)
        gone = _withdrawn(done)
    if json:
        tell({
            "size": done.size, "new": done.new, "revoked": done.revoked,
            "apart": [{"id": id_, "refused": dict(reasons)} for id_, reasons in done.apart],
            "fallen": [asdict(one) for one in done.fallen], "withdrawn": gone,
            "cosigned": done.cosigned, "waiting": done.waiting,
        })  # fmt: skip
        return
    for stix_id, resting in done.revoked.items():
        say(f"revoked: {stix_id}; rests on it here: {', '.join(resting) or 'nothing'}")
    for one in done.fallen:
        if one.claim not in done.revoked:
            say(f"counts nothing: {one.claim}: {one.why}; rests on it: {', '.join(one.resting)}")
    for digest in gone:
        say(f"withdrawn, no run uses it any more: rule {digest}")
    for stix_id, reasons in done.apart:
        said = "; ".join(f"{path} {reason}" for path, reason in reasons)
        say(f"kept apart, it breaks the field policy: {stix_id}: {said}")
    if done.waiting:
        say("too few witnesses have seen anything newer than what is known here")
    say(f"{done.new} new claims; the log has {done.size} entries")


def _withdrawn(done: Pulled) -> list[str]:
    """Digests of rules that went out of use because their claims count nothing now."""
    if not done.fallen:
        return []
    from stillwatch.sharing.ruleclaims import withdraw  # noqa: PLC0415 - it loads the kernels

    return [record.digest for record in withdraw(done.fallen)]
