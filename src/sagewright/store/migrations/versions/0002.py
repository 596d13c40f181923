"""Access keys can be switched off, be the administrator's, and carry what limits a session"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sagewright.store.schema import Document

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("access_keys") as table:
        table.add_column(sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()))
        table.add_column(
            sa.Column(
                "administrator",
                sa.Boolean(),
                nullable=False,
                server_default=sa.false(),
                comment="no policy limits it",
            )
        )
        table.add_column(
            sa.Column(
                "session", Document, nullable=False, server_default="{}", comment="session policies, tags, source"
            )
        )
