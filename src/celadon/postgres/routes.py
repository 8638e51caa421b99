"""The table of routes that need a database; the `addons` role serves them (addons/serving.py)."""

from celadon.api.route import Door, Route, route
from celadon.postgres.clip_runs import Runs
from celadon.postgres.credentials import Credentials
from celadon.postgres.databases import Databases
from celadon.postgres.dataclips import Dataclips
from celadon.postgres.inspection import Inspection
from celadon.postgres.settings import Settings

_ONE = "/client/v11/databases/:database"
_CREDENTIALS = "/postgres/v0/databases/:database/credentials"

_STATISTICS = "/postgres/v0/databases/:database/statistics"


def of_databases(databases: Databases) -> tuple[Route, ...]:
    return (
        route(f"GET {_ONE}", "addon:read", databases.show),
        route(f"GET {_ONE}/wait_status", "addon:read", databases.wait, free=True),
        route(f"PUT {_ONE}/reset", "addon:update", databases.reset),
        route(f"PUT {_ONE}/unfollow", "addon:update", databases.unfollow),
        route(f"POST {_ONE}/connection_reset", "addon:update", databases.reset_connections),
    )


def of_credentials(credentials: Credentials) -> tuple[Route, ...]:
    one = f"{_CREDENTIALS}/:credential"
    return (
        route(f"GET {_CREDENTIALS}", "addon:config", credentials.list_all),
        route(f"POST {_CREDENTIALS}", "addon:update", credentials.create),
        route(f"POST {_CREDENTIALS}_rotation", "addon:update", credentials.rotate_all),
        route(f"GET {one}", "addon:config", credentials.show),
        route(f"DELETE {one}", "addon:update", credentials.destroy),
        route(f"POST {one}/credentials_rotation", "addon:update", credentials.rotate),
        route("POST /postgres/v0/databases/:database/repair-default", "addon:update", credentials.repair),
    )


def of_inspection(inspection: Inspection) -> tuple[Route, ...]:
    return (
        route(f"GET {_STATISTICS}/:statistic", "addon:config", inspection.show),
        route(f"POST {_STATISTICS}/actions/reset", "addon:update", inspection.reset),
        route("POST /postgres/v0/databases/:database/connections/:pid/actions/end", "addon:update", inspection.end),
    )


def of_settings(settings: Settings) -> tuple[Route, ...]:
    return (
        route("GET /postgres/v0/databases/:database/config", "addon:read", settings.show),
        route("PATCH /postgres/v0/databases/:database/config", "addon:update", settings.change),
    )


def routes(runs: Runs) -> tuple[Route, ...]:
    dataclips = Dataclips(runs)
    return (
        route("POST /apps/:app/dataclips/:dataclip/actions/run", "dataclip:read", dataclips.run),
        # `token`: who has the link may see, and no log has it.
        route("GET /dataclips/:token", "who has the link", dataclips.show, Door.OPEN),
    )
