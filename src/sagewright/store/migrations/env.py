"""Alembic's entry: runs migrations on the connection that ``store.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from sagewright.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
