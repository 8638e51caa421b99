"""The router's manager: one ensure() that brings HAProxy to the table of the store.

Wakes on: the change feed; while servers drain or HAProxy is away, on short looks.
Reads: apps, current releases and their config vars, slugs' process types, formations, dynos, domains, certificates,
challenges; HAProxy's own word on what it has.
Writes: HAProxy's files, its run-time state; dynos.routed, dynos.reached.
Survives: a SIGKILL anywhere. Files come first and are whole; what HAProxy lacks is told at the next ensure().
"""

import contextlib
import logging
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from celadon.model import routing
from celadon.model.dyno import Dyno, DynoState
from celadon.model.routing import RoutingTable
from celadon.platform import certificates
from celadon.platform.settings import Settings
from celadon.router import admin, haproxy, plan
from celadon.router.admin import Actual, Admin, AdminError
from celadon.router.certificates import Certificates
from celadon.router.engine import Engine, EngineError
from celadon.store import (
    acme_challenges,
    apps,
    changes,
    configs,
    domains,
    dynos,
    formations,
    releases,
    slugs,
    sni_endpoints,
)
from celadon.store.database import Database, Transaction

# Sessions that are shut down are gone a moment later.
_DELETE_TIMEOUT = "2s"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """What the store says at one moment."""

    table: RoutingTable
    dynos: dict[str, Dyno]


