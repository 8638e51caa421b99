"""Databases: those of all one's apps, and one at a glance, as the store knows it.

What only a database's server knows is on its other pages, which the role serves that reaches it
(`database_routes.py`); this page works without.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from celadon.actions import addons, attachments, caches, postgres_upgrades, transfers
from celadon.actions import postgres_databases as databases
from celadon.actions.addons import Described
from celadon.actions.context import now
from celadon.api import live
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import permits
from celadon.dashboard.addons import DATABASES, app_names, state
from celadon.dashboard.pages import dashboard_page, told
from celadon.dashboard.plan_tables import octets
from celadon.model import cache as cache_rules
from celadon.model.addon import AddOnState
from celadon.model.cache import Cache
from celadon.model.engine import Engine
from celadon.model.errors import Forbidden, NotFound
from celadon.model.postgres_database import GB, MB, SERVICE, SIZES, Origin, PostgresDatabase, Step, rollback_from

PAGE = "/dashboard/databases"
_SHOWN = 100
_WORDS = {Step.PROMOTING: "unfollowing"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The database that a page is about: its add-on; where it is, once it has a place (of PostgreSQL or a cache); what
    the actor may do to the app that owns it. `feed` is where that app's changes are followed, empty for who sees none.
    """

    described: Described
    postgres: PostgresDatabase | None
    cache: Cache | None
    engine: Engine | None
    may: frozenset[str]
    feed: str

    @property
    def path(self) -> str:
        return f"{PAGE}/{self.described.addon.name}"

    @property
    def place(self) -> PostgresDatabase:
        """Raises NotFound for what is no database of PostgreSQL, or none yet."""
        if self.postgres is None:
            raise NotFound("database", f"{self.described.addon.name} is no database of PostgreSQL, or none yet.")
        return self.postgres

    @property
    def own_server(self) -> bool:
        return self.engine is not None and not self.engine.shared

    @property
    def available(self) -> bool:
        if self.postgres is not None:
            return self.postgres.step is Step.AVAILABLE
        return self.cache is not None and self.cache.step is cache_rules.Step.AVAILABLE

    @property
    def status(self) -> tuple[str, str]:
        """In a word, and the kind of badge that says so."""
        word, kind = state(self.described.addon)
        if self.described.addon.work is not None or not self.described.addon.alive:
            return word, kind
        step = self.postgres.step if self.postgres else self.cache.step if self.cache else None
        if self.available:
            blocked = self.postgres is not None and self.postgres.blocked
            return ("over its limit", "bad") if blocked else ("available", "good")
        return (_WORDS.get(step, str(step)) if isinstance(step, Step) else str(step or word)), "warn"


@told
def list_of(call: Call) -> Page:
    mine = [one for one in addons.list_visible(call.context, call.actor) if one.service.name in DATABASES]
    words = call.request.query.get("q", "")[:100].lower().split()
    found = [one for one in mine if all(word in _text(one) for word in words)][:_SHOWN]
    sites = databases.sites(call.context, {one.addon.id for one in found})
    cached = {site.cache.addon_id: site for site in caches.list_all(call.context)}
    shown = []
    for one in found:
        site, cache = sites.get(one.addon.id), cached.get(one.addon.id)
        engine = site.engine if site else cache.engine if cache else None
        shown.append(
            Shown(
                described=one,
                postgres=site.database if site else None,
                cache=cache.cache if cache else None,
                engine=engine,
                may=frozenset(),
                feed="",
            )
        )
    return dashboard_page(
        call,
        "databases.html",
        section="databases",
        found=shown,
        there=len(mine),
        wanted=" ".join(words),
        limits=limits,
        names=_names(call, found),
        busy=any(one.described.addon.work for one in shown),
    )


def _text(one: Described) -> str:
    return (
        f"{one.addon.name} {one.app.name} {one.service.human_name} {one.plan.name} {' '.join(one.config_vars)}".lower()
    )


def _names(call: Call, found: list[Described]) -> dict[str, list[str]]:
    """Add-on → the apps that have it attached, those that the actor sees."""
    names: dict[str, dict[str, None]] = {one.addon.id: {one.app.name: None} for one in found}
    for attached in attachments.list_visible(call.context, call.actor):
        if attached.addon.id in names:
            names[attached.addon.id][attached.app.name] = None
    return {addon_id: list(apps) for addon_id, apps in names.items()}


def shown(call: Call) -> Shown:
    """The database that the path names; raises NotFound. The first thing that a page about one asks for."""
    after = live.latest(call.context)
    described = addons.find(call.context, call.actor, call.params["database"])
    addon = described.addon
    if addon.service not in DATABASES:
        raise NotFound("database", f"{addon.name} is no database.")
    site = databases.sites(call.context, {addon.id}).get(addon.id) if addon.service == SERVICE else None
    cached = caches.find(call.context, addon.id) if addon.service != SERVICE else None
    may = permits.may(
        call, addon.app_id, "app:read", "addon:update", "addon:pay", "addon:config", "transfer:update", "transfer:read"
    )
    return Shown(
        described=described,
        postgres=site.database if site else None,
        cache=cached.cache if cached else None,
        engine=site.engine if site else cached.engine if cached else None,
        may=may,
        feed=f"/dashboard/apps/{described.app.name}/changes?after={after}" if "app:read" in may else "",
    )


