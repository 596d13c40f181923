"""The first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sagewright.store.schema import Document, Key, Serial

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_keys",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("secret", sa.String(length=128), nullable=False),
        sa.Column("principal", sa.String(length=2048), nullable=False, comment="ARN of the user or the assumed role"),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("user_id", sa.String(length=256), nullable=False),
        sa.Column("token", sa.String(length=2048), nullable=True, comment="session token of temporary keys"),
        sa.Column("expires", sa.Float(), nullable=True),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("access_keys", schema=None) as batch_op:
        batch_op.create_index("access_keys_by_expires", ["expires"], unique=False)
        batch_op.create_index("access_keys_by_principal", ["principal"], unique=False)

    op.create_table(
        "buckets",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "events",
        sa.Column("seq", Serial, autoincrement=True, nullable=False),
        sa.Column("resource", sa.String(length=32), nullable=False),
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("word", sa.String(length=64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("detail", Document, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("events_by_resource", ["resource", "seq"], unique=False)

    op.create_table(
        "log_groups",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column(
            "name",
            sa.String(length=512).with_variant(sa.String(length=512, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=True),
        sa.Column("log_class", sa.String(length=32), nullable=False),
        sa.Column("kms_key", sa.String(length=256), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("log_groups", schema=None) as batch_op:
        batch_op.create_index("log_groups_by_name", ["account", "region", "name"], unique=True)

    op.create_table(
        "metrics",
        sa.Column("id", Serial, autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="of all that names the metric"),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column("namespace", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("dimensions", sa.Text(), nullable=False, comment="sorted [name, value] pairs as compact JSON"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    with op.batch_alter_table("metrics", schema=None) as batch_op:
        batch_op.create_index("metrics_by_name", ["account", "region", "namespace", "name"], unique=False)

    op.create_table(
        "objects",
        sa.Column("bucket", sa.String(length=63), nullable=False),
        sa.Column("key", Key(), nullable=False),
        sa.Column("blob", sa.String(length=32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(length=64), nullable=False),
        sa.Column("modified", sa.Float(), nullable=False),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("checksum", sa.String(length=128), nullable=False),
        sa.Column("checksum_type", sa.String(length=16), nullable=False),
        sa.Column("attributes", Document, nullable=False),
        sa.Column("parts", Document, nullable=False, comment="sizes of the parts of a multipart upload"),
        sa.PrimaryKeyConstraint("bucket", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "parts",
        sa.Column("upload", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("blob", sa.String(length=32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(length=64), nullable=False),
        sa.Column("checksum", sa.String(length=128), nullable=False),
        sa.Column("modified", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("upload", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "resources",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("spec", Document, nullable=False),
        sa.Column("status", Document, nullable=False),
        sa.Column("run", Document, nullable=False, comment="the engine's own notes: handles, offsets; never shown"),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("wish", sa.String(length=64), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("modified", sa.Float(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "due",
            sa.Float(),
            nullable=True,
            comment="when the reconciler should look again; null when nothing is left to do",
        ),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("arn"),
    )
    with op.batch_alter_table("resources", schema=None) as batch_op:
        batch_op.create_index("resources_by_created", ["account", "region", "kind", "created"], unique=False)
        batch_op.create_index("resources_by_due", ["due"], unique=False)
        batch_op.create_index("resources_by_name", ["account", "region", "kind", "name"], unique=True)

    op.create_table(
        "tags",
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("value", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("arn", "key"),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("bucket", sa.String(length=63), nullable=False),
        sa.Column("key", Key(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("checksum_type", sa.String(length=16), nullable=False),
        sa.Column("attributes", Document, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.create_index("uploads_by_key", ["bucket", "key"], unique=False)

    op.create_table(
        "log_streams",
        sa.Column("id", sa.String(length=32), nullable=False, comment="also names the file that holds the events"),
        sa.Column("group_id", sa.String(length=32), nullable=False),
        sa.Column(
            "name",
            sa.String(length=512).with_variant(sa.String(length=512, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("created", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["log_groups.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("log_streams", schema=None) as batch_op:
        batch_op.create_index("log_streams_by_name", ["group_id", "name"], unique=True)

    op.create_table(
        "metric_points",
        sa.Column("metric", sa.BigInteger(), nullable=False),
        sa.Column(
            "at_ms", sa.BigInteger(), nullable=False, comment="milliseconds: whole numbers divide alike everywhere"
        ),
        sa.Column(
            "source", sa.String(length=64), nullable=False, comment="who says so; the same point twice is stored once"
        ),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("samples", sa.Float(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("minimum", sa.Float(), nullable=False),
        sa.Column("maximum", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["metric"], ["metrics.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("metric", "at_ms", "source"),
        sqlite_with_rowid=False,
    )
