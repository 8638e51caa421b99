"""Upgrades of databases by Heroku's data API, as its client asks for them: each method answers one route."""

from collections.abc import Sequence

from celadon.actions import postgres_upgrades as upgrades
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.api.route import Route, route
from celadon.model.postgres_upgrade import Upgrade, UpgradeKind, UpgradeStatus

_ONE = "/client/v11/databases/:database/upgrade"
_DOING = {
    UpgradeStatus.TRYING: "upgrading a copy of it",
    UpgradeStatus.WAITING: "waiting for what else is at work on it",
    UpgradeStatus.RUNNING: "upgrading; it is closed until that has ended",
    UpgradeStatus.SWITCHING: "upgrading; it is closed until that has ended",
    UpgradeStatus.FINISHING: "opening it, and making statistics",
}


class UpgradeRoutes:
    """Answers the routes; `versions` are those of PostgreSQL that there are."""

    def __init__(self, versions: Sequence[str]) -> None:
        self._versions = versions

    def dry_run(self, call: Call) -> Answer:
        made = self._rehearse(call, UpgradeKind.DRY_RUN)
        return _told(
            f"A copy of it is being upgraded to PostgreSQL {made.version_to}. The result comes by mail, and `pg:upgrade:wait` "
            "waits for it."
        )

    def prepare(self, call: Call) -> Answer:
        made = self._rehearse(call, UpgradeKind.UPGRADE)
        return _told(
            f"A copy of it is being upgraded to PostgreSQL {made.version_to}; `pg:upgrade:wait` waits for that. There is no "
            "maintenance window: the database itself is upgraded by `pg:upgrade:run`, when you say so."
        )

    def _rehearse(self, call: Call, kind: UpgradeKind) -> Upgrade:
        version = call.body().text("version")
        return upgrades.rehearse(call.context, call.actor, call.params["database"], version, self._versions, kind)

    def run(self, call: Call) -> Answer:
        version = call.body().text("version")
        made = upgrades.run(call.context, call.actor, call.params["database"], version, self._versions)
        return _told(
            f"It is being upgraded to PostgreSQL {made.version_to} and is closed meanwhile; `pg:upgrade:wait` waits for the "
            "end. What follows it is made anew afterwards."
        )

    def cancel(self, call: Call) -> Answer:
        upgrades.cancel(call.context, call.actor, call.params["database"])
        return _told("The upgrade is cancelled; the database is as it was.")

    def wait(self, call: Call) -> Answer:
        _, found = upgrades.find(call.context, call.actor, call.params["database"])
        if found is None:
            return Answer(value={"message": "no upgrade was asked for", "waiting?": False, "error?": False})
        failed = found.status is UpgradeStatus.FAILED
        return Answer(value={"message": told(found), "waiting?": found.busy, "error?": failed})


def told(found: Upgrade) -> str:
    """How far an upgrade is, in a sentence without its end; what pg_upgrade had against it in full."""
    versions = f"PostgreSQL {found.version_from} to {found.version_to}"
    if found.status is UpgradeStatus.FAILED:
        return f"cannot be upgraded from {versions}, and is as it was:\n{found.report}"
    if found.status is UpgradeStatus.PREPARED:
        return f"ready to be upgraded from {versions} by `pg:upgrade:run`: {found.report}"
    if found.status is UpgradeStatus.CANCELLED:
        return f"the upgrade from {versions} was cancelled"
    if found.status is UpgradeStatus.SUCCEEDED and found.kind is UpgradeKind.DRY_RUN:
        return f"can be upgraded from {versions}: {found.report}"
    if found.status is UpgradeStatus.SUCCEEDED:
        return f"upgraded from {versions}"
    return f"{_DOING[found.status]} ({versions})"


def _told(message: str) -> Answer:
    return Answer(value={"message": message})


def routes(versions: Sequence[str]) -> tuple[Route, ...]:
    found = UpgradeRoutes(versions)
    return (
        route(f"POST {_ONE}/dry_run", "addon:update", found.dry_run),
        route(f"POST {_ONE}/prepare", "addon:update", found.prepare),
        route(f"POST {_ONE}/run", "addon:update", found.run),
        route(f"POST {_ONE}/cancel", "addon:update", found.cancel),
        route(f"GET {_ONE}/wait_status", "addon:read", found.wait, free=True),
        # As older clients ask, of a follower.
        route(f"POST {_ONE}", "addon:update", found.run),
        route(f"PUT {_ONE}", "addon:update", found.run),
    )
