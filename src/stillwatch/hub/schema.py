"""The hub's tables, the same on SQLite and PostgreSQL.

Rules: instants are microseconds since 1970 in UTC, as integers (exact and ordered on both
databases); ids are the texts that travel. Nothing here is ever deleted but objects of open
collections, statuses past their time, revoked tokens' digests, and packs that no live claim names.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
_Key = BigInteger().with_variant(Integer, "sqlite")

members = Table(
    "members",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("identity", Text, nullable=False, unique=True),  # identity--UUID under which it speaks
    Column("role", Text, nullable=False),  # member, witness, operator
    Column("state", Text, nullable=False),  # active, suspended, removed
    Column("added", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("member", ForeignKey("members.id"), nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256 of 256 random bits
    Column("label", Text, nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
)

identities = Table(
    "identities",
    metadata,
    Column("id", Text, primary_key=True),  # identity--UUID
    Column("member", ForeignKey("members.id"), nullable=False, index=True),
    Column("open", Boolean, nullable=False),  # false: a pseudonym, whose holder nobody is told
    Column("state", Text, nullable=False),  # active, suspended, ended
    Column("since", BigInteger, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),  # RFC 7638 thumbprint
    Column("member", ForeignKey("members.id"), nullable=False, index=True),
    Column("identity", Text, nullable=False),  # the member's, or a pseudonym's
    Column("public", LargeBinary, nullable=False),
    Column("stated", BigInteger, nullable=False),
    Column("ended", BigInteger),  # rotated or ended for good; a suspension is its member's
    Column("compromised", BigInteger),  # others may have signed with it since
)

groups = Table(
    "groups",
    metadata,
    Column("name", Text, primary_key=True),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group", ForeignKey("groups.name"), primary_key=True),
    Column("member", ForeignKey("members.id"), primary_key=True),
)

collections = Table(
    "collections",
    metadata,
    Column("id", Text, primary_key=True),  # UUID
    Column("title", Text, nullable=False),
    Column("description", Text),
    Column("alias", Text, unique=True),
    Column("policy", Text, nullable=False),  # claims, open
    Column("clock", BigInteger, nullable=False),  # last date_added; locked by each writer
)

grants = Table(
    "grants",
    metadata,
    Column("collection", ForeignKey("collections.id"), primary_key=True),
    Column("member", ForeignKey("members.id"), primary_key=True),
    Column("can_read", Boolean, nullable=False),
    Column("can_write", Boolean, nullable=False),
)

audiences = Table(
    "audiences",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("collection", ForeignKey("collections.id")),  # null: key statements, for everyone
    Column("rule", Text, nullable=False),  # canonical JSON: who may read
    Column("secret", LargeBinary, nullable=False),
    UniqueConstraint("collection", "rule"),
)

objects = Table(
    "objects",
    metadata,
    Column("seq", _Key, primary_key=True),
    Column("collection", ForeignKey("collections.id"), nullable=False),
    Column("stix_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("spec_version", Text, nullable=False),
    Column("version", BigInteger, nullable=False),  # modified, else created, else date_added
    Column("stated", Text, nullable=False),  # the version, in the words of the object
    Column("date_added", BigInteger, nullable=False),
    Column("audience", ForeignKey("audiences.id"), nullable=False),
    Column("member", ForeignKey("members.id"), nullable=False),  # who posted it
    Column("body", LargeBinary, nullable=False),  # JSON as it is served
    UniqueConstraint("collection", "stix_id", "version"),
    UniqueConstraint("collection", "date_added"),
)
Index("objects_by_type", objects.c.collection, objects.c.type, objects.c.date_added)

statuses = Table(
    "statuses",
    metadata,
    Column("id", Text, primary_key=True),  # UUID
    Column("member", ForeignKey("members.id"), nullable=False),
    Column("requested", BigInteger, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
)

leaves = Table(
    "leaves",
    metadata,
    Column("index", _Key, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),  # record digest and audience tag, 48 bytes
    Column("audience", ForeignKey("audiences.id"), nullable=False),
    Column("object", ForeignKey("objects.seq")),  # null for key statements
    Column("statement", LargeBinary),  # canonical JSON of a key statement
)

tiles = Table(
    "tiles",
    metadata,
    Column("level", SmallInteger, primary_key=True),
    Column("index", BigInteger, primary_key=True),
    Column("hashes", LargeBinary, nullable=False),  # up to 256 hashes of 32 bytes
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),  # signed note, without cosignatures
    Column("made", BigInteger, nullable=False),
)

cosignatures = Table(
    "cosignatures",
    metadata,
    Column("size", ForeignKey("checkpoints.size"), primary_key=True),
    Column("member", ForeignKey("members.id"), primary_key=True),
    Column("line", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", _Key, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("member", ForeignKey("members.id")),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),  # collection, object, member or token label
    Column("count", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),  # SHA-256 over the row before and this one
)

standing = Table(
    "standing",
    metadata,
    Column("collection", ForeignKey("collections.id"), primary_key=True),
    Column("stix_id", Text, primary_key=True),
    Column("object", ForeignKey("objects.seq"), nullable=False),  # newest version
    Column("audience", ForeignKey("audiences.id"), nullable=False),  # of that version
    Column("member", ForeignKey("members.id"), nullable=False, index=True),  # publisher
    Column("identity", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("stated", BigInteger, nullable=False),  # date_added of the first version
    Column("added", BigInteger, nullable=False),  # date_added of the newest
    Column("until", BigInteger, nullable=False),
    Column("revoked", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("confirm", Integer, nullable=False),
    Column("agree", Integer, nullable=False),
    Column("dispute", Integer, nullable=False),
    Column("refute", Integer, nullable=False),
    Column("changed", BigInteger, nullable=False, unique=True),  # strictly increasing
)
Index("standing_until", standing.c.state, standing.c.until)

voices = Table(
    "voices",
    metadata,
    Column("collection", ForeignKey("collections.id"), primary_key=True),
    Column("stix_id", Text, primary_key=True),  # of the opinion or sighting
    Column("claim", Text, nullable=False),  # stix_id of what it judges
    Column("member", ForeignKey("members.id"), nullable=False, index=True),
    Column("identity", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("says", Text, nullable=False),  # confirm, agree, dispute, refute, nothing
    Column("leaf", BigInteger, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),  # neither revoked nor expired
)
Index("voices_by_claim", voices.c.collection, voices.c.claim)
Index("voices_until", voices.c.live, voices.c.until)

appeals = Table(
    "appeals",
    metadata,
    Column("id", Text, primary_key=True),  # UUID
    Column("collection", ForeignKey("collections.id"), nullable=False),
    Column("stix_id", Text, nullable=False),  # claim
    Column("member", ForeignKey("members.id"), nullable=False, index=True),  # who opened it
    Column("reason", Text, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # open, upheld, rejected, withdrawn
    Column("decided", BigInteger),
    Column("decider", Text),  # publisher, operator, timeout, appellant
)
Index("appeals_by_claim", appeals.c.collection, appeals.c.stix_id)
Index("appeals_due", appeals.c.state, appeals.c.due)

usage = Table(
    "usage",
    metadata,
    Column("member", ForeignKey("members.id"), primary_key=True),
    Column("kind", Text, primary_key=True),  # reads, writes, appeals
    Column("day", BigInteger, nullable=False),  # days since 1970; never goes back
    Column("used", BigInteger, nullable=False),
)

overrides = Table(
    "overrides",
    metadata,
    Column("member", ForeignKey("members.id"), primary_key=True),
    Column("name", Text, primary_key=True),  # tier, or a quota
    Column("value", Text, nullable=False),
)

packs = Table(
    "packs",
    metadata,
    Column("sha256", Text, primary_key=True),  # hex
    Column("member", ForeignKey("members.id"), nullable=False, index=True),  # who posted it
    Column("rows", Integer, nullable=False),
    Column("posted", BigInteger, nullable=False, index=True),
    Column("content", LargeBinary, nullable=False),
)

tags = Table(
    "tags",
    metadata,
    Column("identity", Text, primary_key=True),  # publisher
    Column("epoch", Text, primary_key=True),
    Column("serial", Integer, primary_key=True, autoincrement=False),
    Column("collection", ForeignKey("collections.id"), nullable=False),
    Column("stix_id", Text, nullable=False),  # the claim; all its versions name the same pack
    Column("pack", Text, nullable=False, unique=True),  # SHA-256; may have been dropped since
    UniqueConstraint("collection", "stix_id"),
)

epochs = Table(
    "epochs",
    metadata,
    Column("name", Text, primary_key=True),
    Column("generation", BigInteger, primary_key=True, autoincrement=False),
    Column("member", ForeignKey("members.id"), nullable=False, index=True),  # who posted it
    Column("posted", BigInteger, nullable=False),
    Column("ends", Integer, nullable=False),  # last day, days since 1970
    Column("document", LargeBinary, nullable=False),  # JSON, signed by all its evaluators
)

meta = Table(
    "meta",
    metadata,
    Column(
        "name", Text, primary_key=True
    ),  # origin, rights (a revision), log_key_id, audit, standing
    Column("value", Text, nullable=False),
)
