"""Alembic's entry: runs the migrations of `versions/` over the engine it was given."""

import sqlalchemy as sa
from alembic import context

from celadon.store import tables


def run() -> None:
    """Run what is missing in one transaction; SQLite needs its own `begin`, for the driver was told to leave that to us."""
    engine: sa.Engine = context.config.attributes["engine"]
    sqlite: bool = context.config.attributes["sqlite"]
    with engine.connect() as connection:
        if sqlite:
            connection.exec_driver_sql("begin immediate")
        else:
            connection.execute(sa.text("select pg_advisory_xact_lock(7265001)"))
        context.configure(connection=connection, target_metadata=tables.metadata, render_as_batch=sqlite)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