def require(found: Shown, permission: str) -> None:
    """Raises Forbidden: a page that would only say no says so."""
    if permission not in found.may:
        raise Forbidden(f"cannot show this of {found.described.addon.name}: it is for those who may change its app")


def database_page(
    call: Call, found: Shown, tab: str, template: str, status: int = 200, wrong: str = "", **values: object
) -> Page:
    """A page about one database, under the tab of this name; its templates extend `database.html`."""
    common = {"shown": found, "addon": found.described.addon, "app": found.described.app, "tab": tab}
    return dashboard_page(call, template, status, wrong, section="databases", **common, **values)


@told
def show(call: Call) -> Page:
    found = shown(call)
    addon = found.described.addon
    return database_page(
        call,
        found,
        "overview",
        "database_overview.html",
        attached=attachments.list_of_addon(call.context, call.actor, addon) if addon.alive else [],
        limits=limits(found),
        lineage=_lineage(call, found),
        span=span(call, found),
        backup=_backup(call, found),
        version=found.engine.version if found.engine else "",
        usable=addon.state is AddOnState.PROVISIONED,
        apps=app_names(call) if "addon:update" in found.may else [],
        upgrade=postgres_upgrades.of_addon(call.context, addon.id) if found.postgres else None,
    )


def limits(found: Shown) -> list[tuple[str, str, float | None]]:
    """What a plan limits, in words, and how full that is from 0 to 1 as far as the store knows."""
    database, plan = found.postgres, found.described.addon.plan
    if found.described.service.name == SERVICE and plan in SIZES:
        size = SIZES[plan]
        measured = database is not None and database.measured_at is not None
        used = f"{_used(database.bytes_used)} of " if database and measured else ""
        rows: list[tuple[str, str, float | None]] = [
            (
                "Storage",
                f"{used}{octets(size.storage)}",
                database.bytes_used / size.storage if database and measured else None,
            )
        ]
        if size.rows is not None:
            counted = f"{database.rows_used:,} of " if database and measured else ""
            full = database.rows_used / size.rows if database and measured else None
            rows.append(("Rows", f"{counted}{size.rows:,}", full))
        return [*rows, ("Connections", f"at most {size.connections}", None)]
    if found.cache is not None and found.engine is not None:
        kept = cache_rules.SIZES[found.engine.kind][found.cache.plan]
        return [
            ("Memory", octets(kept.memory), None),
            ("Connections", f"at most {kept.connections}", None),
            ("Kept on disk", "each second" if kept.persistent else "no", None),
        ]
    return []


def _used(size: int) -> str:
    return f"{size / GB:,.1f} GB" if size >= GB else f"{size / MB:,.1f} MB"


def _lineage(call: Call, found: Shown) -> list[tuple[str, list[str]]]:
    """Whom it was made from and who follows it, by names as far as the actor sees them."""
    database = found.postgres
    if database is None:
        return []
    rows: list[tuple[str, list[str]]] = []
    if database.source_id is not None and database.origin is not Origin.EMPTY:
        word = {Origin.FOLLOW: "Follows", Origin.FORK: "Forked from", Origin.ROLLBACK: "Rolled back from"}
        rows.append((word[database.origin], [_called(call, database.source_id)]))
    followers = [site.database.addon_id for site in databases.followers(call.context, database.addon_id)]
    if followers:
        rows.append(("Followers", [_called(call, addon_id) for addon_id in followers]))
    return rows


def _called(call: Call, addon_id: str) -> str:
    """Its name; empty for one that is not the actor's to know, or gone."""
    try:
        return addons.find(call.context, call.actor, addon_id).addon.name
    except NotFound:
        return ""


def span(call: Call, found: Shown) -> tuple[datetime, datetime] | None:
    """The moments to which it can be rolled back, to the second; None for none."""
    database = found.postgres
    if database is None or database.plan not in SIZES or not found.own_server:
        return None
    upgrade = postgres_upgrades.of_addon(call.context, database.addon_id)
    earliest = rollback_from(database, now(), upgrade.ended_history if upgrade else None)
    latest = now().astimezone(UTC).replace(microsecond=0)
    return (earliest.astimezone(UTC), latest) if earliest is not None and earliest < latest else None


def _backup(call: Call, found: Shown) -> datetime | None:
    """When the last backup that is kept was made."""
    if found.postgres is None or "transfer:read" not in found.may:
        return None
    of_app = transfers.list_of_app(call.context, call.actor, found.described.app.id)
    kept = [one.created_at for one in of_app if one.addon_id == found.postgres.addon_id and one.kept]
    return max(kept, default=None)
