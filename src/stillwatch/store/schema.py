"""The lab's own tables, on SQLite (one file of mode 0600) or PostgreSQL.

Rules: instants are ISO 8601 in UTC; objects are kept as the bytes that were signed or received.
Account ids never stand here: a campaign is recognised by keyed hashes of its members.
Identifiers stand in ``identifiers`` alone: those of caught actors, as long as their claim holds.
"""

from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

VERSION = "2"
"""Raised whenever a table changes; a store of another version is refused."""
GROWN = frozenset({"1"})
"""Versions since which tables were only added: such a store is brought up when it is opened."""

metadata = MetaData()

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),  # version, secret
    Column("value", Text, nullable=False),
)

drafts = Table(
    "drafts",
    metadata,
    Column("stix_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),  # waiting, released, refused, published
    Column("origin", Text, nullable=False),  # what it was made from, for people
    Column("body", LargeBinary, nullable=False),  # the unsigned object
    Column("stays", LargeBinary, nullable=False),  # JSON: what of the finding stays home
    Column("made", Text, nullable=False),
)

acts = Table(
    "acts",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("act", Text, nullable=False),  # release, refuse, edit, publish, revoke ...
    Column("stix_id", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

published = Table(
    "published",
    metadata,
    Column("stix_id", Text, primary_key=True),
    Column("modified", Text, primary_key=True),
    Column("hub", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the signed object, canonical
    Column("state", Text, nullable=False),  # sent, stored, failed
    Column("answer", Text, nullable=False),
)

traces = Table(
    "traces",
    metadata,
    Column("tag", LargeBinary, primary_key=True),  # keyed hash of an account id
    Column("stix_id", Text, primary_key=True),  # campaign claim in which it was seen
)

hubs = Table(
    "hubs",
    metadata,
    Column("url", Text, primary_key=True),
    Column("known", LargeBinary, nullable=False),  # JSON of sharing.known
    Column("audiences", Text, nullable=False),  # JSON: ids of the audiences it was walked with
    Column("pulled", Text, nullable=False),
)

received = Table(
    "received",
    metadata,
    Column("hub", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("stix_id", Text, primary_key=True),
    Column("modified", Text, primary_key=True),
    Column("index", Integer, nullable=False),  # leaf of the log; -1 for what is not logged
    Column("publisher", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("signed", Integer, nullable=False),  # 1: verified; 0: from elsewhere, no evidence
    Column("body", LargeBinary, nullable=False),
    Column("came", Text, nullable=False),
)

apart = Table(
    "apart",
    metadata,
    Column("hub", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("stix_id", Text, primary_key=True),
    Column("modified", Text, primary_key=True),
    Column("index", Integer, nullable=False),
    Column("publisher", Text, nullable=False),
    Column("revoked", Integer, nullable=False),  # 1: it takes the claim back
    Column("reasons", LargeBinary, nullable=False),  # JSON: what the policy says, path and reason
    Column("body", LargeBinary, nullable=False),
    Column("came", Text, nullable=False),
)

standing = Table(
    "standing",
    metadata,
    Column("hub", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("stix_id", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),  # JSON as the hub says it
)

relied = Table(
    "relied",
    metadata,
    Column("stix_id", Text, primary_key=True),  # a received claim
    Column("what", Text, primary_key=True),  # what here rests on it, e.g. an enabled rule
    Column("since", Text, nullable=False),
)

refusals = Table(
    "refusals",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("stix_id", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

canaries = Table(
    "canaries",
    metadata,
    Column("epoch", Text, primary_key=True),
    Column("public", Text, primary_key=True),  # public key of the epoch, hex
    Column("input", LargeBinary, primary_key=True),  # made up here; of nobody
    Column("output", LargeBinary, nullable=False),  # proven once
)

evaluators_aside = Table(
    "evaluators_aside",
    metadata,
    Column("member", Text, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("evidence", Text, nullable=False),  # file
)

identifiers = Table(
    "identifiers",
    metadata,
    Column("claim", Text, primary_key=True),  # actor or campaign claim of ours
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),  # normal form: never leaves
    Column("first_seen", Text, nullable=False),  # day
    Column("last_seen", Text, nullable=False),
    Column("confidence", Integer, nullable=False),
    Column("tactic", Text, nullable=False),
)

tagged = Table(
    "tagged",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("epoch", Text, nullable=False, index=True),
    Column("claim", Text, nullable=False),  # empty for a dummy
    Column("mark", LargeBinary, nullable=False),  # keyed hash of kind and value; empty for a dummy
    Column("record", LargeBinary, nullable=False),  # SHA-256 of what was sealed
    Column("row", LargeBinary, nullable=False),  # as it stands in packs
    Column("pack", Text, nullable=False, index=True),  # SHA-256 of the first it went into
)

own_packs = Table(
    "own_packs",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("serial", Integer, nullable=False),
    Column("snapshot", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("stix_id", Text, nullable=False),  # the tags claim
    Column("body", LargeBinary, nullable=False),  # signed, as it leaves
    Column("content", LargeBinary, nullable=False),  # empty once the hub has it
    Column("state", Text, nullable=False),  # made, stored, failed
    Column("answer", Text, nullable=False),
)
