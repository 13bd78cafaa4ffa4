"""The lab's own tables, on SQLite (one file of mode 0600) or PostgreSQL.

Rules: instants are ISO 8601 in UTC; objects are kept as the bytes that were signed or received.
Account ids stand in decisions alone: elsewhere a campaign is recognised by keyed hashes of its members.
Identifiers stand in ``identifiers`` alone: those of caught actors, as long as their claim holds.
Decisions name accounts, keys and addresses: they are what a gateway enforces, and stay in the house.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

VERSION = "3"
"""Raised whenever a table changes; a store of another version is refused."""
GROWN = frozenset({"1", "2"})
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

pseudonyms = Table(
    "pseudonyms",
    metadata,
    Column("hub", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # ours for it; leaves for nowhere
    Column("identity", Text, nullable=False),
    Column("state", Text, nullable=False),  # new: the hub has not answered yet; active, ended
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

stream = Table(
    "stream",
    metadata,
    Column("id", Integer, primary_key=True),  # one row, 1
    # of the newest change. Writers raise it first in their transaction: its row lock puts them in
    # order, so that no reader sees a later change before an earlier one
    Column("seq", BigInteger, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),  # standing, held, lifted, refused, ended
    Column("effect", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("until", BigInteger, nullable=False),  # seconds since 1970
    Column("made", BigInteger, nullable=False),
    Column("shadow", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("rest", Text, nullable=False),  # JSON: reason, evidence, origin, made, rate, cohort ...
    Column(
        "aside", Text, nullable=False
    ),  # JSON of what gateways need not know, see store.decisions
    Index("decisions_subject", "scope", "value"),
    Index("decisions_made", "made"),
    Index("decisions_end", "state", "until"),
    Index("decisions_origin", "origin", "scope"),
)

decision_reach = Table(
    "decision_reach",  # whom decisions of policies newly touched: what the blast radius is measured by
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),  # seconds since 1970
    Column("origin", Text, nullable=False),
    Column("decision", Text, nullable=False, index=True),
    Column("live", Integer, nullable=False),  # 1: came into force; 0: held, or in shadow
    Column("blocked", Integer, nullable=False),  # accounts
    Column("touched", Integer, nullable=False),  # accounts
    Column("traffic", Float, nullable=False),  # share of all requests, 0-1
    Column("accounts", Float, nullable=False),  # share of all accounts, 0-1
    Column("hold", Text, nullable=False),  # in shadow: why a person has to let it into force
    Index("reach_of", "origin", "at"),
)

decision_evidence = Table(
    "decision_evidence",
    metadata,
    Column("evidence", Text, primary_key=True),
    Column("decision", Text, primary_key=True),
    Column("own", Integer, nullable=False),  # 1: the lab's own; 0: another's word
    Index("evidence_of", "decision"),
)

decision_changes = Table(
    "decision_changes",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("decision", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

decision_acts = Table(
    "decision_acts",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("act", Text, nullable=False),  # add, hold, release, refuse, lift, undo, appeal ...
    Column("decision", Text, nullable=False, index=True),
    Column("detail", Text, nullable=False),  # the reason, in words
)

appeals = Table(
    "appeals",
    metadata,
    Column("id", Text, primary_key=True),  # appeal-- and a UUID
    Column("decision", Text, nullable=False, index=True),
    Column("state", Text, nullable=False),  # open, upheld, rejected
    Column("opened", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("closed", Text, nullable=False),  # empty while open
    Column("outcome", Text, nullable=False),
)
