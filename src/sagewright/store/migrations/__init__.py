"""Migrations: one numbered file a change of the schema, run by alembic, oldest first."""
