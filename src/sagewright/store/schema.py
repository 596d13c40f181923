"""The tables. Times are seconds since the epoch; documents are JSON. Migrations live in ``migrations/``."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
    true,
)

metadata = MetaData()
Document = JSON()  # not JSONB, which refuses the character \0 that users may send
Serial = BigInteger().with_variant(Integer(), "sqlite")


class Key(TypeDecorator[str]):
    """A name kept as its UTF-8 bytes: any character is allowed, and both databases order it as S3 does.

    A query may also compare with bytes that are no text, such as the end of a range.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | bytes | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        return value.encode() if isinstance(value, str) else value

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else bytes(value).decode()


_CHILD = text("parent IS NOT NULL")


resources = Table(
    "resources",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("name", String(512), nullable=False),
    Column("arn", String(2048), nullable=False, unique=True),
    Column("spec", Document, nullable=False),
    Column("status", Document, nullable=False),
    Column("run", Document, nullable=False, comment="the engine's own notes: handles, offsets; never shown"),
    Column("phase", String(16), nullable=False),
    Column("wish", Document, nullable=False, comment="what callers want: a word, an id, content; {} when nothing"),
    Column("created", Float, nullable=False),
    Column("modified", Float, nullable=False),
    Column("version", Integer, nullable=False),
    Column(
        "shown",
        String(16),
        nullable=False,
        server_default="",
        comment="the phase that callers see: a wish shows at once",
    ),
    Column("due", Float, comment="when the reconciler should look again; null when nothing is left to do"),
    Column("lease_owner", String(64)),
    Column("lease_until", Float),
    Column("parent", String(32), comment="the id of the resource whose work this is a part of"),
    Column("wakes", Integer, nullable=False, server_default="0", comment="how often others made it due"),
    Index("resources_by_name", "account", "region", "kind", "name", unique=True),
    Index("resources_by_created", "account", "region", "kind", "created"),
    Index("resources_by_due", "due"),
    Index("resources_by_parent", "parent", "created", sqlite_where=_CHILD, postgresql_where=_CHILD),
)

