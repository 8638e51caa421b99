"""The table of routes that need a database; the `addons` role serves them (addons/serving.py)."""

from celadon.api.route import Door, Route, route
from celadon.postgres.clip_runs import Runs
from celadon.postgres.dataclips import Dataclips


def routes(runs: Runs) -> tuple[Route, ...]:
    dataclips = Dataclips(runs)
    return (
        route("POST /apps/:app/dataclips/:dataclip/actions/run", "dataclip:read", dataclips.run),
        # `token`: who has the link may see, and no log has it.
        route("GET /dataclips/:token", "who has the link", dataclips.show, Door.OPEN),
    )
