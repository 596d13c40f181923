"""Metrics of runs: the points of each trial component's metrics, and what they come to"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "run_metrics",
        sa.Column("id", Serial, primary_key=True, autoincrement=True),
        sa.Column("arn", sa.String(2048), nullable=False, comment="of the trial component"),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("points", sa.BigInteger, nullable=False, comment="how many there are, and the number of the last"),
        sa.Column("mean", sa.Float, nullable=False),
        sa.Column(
            "squares", sa.Float, nullable=False, comment="the sum of the squares of what each point is off the mean"
        ),
        sa.Column("deviation", sa.Float, nullable=False, comment="the standard deviation of all points"),
        sa.Column("minimum", sa.Float, nullable=False),
        sa.Column("maximum", sa.Float, nullable=False),
        sa.Column("last", sa.Float, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("run_metrics_by_name", "run_metrics", ["arn", "name"], unique=True)
    op.create_table(
        "run_metric_points",
        sa.Column("metric", sa.BigInteger, sa.ForeignKey("run_metrics.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, comment="in order of arrival"),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("step", sa.Integer),
        sa.Column("value", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_metric_calls",
        sa.Column("minute", sa.BigInteger, primary_key=True, comment="in which the call was carried out"),
        sa.Column(
            "digest",
            sa.String(32),
            primary_key=True,
            comment="of what the call says of itself, the same in each attempt",
        ),
        sqlite_with_rowid=False,
    )
