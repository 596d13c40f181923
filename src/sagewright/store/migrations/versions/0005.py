"""Resources have parents, wishes are documents; changes are recorded for readers, links connect resources"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from sagewright.store.schema import Document, Serial

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("resources") as table:
        table.add_column(
            sa.Column("parent", sa.String(32), comment="the id of the resource whose work this is a part of")
        )
        table.add_column(
            sa.Column("wakes", sa.Integer(), nullable=False, server_default="0", comment="how often others made it due")
        )
        table.add_column(
            sa.Column(
                "wish_document",
                Document,
                nullable=False,
                server_default="{}",
                comment="what callers want: a word, an id, content; {} when nothing",
            )
        )
    _convert_wishes()
    with op.batch_alter_table("resources") as table:
        table.drop_column("wish")
        table.alter_column("wish_document", new_column_name="wish", server_default=None)
    child = sa.text("parent IS NOT NULL")
    op.create_index(
        "resources_by_parent", "resources", ["parent", "created"], sqlite_where=child, postgresql_where=child
    )
    _create_changes()
    _create_links()


def _convert_wishes() -> None:
    """``updated:1`` becomes ``{"word": "updated", "id": "1"}``, also where an endpoint notes what it granted."""
    documents = (sa.column("wish_document", Document), sa.column("run", Document))
    resources = sa.table("resources", sa.column("id", sa.String), sa.column("wish", sa.String), *documents)
    connection = op.get_bind()
    rows = connection.execute(
        sa.select(resources.c.id, resources.c.wish, resources.c.run).where(resources.c.wish != "")
    )
    for row in rows.all():
        values = {"wish_document": _document(row.wish), "run": _converted(row.run)}
        connection.execute(sa.update(resources).where(resources.c.id == row.id).values(values))


def _converted(run: Any) -> Any:
    notes = dict(run)
    if isinstance(notes.get("granted"), str):
        notes["granted"] = _document(notes["granted"])
    for name in ("live", "next"):
        fleet = notes.get(name)
        if isinstance(fleet, dict) and isinstance(fleet.get("wish"), str):
            notes[name] = {**fleet, "wish": _document(fleet["wish"])}
    return notes


def _document(wish: str) -> dict[str, str]:
    word, _, identifier = wish.partition(":")
    return {"word": word, "id": identifier} if identifier else {"word": word} if word else {}


def _create_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("seq", Serial, primary_key=True, autoincrement=True),
        sa.Column(
            "transaction_id",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="PostgreSQL's number of the writing transaction; 0 in SQLite, which has one writer at a time",
        ),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("resource", sa.String(32), nullable=False),
        sa.Column("arn", sa.String(2048), nullable=False),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("verb", sa.String(16), nullable=False, comment="created, updated, moved or deleted"),
        sa.Column("before", sa.String(16), nullable=False, comment="the phase that callers saw"),
        sa.Column("after", sa.String(16), nullable=False, comment="the phase that callers see"),
    )
    op.create_index("changes_by_transaction", "changes", ["transaction_id", "seq"])
    op.create_table(
        "cursors",
        sa.Column("reader", sa.String(128), primary_key=True),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(64)),
        sa.Column("lease_until", sa.Float()),
    )


def _create_links() -> None:
    op.create_table(
        "links",
        sa.Column("source", sa.String(512), primary_key=True, comment="an ARN"),
        sa.Column("destination", sa.String(512), primary_key=True, comment="an ARN"),
        sa.Column("type", sa.String(64), primary_key=True),
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("source_type", sa.String(256), nullable=False),
        sa.Column("destination_type", sa.String(256), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("created_by", Document, nullable=False, comment="who made it"),
    )
    op.create_index("links_by_destination", "links", ["destination"])
    op.create_index("links_by_created", "links", ["account", "region", "created"])
