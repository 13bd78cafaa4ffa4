"""The tables of the first version, written out: what was released does not follow the schema."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
)

revision = "0001"
down_revision = None

_KEY = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    """Create them all, referred ones first."""
    _people()
    _exchange()
    _log()
    _standing()
    _operation()


def _people() -> None:
    """Who takes part and what they sign with."""
    op.create_table(
        "members",
        Column("id", _KEY, nullable=False),
        Column("name", Text(), nullable=False),
        Column("identity", Text(), nullable=False),
        Column("role", Text(), nullable=False),
        Column("state", Text(), nullable=False),
        Column("added", BigInteger(), nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("identity"),
        UniqueConstraint("name"),
    )
    op.create_table(
        "tokens",
        Column("id", _KEY, nullable=False),
        Column("member", _KEY, nullable=False),
        Column("digest", LargeBinary(), nullable=False),
        Column("label", Text(), nullable=False),
        Column("issued", BigInteger(), nullable=False),
        Column("expires", BigInteger(), nullable=True),
        Column("revoked", BigInteger(), nullable=True),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("digest"),
    )
    op.create_index("ix_tokens_member", "tokens", ["member"])
    op.create_table(
        "identities",
        Column("id", Text(), nullable=False),
        Column("member", _KEY, nullable=False),
        Column("open", Boolean(), nullable=False),
        Column("state", Text(), nullable=False),
        Column("since", BigInteger(), nullable=False),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_identities_member", "identities", ["member"])
    op.create_table(
        "keys",
        Column("id", Text(), nullable=False),
        Column("member", _KEY, nullable=False),
        Column("identity", Text(), nullable=False),
        Column("public", LargeBinary(), nullable=False),
        Column("stated", BigInteger(), nullable=False),
        Column("ended", BigInteger(), nullable=True),
        Column("compromised", BigInteger(), nullable=True),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_keys_member", "keys", ["member"])
    op.create_table("groups", Column("name", Text(), nullable=False), PrimaryKeyConstraint("name"))
    op.create_table(
        "group_members",
        Column("group", Text(), nullable=False),
        Column("member", _KEY, nullable=False),
        ForeignKeyConstraint(["group"], ["groups.name"]),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("group", "member"),
    )


def _exchange() -> None:
    """Collections and what is in them."""
    op.create_table(
        "collections",
        Column("id", Text(), nullable=False),
        Column("title", Text(), nullable=False),
        Column("description", Text(), nullable=True),
        Column("alias", Text(), nullable=True),
        Column("policy", Text(), nullable=False),
        Column("clock", BigInteger(), nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("alias"),
    )
    op.create_table(
        "grants",
        Column("collection", Text(), nullable=False),
        Column("member", _KEY, nullable=False),
        Column("can_read", Boolean(), nullable=False),
        Column("can_write", Boolean(), nullable=False),
        ForeignKeyConstraint(["collection"], ["collections.id"]),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("collection", "member"),
    )
    op.create_table(
        "audiences",
        Column("id", _KEY, nullable=False),
        Column("collection", Text(), nullable=True),
        Column("rule", Text(), nullable=False),
        Column("secret", LargeBinary(), nullable=False),
        ForeignKeyConstraint(["collection"], ["collections.id"]),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("collection", "rule"),
    )
    op.create_table(
        "objects",
        Column("seq", _KEY, nullable=False),
        Column("collection", Text(), nullable=False),
        Column("stix_id", Text(), nullable=False),
        Column("type", Text(), nullable=False),
        Column("spec_version", Text(), nullable=False),
        Column("version", BigInteger(), nullable=False),
        Column("stated", Text(), nullable=False),
        Column("date_added", BigInteger(), nullable=False),
        Column("audience", _KEY, nullable=False),
        Column("member", _KEY, nullable=False),
        Column("body", LargeBinary(), nullable=False),
        ForeignKeyConstraint(["audience"], ["audiences.id"]),
        ForeignKeyConstraint(["collection"], ["collections.id"]),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("seq"),
        UniqueConstraint("collection", "date_added"),
        UniqueConstraint("collection", "stix_id", "version"),
    )
    op.create_index("objects_by_type", "objects", ["collection", "type", "date_added"])
    op.create_table(
        "statuses",
        Column("id", Text(), nullable=False),
        Column("member", _KEY, nullable=False),
        Column("requested", BigInteger(), nullable=False),
        Column("body", LargeBinary(), nullable=False),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_statuses_requested", "statuses", ["requested"])


def _log() -> None:
    """The transparency log."""
    op.create_table(
        "leaves",
        Column("index", _KEY, autoincrement=False, nullable=False),
        Column("entry", LargeBinary(), nullable=False),
        Column("audience", _KEY, nullable=False),
        Column("object", _KEY, nullable=True),
        Column("statement", LargeBinary(), nullable=True),
        ForeignKeyConstraint(["audience"], ["audiences.id"]),
        ForeignKeyConstraint(["object"], ["objects.seq"]),
        PrimaryKeyConstraint("index"),
    )
    op.create_table(
        "tiles",
        Column("level", SmallInteger(), nullable=False),
        Column("index", BigInteger(), nullable=False),
        Column("hashes", LargeBinary(), nullable=False),
        PrimaryKeyConstraint("level", "index"),
    )
    op.create_table(
        "checkpoints",
        Column("size", BigInteger(), autoincrement=False, nullable=False),
        Column("note", Text(), nullable=False),
        Column("made", BigInteger(), nullable=False),
        PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "cosignatures",
        Column("size", BigInteger(), nullable=False),
        Column("member", _KEY, nullable=False),
        Column("line", Text(), nullable=False),
        ForeignKeyConstraint(["member"], ["members.id"]),
        ForeignKeyConstraint(["size"], ["checkpoints.size"]),
        PrimaryKeyConstraint("size", "member"),
    )


def _standing() -> None:
    """What members say of claims, and appeals."""
    op.create_table(
        "standing",
        Column("collection", Text(), nullable=False),
        Column("stix_id", Text(), nullable=False),
        Column("object", _KEY, nullable=False),
        Column("audience", _KEY, nullable=False),
        Column("member", _KEY, nullable=False),
        Column("identity", Text(), nullable=False),
        Column("key", Text(), nullable=False),
        Column("stated", BigInteger(), nullable=False),
        Column("added", BigInteger(), nullable=False),
        Column("until", BigInteger(), nullable=False),
        Column("revoked", Boolean(), nullable=False),
        Column("state", Text(), nullable=False),
        Column("confirm", Integer(), nullable=False),
        Column("agree", Integer(), nullable=False),
        Column("dispute", Integer(), nullable=False),
        Column("refute", Integer(), nullable=False),
        Column("changed", BigInteger(), nullable=False),
        ForeignKeyConstraint(["audience"], ["audiences.id"]),
        ForeignKeyConstraint(["collection"], ["collections.id"]),
        ForeignKeyConstraint(["member"], ["members.id"]),
        ForeignKeyConstraint(["object"], ["objects.seq"]),
        PrimaryKeyConstraint("collection", "stix_id"),
        UniqueConstraint("changed"),
    )
    op.create_index("ix_standing_member", "standing", ["member"])
    op.create_index("standing_until", "standing", ["state", "until"])
    op.create_table(
        "voices",
        Column("collection", Text(), nullable=False),
        Column("stix_id", Text(), nullable=False),
        Column("claim", Text(), nullable=False),
        Column("member", _KEY, nullable=False),
        Column("identity", Text(), nullable=False),
        Column("key", Text(), nullable=False),
        Column("says", Text(), nullable=False),
        Column("leaf", BigInteger(), nullable=False),
        Column("added", BigInteger(), nullable=False),
        Column("until", BigInteger(), nullable=False),
        Column("live", Boolean(), nullable=False),
        ForeignKeyConstraint(["collection"], ["collections.id"]),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("collection", "stix_id"),
    )
    op.create_index("ix_voices_member", "voices", ["member"])
    op.create_index("voices_by_claim", "voices", ["collection", "claim"])
    op.create_index("voices_until", "voices", ["live", "until"])
    op.create_table(
        "appeals",
        Column("id", Text(), nullable=False),
        Column("collection", Text(), nullable=False),
        Column("stix_id", Text(), nullable=False),
        Column("member", _KEY, nullable=False),
        Column("reason", Text(), nullable=False),
        Column("opened", BigInteger(), nullable=False),
        Column("due", BigInteger(), nullable=False),
        Column("state", Text(), nullable=False),
        Column("decided", BigInteger(), nullable=True),
        Column("decider", Text(), nullable=True),
        ForeignKeyConstraint(["collection"], ["collections.id"]),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("appeals_by_claim", "appeals", ["collection", "stix_id"])
    op.create_index("appeals_due", "appeals", ["state", "due"])
    op.create_index("ix_appeals_member", "appeals", ["member"])


def _operation() -> None:
    """Audit, quotas and single facts."""
    op.create_table(
        "audit",
        Column("seq", _KEY, nullable=False),
        Column("at", BigInteger(), nullable=False),
        Column("member", _KEY, nullable=True),
        Column("action", Text(), nullable=False),
        Column("subject", Text(), nullable=False),
        Column("count", BigInteger(), nullable=False),
        Column("chain", LargeBinary(), nullable=False),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_table(
        "usage",
        Column("member", _KEY, nullable=False),
        Column("kind", Text(), nullable=False),
        Column("day", BigInteger(), nullable=False),
        Column("used", BigInteger(), nullable=False),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("member", "kind"),
    )
    op.create_table(
        "overrides",
        Column("member", _KEY, nullable=False),
        Column("name", Text(), nullable=False),
        Column("value", Text(), nullable=False),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("member", "name"),
    )
    op.create_table(
        "meta",
        Column("name", Text(), nullable=False),
        Column("value", Text(), nullable=False),
        PrimaryKeyConstraint("name"),
    )
