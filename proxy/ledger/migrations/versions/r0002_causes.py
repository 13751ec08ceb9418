"""The role of a signature beside its join results, and the causes that were raised and cleared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table; rows from before have no role."""
    op.add_column("joins", sa.Column("role", sa.Integer))
    op.create_table(
        "causes",
        sa.Column("backend", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("raised_at", sa.Double, nullable=False),
        sa.Column("cleared_at", sa.Double),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("advice", sa.Text, nullable=False),
        sa.Column("replicas", sa.Text, nullable=False),
        sa.Column("predicted_share", sa.Double),
        sa.Column("observed_share", sa.Double),
        sa.Column("heals_s", sa.Double),
        sa.PrimaryKeyConstraint("backend", "cause", "raised_at", name="causes_pk"),
    )
    op.create_index("causes_cleared_at", "causes", ["cleared_at"])
