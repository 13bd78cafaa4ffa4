"""``stillwatch share pull``: what others say, verified."""

from stillwatch.cli.progress import spinner
from stillwatch.cli.share.common import HERE, Config, Json, asked, opened, say, tell
from stillwatch.sharing.pull import pull as follow


def pull(config: Config = HERE, json: Json = False) -> None:
    """Follow the hub's log and keep what it proves. Status 5: the hub's history does not hold."""
    with opened(config) as (settings, store), asked(settings) as hub, spinner(json) as report:
        told = report or (lambda *_: None)
        done = follow(hub, store, settings, settings.key(), told)
    if json:
        tell({
            "size": done.size, "new": done.new, "revoked": done.revoked,
            "cosigned": done.cosigned, "waiting": done.waiting,
        })  # fmt: skip
        return
    for stix_id, resting in done.revoked.items():
        say(f"revoked: {stix_id}; rests on it here: {', '.join(resting) or 'nothing'}")
    if done.waiting:
        say("too few witnesses have seen anything newer than what is known here")
    say(f"{done.new} new claims; the log has {done.size} entries")
