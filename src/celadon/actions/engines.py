"""Engines of add-ons, of whatever kind."""

from celadon.actions.context import Context
from celadon.model.engine import Engine, EngineState
from celadon.store import engines


def running(context: Context) -> list[Engine]:
    """Those that are to run."""
    with context.database.read() as tx:
        return [one for one in engines.list_all(tx) if one.state is EngineState.RUNNING]
