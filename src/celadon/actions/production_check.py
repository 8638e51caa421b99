"""What the production check of an app is told."""

from celadon.actions import access, apps, formations
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.addon import AddOn
from celadon.model.app import App
from celadon.model.domain import DomainStatus
from celadon.model.dyno import WEB
from celadon.model.postgres_database import SERVICE, SIZES
from celadon.model.production_check import Database, Facts, Name
from celadon.store import addons, alerts, domains, log_drains, sni_endpoints, transfer_schedules, transfers
from celadon.store import formations as stored_formations
from celadon.store.database import Transaction


def facts(context: Context, actor: Actor, app_name: str) -> Facts:
    """Raises NotFound. Who may not see drains is told nothing of them."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        may = access.allowed(tx, actor, app)
        owned = [addon for addon in addons.list_about_app(tx, app.id) if addon.alive]
        return Facts(
            stack=app.stack,
            newest_stack=apps.STACK,
            web=_web(tx, app),
            databases=_databases(tx, app, [addon for addon in owned if addon.service == SERVICE]),
            domains=_domains(tx, app),
            alerts=len(alerts.list_of(tx, app.id)),
            services=frozenset(addon.service for addon in owned),
            drains=len(log_drains.list_of(tx, app.id)) if "drain:read" in may else None,
            now=now(),
        )


def _web(tx: Transaction, app: App) -> int | None:
    if WEB not in formations.commands(tx, app.id):
        return None
    return sum(entry.quantity for entry in stored_formations.list_of(tx, app.id) if entry.type == WEB)


def _databases(tx: Transaction, app: App, found: list[AddOn]) -> tuple[Database, ...]:
    """Those that the app owns: what becomes of another's is told there."""
    scheduled = {one.addon_id for one in transfer_schedules.list_of_app(tx, app.id)}
    kept = [one for one in transfers.list_of_app(tx, app.id) if one.kept]
    return tuple(
        Database(
            id=addon.id,
            name=addon.name,
            plan=addon.plan,
            shared=addon.plan not in SIZES or SIZES[addon.plan].shared,
            scheduled=addon.id in scheduled,
            backed_up_at=max((one.created_at for one in kept if one.addon_id == addon.id), default=None),
        )
        for addon in found
        if addon.app_id == app.id
    )


def _domains(tx: Transaction, app: App) -> tuple[Name, ...]:
    certificates = {endpoint.id: endpoint for endpoint in sni_endpoints.list_of(tx, app.id)}
    return tuple(
        Name(
            hostname=domain.hostname,
            led=domain.status is DomainStatus.SUCCEEDED,
            certified_until=served.expires_at if served else None,
            renewed=bool(served and served.acm),
        )
        for domain in domains.list_of(tx, app.id)
        for served in [certificates.get(domain.sni_endpoint_id or "")]
    )
