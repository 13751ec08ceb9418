"""The table of join results."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and its indexes."""
    identifier = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "joins",
        sa.Column("receipt_id", identifier, nullable=False),
        sa.Column("sent_at", sa.Double, nullable=False),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("signer", sa.Text, nullable=False),
        sa.Column("replica", sa.Text),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("iat", sa.Double),
        sa.Column("exp", sa.Double),
        sa.Column("iat_offset_s", sa.Double),
        sa.Column("iat_offset_bound_s", sa.Double),
        sa.Column("clock_offset_s", sa.Double),
        sa.Column("clock_bound_s", sa.Double),
        sa.Column("backend_clock_offset_s", sa.Double),
        sa.Column("backend_clock_bound_s", sa.Double),
        sa.Column("findings", sa.Text, nullable=False),
        sa.Column("result_id", identifier, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("age_ms", sa.Double),
        sa.Column("age_asked", sa.Text, nullable=False),
        sa.Column("age_clock", sa.Text, nullable=False),
        sa.Column("join_ms", sa.Double),
        sa.Column("step", sa.Integer),
        sa.Column("suspended", sa.Boolean, nullable=False),
        sa.Column("signature_intact", sa.Boolean),
        sa.Column("meeting_matches", sa.Boolean),
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("sdk_version", sa.Text),
        sa.Column("dropped", sa.Integer, nullable=False),
        sa.Column("received_at", sa.Double, nullable=False),
        sa.Column("joined_at", sa.Double),
        sa.Column("token_age_s", sa.Double),
        sa.Column("origin", sa.Text),
        sa.Column("late", sa.Boolean, nullable=False),
        sa.Column("evidence", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("receipt_id", "result_id", name="joins_pk"),
    )
    op.create_index("joins_received_at", "joins", ["received_at"])
    op.create_index("joins_signer_received_at", "joins", ["signer", "received_at"])
