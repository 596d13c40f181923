"""Resources say which phase callers see, so that lists can filter by it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("resources") as table:
        table.add_column(
            sa.Column(
                "shown",
                sa.String(16),
                nullable=False,
                server_default="",
                comment="the phase that callers see: a wish shows at once",
            )
        )
    names = ("phase", "wish", "shown")
    resources = sa.table("resources", *(sa.column(name) for name in names))
    working = resources.c.phase.not_in(("stopped", "succeeded", "failed"))
    stopping = sa.and_(resources.c.wish == "stopped", working)
    shown = sa.case((stopping, "stopping"), (resources.c.wish == "gone", "deleting"), else_=resources.c.phase)
    op.execute(sa.update(resources).values(shown=shown))
