"""Packs of tags, and which claim names which: written out, as what was released never changes."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

revision = "0002"
down_revision = "0001"

_KEY = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    """Create both."""
    op.create_table(
        "packs",
        Column("sha256", Text(), nullable=False),
        Column("member", _KEY, nullable=False),
        Column("rows", Integer(), nullable=False),
        Column("posted", BigInteger(), nullable=False),
        Column("content", LargeBinary(), nullable=False),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("sha256"),
    )
    op.create_index("ix_packs_member", "packs", ["member"])
    op.create_index("ix_packs_posted", "packs", ["posted"])
    op.create_table(
        "tags",
        Column("identity", Text(), nullable=False),
        Column("epoch", Text(), nullable=False),
        Column("serial", Integer(), autoincrement=False, nullable=False),
        Column("collection", Text(), nullable=False),
        Column("stix_id", Text(), nullable=False),
        Column("pack", Text(), nullable=False),
        ForeignKeyConstraint(["collection"], ["collections.id"]),
        PrimaryKeyConstraint("identity", "epoch", "serial"),
        UniqueConstraint("collection", "stix_id"),
        UniqueConstraint("pack"),
    )
