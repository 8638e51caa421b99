"""Pages of a database that are about its server: the role that reaches it serves them, the router sends their paths there
(router/haproxy.cfg). A page asks what programs ask, by the data API that the same role serves.
"""

from celadon.api.route import Door, Route, route
from celadon.dashboard import database_backups
from celadon.dashboard.data_api import DataApi
from celadon.dashboard.database_copies import Copies
from celadon.dashboard.database_credentials import Credentials
from celadon.dashboard.database_inspection import Inspection
from celadon.dashboard.database_settings import Settings
from celadon.dashboard.pages import Answering, told

_ONE = "/dashboard/databases/:database"


def routes(data_api: DataApi) -> tuple[Route, ...]:
    inspection, credentials = Inspection(data_api), Credentials(data_api)
    copies, settings = Copies(data_api), Settings(data_api)
    return (
        _page("GET", "now", "addon:read", inspection.now),
        *_form("credentials", "addon:config", credentials.show, credentials.change),
        *_form("statistics", "addon:config", inspection.statistics, inspection.change),
        *_form("diagnosis", "addon:config", inspection.diagnosis, inspection.diagnose),
        *_form("backups", "transfer:read", database_backups.show, database_backups.change),
        *_form("copies", "addon:update", copies.show, copies.change),
        *_form("settings", "addon:update", settings.show, settings.change),
    )


def _page(method: str, name: str, permission: str, answer: Answering) -> Route:
    return route(f"{method} {_ONE}/{name}", permission, told(answer), Door.BROWSER)


def _form(name: str, permission: str, show: Answering, change: Answering) -> tuple[Route, Route]:
    return _page("GET", name, permission, show), _page("POST", name, "addon:update", change)
