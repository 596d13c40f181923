"""Buckets keep settings; objects name the upload they were made by, and its parts with their checksums"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sagewright.store.schema import Document

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("buckets") as table:
        table.add_column(
            sa.Column(
                "settings", Document, nullable=False, server_default="{}", comment="what bucket operations configure"
            )
        )
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column("objects", "parts", comment="of a multipart upload: its id, and its parts")
    objects = sa.table("objects", sa.column("bucket"), sa.column("key"), sa.column("parts", Document))
    connection = op.get_bind()
    for row in [row for row in connection.execute(sa.select(objects)) if row.parts]:
        parts = [[number, size, ""] for number, size in enumerate(row.parts, 1)]
        here = sa.and_(objects.c.bucket == row.bucket, objects.c.key == row.key)
        connection.execute(sa.update(objects).where(here).values(parts={"upload": "", "parts": parts}))
