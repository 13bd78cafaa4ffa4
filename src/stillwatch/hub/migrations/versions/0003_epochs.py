"""Epochs of private matching: written out, as what was released never changes."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
)

revision = "0003"
down_revision = "0002"

_KEY = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    """Create it."""
    op.create_table(
        "epochs",
        Column("name", Text(), nullable=False),
        Column("generation", BigInteger(), autoincrement=False, nullable=False),
        Column("member", _KEY, nullable=False),
        Column("posted", BigInteger(), nullable=False),
        Column("ends", Integer(), nullable=False),
        Column("document", LargeBinary(), nullable=False),
        ForeignKeyConstraint(["member"], ["members.id"]),
        PrimaryKeyConstraint("name", "generation"),
    )
    op.create_index("ix_epochs_member", "epochs", ["member"])
