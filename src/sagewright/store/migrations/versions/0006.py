"""Properties of resources are indexed when a search first uses them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sagewright.store.schema import Serial, Sorted

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "resources",
        sa.Column(
            "revision", sa.Integer, nullable=False, server_default="1", comment="counts changes of what is shown"
        ),
    )
    op.add_column(
        "resources",
        sa.Column("indexed", sa.Integer, nullable=False, server_default="0", comment="the revision in property_values"),
    )
    changed = sa.text("revision <> indexed")
    scope = ["account", "region", "kind"]
    op.create_index("resources_to_index", "resources", scope, sqlite_where=changed, postgresql_where=changed)
    op.create_table(
        "indexed_properties",
        sa.Column("id", Serial, primary_key=True, autoincrement=True, comment="never used twice"),
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("name", sa.LargeBinary, comment="UTF-8; null once it is dropped, until its values are deleted"),
        sa.Column("maker", sa.String(64), nullable=False, comment="the version of the code that extracted the values"),
        sa.Column(
            "upto", sa.String(512), comment="the last resource's name in an index being built; null when it is whole"
        ),
        sa.Column("used", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("indexed_properties_by_name", "indexed_properties", [*scope, "name"], unique=True)
    op.create_table(
        "property_values",
        sa.Column("property", sa.BigInteger, primary_key=True),
        sa.Column("resource", sa.String(32), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, comment="every resource has a row at position 0"),
        sa.Column("item", sa.Integer, nullable=False, comment="of the list in which the value is; -1 in none"),
        sa.Column("rank", sa.Integer, nullable=False, comment="0 a number, 1 text, 2 no value"),
        sa.Column("number", sa.Float, nullable=False),
        sa.Column(
            "head",
            sa.LargeBinary,
            nullable=False,
            comment="the first bytes of the text, by which it is found and sorted",
        ),
        sa.Column("text", sa.LargeBinary, comment="the text where it is longer than its head"),
        sa.Column("name", Sorted, nullable=False, comment="the resource's: it orders equal values"),
        sqlite_with_rowid=False,
    )
    columns = ["property", "rank", "number", "head", "name"]
    op.create_index("property_values_by_value", "property_values", columns)
