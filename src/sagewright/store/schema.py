"""The tables. Times are seconds since the epoch; documents are JSON. Migrations live in ``migrations/``."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.dialects import postgresql

metadata = MetaData()
Document = JSON().with_variant(postgresql.JSONB(), "postgresql")
Serial = BigInteger().with_variant(Integer(), "sqlite")

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
    Column("wish", String(16), nullable=False),
    Column("created", Float, nullable=False),
    Column("modified", Float, nullable=False),
    Column("version", Integer, nullable=False),
    Column("due", Float, comment="when the reconciler should look again; null when nothing is left to do"),
    Column("lease_owner", String(64)),
    Column("lease_until", Float),
    Index("resources_by_name", "account", "region", "kind", "name", unique=True),
    Index("resources_by_created", "account", "region", "kind", "created"),
    Index("resources_by_due", "due"),
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
    Column("token", String(2048), comment="session token of temporary keys"),
    Column("expires", Float),
    Column("created", Float, nullable=False),
)

__all__ = ["Document", "ForeignKey", "Serial", "access_keys", "events", "metadata", "resources", "tags"]