class Manager:
    """The routing table of one platform on this machine."""

    def __init__(self, settings: Settings, database: Database, engine: Engine) -> None:
        self._settings = settings
        self._database = database
        self._engine = engine
        self._files = settings.home / "router"
        self._process_types: dict[str, tuple[str, ...]] = {}
        self._pages: dict[str, routing.Pages] = {}
        self._certificates = Certificates(settings, database)
        self._written: dict[str, str] = {}
        self._slots = 0
        self._known: View | None = None
        self._seen: int | None = None
        # Processes that a reload replaced, and since when they are known.
        self._old: dict[int, float] = {}
        # Whether something is on its way that no change announces.
        self.restless = False

    def ensure(self, seen: int | None = None) -> str:
        """Close the gap between store and HAProxy, as far as it can be closed now; returns what was done.

        `seen` is the number of the last change: while there is no newer one the store is as it was, and only HAProxy is
        looked at.
        Raises AdminError and EngineError when HAProxy cannot be told; the next call starts over.
        """
        self.restless = True
        if seen is None or seen != self._seen or self._known is None:
            self._known, self._seen = self._view(), seen
        view = self._known
        started = self._ensure_running(view)
        actual = self._look()
        view = self._claim(view, actual)
        table = view.table
        slots = plan.assign(table.backends, actual, actual.routes)
        where = self._site(view)
        try:
            reloaded = self._load(self._render(table, slots, actual.slots, where), actual)
        except EngineError as error:
            self._heal(error)
            reloaded = self._load(self._render(table, slots, actual.slots, where), actual)
        if reloaded:
            actual = self._look()
        steps = plan.plan(table, slots, actual, where)
        self._tell(steps)
        self._say_reached(view, table)
        waiting = self._finish_drains(steps, view)
        self.restless = waiting > 0
        self._release(view)
        self._cut_old_workers()
        if where.certificate and self._certificates.ensure(table.certificates, actual.certificates, where):
            self._write(self._render(table, slots, actual.slots, where).texts)
        self.restless |= self._certificates.restless
        return _sentence(table, steps, waiting, started=started, reloaded=reloaded)

    def _view(self) -> View:
        with self._database.read() as tx:
            current = releases.current_of_all(tx)
            table = routing.routes(
                domain=self._settings.domain,
                apps=apps.list_all(tx),
                releases=current,
                process_types=self._types(tx, {release.slug_id for release in current.values() if release.slug_id}),
                formations=formations.list_all(tx),
                dynos=(found := dynos.list_all(tx)),
                domains=domains.apps_by_hostname(tx),
                pages=self._pages_of(tx, {release.app_id: release.config_id for release in current.values()}),
                certificates=routing.served_certificates(sni_endpoints.fingerprints(tx), domains.served(tx)),
                challenges=acme_challenges.all_of(tx),
                # Another one each year, long before a certificate ends.
                own_period=str(datetime.now(UTC).year) if certificates.names_apps(self._settings) else "",
            )
        return View(table, {dyno.id: dyno for of_app in found.values() for dyno in of_app})

    def _types(self, tx: Transaction, slug_ids: set[str]) -> dict[str, tuple[str, ...]]:
        """Slug id → its process types; a slug never changes, so each is read once."""
        unknown = slug_ids - self._process_types.keys()
        if unknown:
            found = slugs.by_ids(tx, unknown)
            self._process_types |= {slug_id: tuple(slug.process_types) for slug_id, slug in found.items()}
        self._process_types = {slug_id: types for slug_id, types in self._process_types.items() if slug_id in slug_ids}
        return self._process_types

    def _pages_of(self, tx: Transaction, config_ids: Mapping[str, str]) -> dict[str, routing.Pages]:
        """App id → the pages that its config vars name; a set of config vars never changes, so each is read once."""
        fresh = set(config_ids.values()) - self._pages.keys()
        self._pages |= {config_id: _pages(found) for config_id, found in configs.find_each(tx, fresh).items()}
        self._pages = {config_id: self._pages[config_id] for config_id in config_ids.values()}
        return {app_id: self._pages[config_id] for app_id, config_id in config_ids.items()}

    def _ensure_running(self, view: View) -> bool:
        """Start HAProxy from whole files when it is not there."""
        if self._engine.running():
            return False
        view = self._claim(view, None)
        table = view.table
        slots = plan.assign(table.backends, None, {})
        try:
            self._start(view, table, slots)
        except EngineError as error:
            self._heal(error)
            self._start(view, table, slots)
        return True

    def _start(self, view: View, table: RoutingTable, slots: dict[str, str]) -> None:
        self._write(self._render(table, slots, self._slots, self._site(view)).texts)
        self._engine.start()

    def _site(self, view: View) -> haproxy.Site:
        return haproxy.site(self._settings, sum(len(backend.servers) for backend in view.table.backends))

    def _heal(self, error: EngineError) -> None:
        """Do without whatever a power cut may have cut short: certificates are files, and come again from the store."""
        log.error("at=heal error=%r: once more without the certificates of apps, which follow", str(error))
        self._certificates.forget()
        certificates.issue(self._settings, datetime.now(UTC))

    def _look(self) -> Actual:
        with Admin(self._settings.run / haproxy.ADMIN_SOCKET) as conversation:
            return admin.look(conversation, self._files)

    def _claim(self, view: View, actual: Actual | None) -> View:
        """Say in the store that requests may reach a dyno, before they can: its manager then asks before it stops it.

        Returns the view of which that holds: where the store has gone on meanwhile, a newer one.
        """
        have = {name for found in actual.servers.values() for name in found} if actual else set()
        while fresh := _unclaimed(view, have):
            with self._database.transaction() as tx:
                claimed = dynos.claim_routes(tx, fresh)
            view.dynos.update({dyno.id: replace(dyno, routed=True) for dyno in claimed})
            # A row may be gone since, or have started anew: then the server that was seen is no more.
            if {routing.server_name(dyno) for dyno in claimed} >= set(fresh.values()):
                break
            view = self._known = self._view()
        return view

    def _say_reached(self, view: View, table: RoutingTable) -> None:
        """Say in the store that requests do reach a dyno, now that they do; who waits for it hears of it here."""
        fresh = {
            server.dyno_id
            for backend in table.backends
            for server in backend.servers
            if not server.draining and not view.dynos[server.dyno_id].reached
        }
        if not fresh:
            return
        with self._database.transaction() as tx:
            reached = dynos.mark_reached(tx, fresh)
            news = {dyno.app_id for dyno in reached}
            number = changes.record(tx, "dyno", news.pop() if len(news) == 1 else None) if news else None
        view.dynos.update({dyno.id: replace(dyno, reached=True) for dyno in reached})
        if number is not None and self._seen == number - 1:
            # Nothing but our own word has come since the store was read.
            self._seen = number

    def _render(self, table: RoutingTable, slots: dict[str, str], present: int, where: haproxy.Site) -> haproxy.Files:
        used = max(len(slots), plan.highest(slots.values()) - haproxy.SPARES)
        self._slots = haproxy.capacity(max(present, self._slots), used)
        return haproxy.render(table, slots, self._slots, where, self._certificates.taken)

    def _load(self, files: haproxy.Files, actual: Actual) -> bool:
        """Files first; then a reload when more than servers and maps has changed."""
        if files.template == actual.template:
            self._write(files.texts)
            return False
        self._write({name: text for name, text in files.texts.items() if name != haproxy.CONFIG})
        trial = self._files / f".{haproxy.CONFIG}.new"
        trial.write_text(files.texts[haproxy.CONFIG], "utf-8")
        self._engine.check(trial)
        trial.rename(self._files / haproxy.CONFIG)
        self._written[haproxy.CONFIG] = files.texts[haproxy.CONFIG]
        admin.reload(self._engine.master)
        return True

    def _write(self, texts: Mapping[str, str]) -> None:
        for name, text in texts.items():
            if self._written.get(name) == text:
                continue
            fresh = self._files / f".{name}.new"
            fresh.write_text(text, "utf-8")
            fresh.rename(self._files / name)
            self._written[name] = text

    def _tell(self, steps: plan.Plan) -> None:
        if not steps.commands and not steps.gone:
            return
        with Admin(self._settings.run / haproxy.ADMIN_SOCKET) as conversation:
            for command in steps.commands:
                conversation.tell(command.text, accept=command.expect)
            for place in steps.gone:
                _delete(conversation, place)

    def _finish_drains(self, steps: plan.Plan, view: View) -> int:
        """Remove the draining servers that are empty or had their time; returns how many go on."""
        if not steps.draining:
            return 0
        waiting = 0
        elsewhere = self._elsewhere(steps.draining)
        overdue = self._overdue(view)
        with Admin(self._settings.run / haproxy.ADMIN_SOCKET) as conversation:
            for place in steps.draining:
                here = admin.sessions(conversation.ask(f"show stat {place.slot} 4 -1")).get(place.server, 0)
                if here or place.server in elsewhere:
                    if place.server not in overdue:
                        waiting += 1
                        continue
                    self._cut(place)
                _delete(conversation, place)
        return waiting

    def _elsewhere(self, draining: Iterable[plan.Place] = ()) -> set[str]:
        """Servers that may still have requests from HAProxy processes that a reload replaced.

        One of these that has not heard of its end yet could still send some to any server: it keeps all it knows. One
        that has gets no new requests, but what it has begun it may send to another of its servers: not to a draining one.
        """
        found: set[str] = set()
        for process in admin.old_workers(self._engine.master):
            with contextlib.suppress(AdminError):  # It may end at any moment; then it has nothing any more.
                found |= self._busy(process, draining)
        return found

    def _busy(self, process: int, draining: Iterable[plan.Place]) -> set[str]:
        to = f"@!{process}"
        stopping = admin.parse_information(admin.ask_master(self._engine.master, f"{to} show info")).stopping
        for place in draining if stopping else ():
            admin.ask_master(self._engine.master, f"{to} set server {place} state drain")
        counts = admin.sessions(admin.ask_master(self._engine.master, f"{to} show stat -1 4 -1"))
        return {name for name, count in counts.items() if count or not stopping}

    def _cut(self, place: plan.Place) -> None:
        """End what old processes still have with a server whose time is over."""
        for process in admin.old_workers(self._engine.master):
            self._cut_streams(process, place.server)

    def _cut_old_workers(self) -> None:
        """End what outlives a reload for too long: the owner is told (H24), which HAProxy's own hard stop does not."""
        present = admin.old_workers(self._engine.master)
        self._old = {process: self._old.get(process, time.monotonic()) for process in present}
        for process, since in self._old.items():
            if time.monotonic() - since > haproxy.OUTLIVES_RELOAD:
                self._cut_streams(process)

    def _cut_streams(self, process: int, server: str | None = None) -> None:
        """End the requests of an old process, or those of one server: one by one, its proxies take no commands any more."""
        with contextlib.suppress(AdminError):  # It may end at any moment; then it has nothing any more.
            for stream, of in admin.streams(admin.ask_master(self._engine.master, f"@!{process} show sess")):
                if server in (None, of):
                    admin.ask_master(self._engine.master, f"@!{process} shutdown session {stream}")

    def _release(self, view: View) -> None:
        """Tell the dyno manager which dynos no request can reach any more."""
        leaving = [dyno for dyno in view.dynos.values() if dyno.routed and not _stays(dyno)]
        if not leaving:
            return
        actual = self._look()
        have = {name for found in actual.servers.values() for name in found}
        elsewhere = self._elsewhere()
        overdue = self._overdue(view)
        for dyno in leaving:
            name = routing.server_name(dyno)
            if name not in have and (name in overdue or name not in elsewhere):
                self._release_one(dyno)
            else:
                self.restless = True

    def _overdue(self, view: View) -> set[str]:
        """Servers of dynos that have been draining for as long as they may."""
        before = datetime.now(UTC) - timedelta(seconds=self._settings.drain_timeout)
        return {
            routing.server_name(dyno)
            for dyno in view.dynos.values()
            if dyno.draining_at is not None and dyno.draining_at <= before
        }

    def _release_one(self, dyno: Dyno) -> None:
        with self._database.transaction() as tx:
            present = dynos.find_by_id(tx, dyno.id)
            if present is not None and present.routed and routing.server_name(present) == routing.server_name(dyno):
                dynos.release_route(tx, dyno.id)
                changes.record(tx, "dyno", dyno.app_id)