changes = Table(
    "changes",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column(
        "transaction_id",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="PostgreSQL's number of the writing transaction; 0 in SQLite, which has one writer at a time",
    ),
    Column("at", Float, nullable=False),
    Column("account", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("resource", String(32), nullable=False),
    Column("arn", String(2048), nullable=False),
    Column("name", String(512), nullable=False),
    Column("verb", String(16), nullable=False, comment="created, updated, moved or deleted"),
    Column("before", String(16), nullable=False, comment="the phase that callers saw"),
    Column("after", String(16), nullable=False, comment="the phase that callers see"),
    Index("changes_by_transaction", "transaction_id", "seq"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("reader", String(128), primary_key=True),
    Column("transaction_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("lease_owner", String(64)),
    Column("lease_until", Float),
)

links = Table(
    "links",
    metadata,
    Column("source", String(512), primary_key=True, comment="an ARN"),
    Column("destination", String(512), primary_key=True, comment="an ARN"),
    Column("type", String(64), primary_key=True),
    Column("account", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("source_type", String(256), nullable=False),
    Column("destination_type", String(256), nullable=False),
    Column("created", Float, nullable=False),
    Column("created_by", Document, nullable=False, comment="who made it"),
    Index("links_by_destination", "destination"),
    Index("links_by_created", "account", "region", "created"),
)

events = Table(
    "events",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("resource", String(32), nullable=False),
    Column("arn", String(2048), nullable=False),
    Column("at", Float, nullable=False),
    Column("word", String(64), nullable=False),
    Column("message", Text, nullable=False),
    Column("detail", Document, nullable=False),
    Index("events_by_resource", "resource", "seq"),
)

tags = Table(
    "tags",
    metadata,
    Column("arn", String(2048), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("value", String(256), nullable=False),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("secret", String(128), nullable=False),
    Column("principal", String(2048), nullable=False, comment="ARN of the user or the assumed role"),
    Column("account", String(12), nullable=False),
    Column("user_id", String(256), nullable=False),
    Column("token", String(2048), comment="session token of temporary keys"),
    Column("expires", Float),
    Column("created", Float, nullable=False),
    Column("active", Boolean, nullable=False, server_default=true()),
    Column("administrator", Boolean, nullable=False, server_default=false(), comment="no policy limits it"),
    Column("session", Document, nullable=False, server_default="{}", comment="session policies, tags, source"),
    Index("access_keys_by_principal", "principal"),
    Index("access_keys_by_expires", "expires"),
)

Sorted = String(512).with_variant(String(512, collation="C"), "postgresql")
"""Text that sorts by code point in both databases, as AWS lists names."""

log_groups = Table(
    "log_groups",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("name", Sorted, nullable=False),
    Column("created", Float, nullable=False),
    Column("retention_days", Integer),
    Column("log_class", String(32), nullable=False),
    Column("kms_key", String(256)),
    Index("log_groups_by_name", "account", "region", "name", unique=True),
)

log_streams = Table(
    "log_streams",
    metadata,
    Column("id", String(32), primary_key=True, comment="also names the file that holds the events"),
    Column("group_id", ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    Column("name", Sorted, nullable=False),
    Column("created", Float, nullable=False),
    Index("log_streams_by_name", "group_id", "name", unique=True),
)

metrics = Table(
    "metrics",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("digest", String(64), nullable=False, unique=True, comment="of all that names the metric"),
    Column("account", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("namespace", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("dimensions", Text, nullable=False, comment="sorted [name, value] pairs as compact JSON"),
    Index("metrics_by_name", "account", "region", "namespace", "name"),
)

metric_points = Table(
    "metric_points",
    metadata,
    Column("metric", BigInteger, ForeignKey("metrics.id", ondelete="CASCADE"), primary_key=True),
    Column("at_ms", BigInteger, primary_key=True, comment="milliseconds: whole numbers divide alike everywhere"),
    Column("source", String(64), primary_key=True, comment="who says so; the same point twice is stored once"),
    Column("unit", String(32), nullable=False),
    Column("samples", Float, nullable=False),
    Column("total", Float, nullable=False),
    Column("minimum", Float, nullable=False),
    Column("maximum", Float, nullable=False),
    sqlite_with_rowid=False,
)

buckets = Table(
    "buckets",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("account", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("created", Float, nullable=False),
    Column("settings", Document, nullable=False, server_default="{}", comment="what bucket operations configure"),
)

objects = Table(
    "objects",
    metadata,
    Column("bucket", String(63), primary_key=True),
    Column("key", Key(), primary_key=True),
    Column("blob", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("etag", String(64), nullable=False),
    Column("modified", Float, nullable=False),
    Column("algorithm", String(16), nullable=False),
    Column("checksum", String(128), nullable=False),
    Column("checksum_type", String(16), nullable=False),
    Column("attributes", Document, nullable=False),
    Column("parts", Document, nullable=False, comment="of a multipart upload: its id, and its parts"),
    sqlite_with_rowid=False,
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("bucket", String(63), nullable=False),
    Column("key", Key(), nullable=False),
    Column("created", Float, nullable=False),
    Column("algorithm", String(16), nullable=False),
    Column("checksum_type", String(16), nullable=False),
    Column("attributes", Document, nullable=False),
    Index("uploads_by_key", "bucket", "key"),
)

parts = Table(
    "parts",
    metadata,
    Column("upload", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("blob", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("etag", String(64), nullable=False),
    Column("checksum", String(128), nullable=False),
    Column("modified", Float, nullable=False),
    sqlite_with_rowid=False,
)

__all__ = [
    "Document",
    "Serial",
    "access_keys",
    "buckets",
    "changes",
    "cursors",
    "events",
    "links",
    "log_groups",
    "log_streams",
    "metadata",
    "metric_points",
    "metrics",
    "objects",
    "parts",
    "resources",
    "tags",
    "uploads",
]
