"""The tables of the first version."""

from alembic import op

from stillwatch.hub.schema import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create them all."""
    metadata.create_all(op.get_bind(), checkfirst=False)