def _delete(conversation: Admin, place: plan.Place) -> None:
    """Take a server out, with whatever it still has; no error when it is gone."""
    gone = ("No such server",)
    conversation.tell(f"set server {place} state maint", accept=gone)
    conversation.tell(f"shutdown sessions server {place}", accept=gone)
    conversation.ask(f"wait {_DELETE_TIMEOUT} srv-removable {place}")
    conversation.tell(f"del server {place}", accept=("Server deleted", *gone))


def _pages(config_vars: Mapping[str, str]) -> routing.Pages:
    return routing.Pages(
        error=routing.page_url(config_vars.get("ERROR_PAGE_URL", "")),
        maintenance=routing.page_url(config_vars.get("MAINTENANCE_PAGE_URL", "")),
    )


def _unclaimed(view: View, have: Collection[str]) -> dict[str, str]:
    """Dyno id → server of those that requests may reach from now on; `have` are the servers that HAProxy knows."""
    return {
        server.dyno_id: server.name
        for backend in view.table.backends
        for server in backend.servers
        if not server.draining and (server.name not in have or not view.dynos[server.dyno_id].routed)
    }


def _stays(dyno: Dyno) -> bool:
    return dyno.state is DynoState.UP and dyno.draining_at is None


def _sentence(table: RoutingTable, steps: plan.Plan, waiting: int, *, started: bool, reloaded: bool) -> str:
    servers = sum(len(backend.servers) for backend in table.backends)
    parts = [f"{len(table.backends)} apps, {servers} web dynos"]
    parts += ["HAProxy started"] if started else []
    parts += ["HAProxy reloaded"] if reloaded else []
    parts += [f"{len(steps.commands)} changes"] if steps.commands else []
    parts += [f"{len(steps.gone)} removed"] if steps.gone else []
    parts += [f"{waiting} draining"] if waiting else []
    return ", ".join(parts)
