"""Who may ask an evaluator: the members of the log that this lab has verified.

Rules: keys and their states are the log's, as the last pull left them. Only identities that the hub
names as a member's own count: a pseudonym with a quota of its own would multiply its holder's. A
member whose newest key ended is listed as removed, so that it is told why it is refused.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from stillwatch.errors import StoredDataError
from stillwatch.sharing.known import Known, from_json
from stillwatch.store import inbox

_MEMBER: Final = {"active": "active", "suspended": "suspended", "ended": "removed"}


def known(connection: Connection, hub: str) -> Known:
    """What the last pull left. Raises ``StoredDataError`` if there was none."""
    kept = inbox.position(connection, hub)
    if kept is None:
        raise StoredDataError(
            "nothing is known of the hub's log yet", hint="run `stillwatch share pull` first"
        )
    return from_json(kept[0])


def members(log: Known, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Members as an evaluator's file has them; ``names`` by identity, as the hub tells them."""
    listed = []
    for identity in sorted({key.identity for key in log.keys.keys.values()} & names.keys()):
        newest = log.keys.of_identity(identity)
        assert newest is not None
        own = [key for key in log.keys.keys.values() if key.identity == identity]
        keys = [(key.public, key.state) for key in sorted(own, key=lambda key: key.stated)]
        listed.append(
            {
                "identity": identity,
                "name": names[identity],
                "state": _MEMBER[newest.state],
                "keys": keys,
            }
        )
    return listed
