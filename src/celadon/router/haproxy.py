"""The routing table as HAProxy's files: one pure function, `render`, makes all of them.

The files are always complete: HAProxy started or reloaded from them serves the whole table. What changes often (servers,
maps) is also told to the running process (see `plan`), so that only a change of the rest, the template, needs a reload.
"""

import hashlib
import importlib.resources
import ipaddress
import string
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from celadon.model.routing import Answer, Backend, RoutingTable, ServedCertificate, Server
from celadon.platform import certificates
from celadon.platform.settings import Settings
from celadon.router import pages

CONFIG = "haproxy.cfg"
HOSTS = "hosts.map"
WILDCARDS = "wildcards.map"
ROUTES = "routes.map"
CHALLENGES = "challenges.map"
CERTIFICATES = "certificates.list"
ADMIN_SOCKET = "haproxy.sock"

# A killed role is back within a second; all of them at once, beside dynos that burn all processors, take five.
ROLE_PATIENCE = 15.0
# A push waits for its build, a log tail for its next line.
ROLE_TIMEOUT = 1800.0

# How long a WebSocket or a stream outlives a reload; then the role cuts it (H24). HAProxy itself would do it without a
# word, so it is told to wait longer.
OUTLIVES_RELOAD = 600.0
_HARD_STOP = 60.0

ROLES = ("api", "git", "build", "logplex", "addons")

# What changes often and is no server, in the order in which it changes: a name leads to an app when the app has its route.
MAPS = (ROUTES, WILDCARDS, HOSTS, pages.ERROR_PAGES, pages.MAINTENANCE_PAGES, CHALLENGES)

# Of slots in all, this many are kept free.
SPARES = 16
FIRST_SLOTS = 64
_SLOT_STEP = 1024

# How a server is declared, in the file and at run time alike. Idle connections are closed before the dyno's own server
# would close them (2 to 5 s are usual), so that a request hardly ever meets the end of its connection.
_SERVER_OPTIONS = "pool-purge-delay 1s"
# A dyno that four connections in a row did not reach (a request makes up to three) is passed over until one does.
_PASSED_OVER = (
    " check inter 24h fastinter 24h downinter 1s fall 2 rise 1 observe layer4 error-limit 4 on-error mark-down"
)
# HAProxy sets a file descriptor aside for each server that may be: beyond so many in all, dynos are tried by every request.
_MOST_PASSED_OVER = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where HAProxy listens and where its files are. Times are in seconds."""

    files: Path
    run: Path
    # A second address, for those who cannot reach the first: that of the host on the dynos' network.
    inner: str = ""
    bind: str
    http_port: int
    https_port: int
    api_hosts: tuple[str, ...]
    first_byte_timeout: float = 30.0
    idle_timeout: float = 55.0
    boot_queue_timeout: float = 75.0
    connect_timeout: float = 5.0
    # Requests at once: of one dyno, that wait for each dyno beyond, of one app.
    dyno_connections: int = 500
    dyno_backlog: int = 50
    app_connections: int = 4_000
    # Connections of one address.
    address_connections: int = 1_000
    threads: int = 1
    # Whether a dyno that refuses is passed over.
    passes_over: bool = True
    # The platform's own certificate, and a digest of it; no HTTPS without.
    certificate: Path | None = None
    certificate_digest: str = ""

    @property
    def server_options(self) -> str:
        """How a dyno's server is declared."""
        return f"maxconn {self.dyno_connections} {_SERVER_OPTIONS}{_PASSED_OVER if self.passes_over else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What `render` makes: file name → text. `template` is the digest of all that a reload alone can change."""

    template: str
    texts: Mapping[str, str] = field(repr=False)


def site(settings: Settings, servers: int = 0) -> Site:
    """The site of a platform's HAProxy with so many servers; reads the certificate that is there now."""
    files = settings.home / "router"
    own = certificates.server_pem(settings)
    present = own.is_file()
    inner = _inner(settings)
    hosts = ("localhost", "127.0.0.1", "api.localhost", f"api.{settings.domain}", *([inner] if inner else []))
    return Site(
        files=files,
        run=settings.run,
        bind=settings.bind_address,
        inner=inner,
        http_port=settings.http_port,
        https_port=settings.https_port,
        api_hosts=tuple(dict.fromkeys(hosts)),
        first_byte_timeout=settings.first_byte_timeout,
        idle_timeout=settings.idle_timeout,
        boot_queue_timeout=settings.boot_queue_timeout,
        dyno_connections=settings.dyno_connections,
        dyno_backlog=settings.dyno_backlog,
        app_connections=settings.app_connections,
        address_connections=settings.address_connections,
        passes_over=servers <= _MOST_PASSED_OVER,
        certificate=own if present else None,
        certificate_digest=hashlib.sha256(own.read_bytes()).hexdigest()[:16] if present else "",
    )


def _inner(settings: Settings) -> str:
    """The host's address on the dynos' network, once there is one; a wildcard address would include it."""
    if settings.public or not Path("/sys/class/net", settings.bridge).exists():
        return ""
    return str(ipaddress.IPv4Network(settings.subnet)[1])


def capacity(present: int, used: int) -> int:
    """How many slots there should be: more when fewer than the spares are free, never fewer than before.

    They double while that costs little (an empty slot takes 9 kB), and then grow by a step: each time is a reload.
    """
    slots = max(present, FIRST_SLOTS)
    while slots - used < SPARES:
        slots += min(slots, _SLOT_STEP)
    return slots


def slot(number: int) -> str:
    return f"slot{number}"


def render(
    table: RoutingTable, slots: Mapping[str, str], count: int, where: Site, taken: Collection[str] = ()
) -> Files:
    """All files for a table. `slots` is app id → slot for every app with servers; `count` slots are declared.

    Of the table's certificates those are listed that a running HAProxy has `taken`: one that it would refuse must not
    be found by the next that starts.
    """
    servers = {slots[backend.app_id]: backend.servers for backend in table.backends if backend.app_id in slots}
    names = [slot(number) for number in range(count)]
    fixed = pages.pages(where.files)
    fixed["boot.lua"] = _lua(where)
    empty = _config(where, "", "".join(slot_text(name, (), where) for name in names))
    digest = hashlib.sha256("\0".join([empty, where.certificate_digest, *fixed.values()]).encode()).hexdigest()[:16]
    filled = _config(where, digest, "".join(slot_text(name, servers.get(name, ()), where) for name in names))
    texts = {CONFIG: filled, **fixed, **{name: map_text(entries) for name, entries in maps(table, slots).items()}}
    if where.certificate:
        texts[CERTIFICATES] = _certificate_list(where, table, taken)
    return Files(template=digest, texts=texts)


def maps(table: RoutingTable, slots: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    """All maps, by file name: what changes often and is no server."""
    return {
        ROUTES: route_map(table.backends, slots),
        WILDCARDS: table.wildcards,
        HOSTS: table.hosts,
        pages.ERROR_PAGES: {app_id: found.error for app_id, found in table.pages.items() if found.error},
        pages.MAINTENANCE_PAGES: {
            app_id: found.maintenance for app_id, found in table.pages.items() if found.maintenance
        },
        CHALLENGES: table.challenges,
    }


def certificate_path(where: Site, name: str) -> Path:
    return where.files / "certificates" / name


def certificate_line(where: Site, certificate: ServedCertificate) -> str:
    """An entry of HAProxy's list: served for these names and for no other that it may speak for."""
    return f"{certificate_path(where, certificate.name)} {' '.join(certificate.hostnames)}"


def _certificate_list(where: Site, table: RoutingTable, taken: Collection[str]) -> str:
    """The platform's own first: it is served to everybody whose name has no other."""
    lines = [certificate_line(where, found) for found in table.certificates if found.name in taken]
    return "".join(f"{line}\n" for line in [str(where.certificate), *lines])


def route_map(backends: Iterable[Backend], slots: Mapping[str, str]) -> dict[str, str]:
    """App id → its slot, `wait`, or the code of its error."""
    return {
        backend.app_id: slots[backend.app_id] if backend.answer is Answer.SERVE else str(backend.answer)
        for backend in backends
    }


def map_text(entries: Mapping[str, str]) -> str:
    return "".join(f"{key} {value}\n" for key, value in sorted(entries.items()))


def slot_text(name: str, servers: Iterable[Server], where: Site) -> str:
    lines = [f"backend {name} from slots\n"]
    # A draining server is left out: it has nothing more to get, and the requests it has belong to the older process.
    lines += [
        f"  server {server.name} {server.address}:{server.port} {where.server_options}\n"
        for server in servers
        if not server.draining
    ]
    return "".join(lines)


@cache
def _resource(name: str) -> str:
    return importlib.resources.files(__package__).joinpath(name).read_text("utf-8")


def _lua(where: Site) -> str:
    text = _resource("boot.lua").replace("@files@", str(where.files)).replace("@run@", str(where.run))
    text = text.replace("@role_patience@", f"{ROLE_PATIENCE:g}")
    return text.replace("@boot_queue_timeout@", f"{where.boot_queue_timeout:g}")


def _config(where: Site, template: str, slots: str) -> str:
    return string.Template(_resource(CONFIG)).substitute(
        template=template,
        files=where.files,
        run=where.run,
        http_bind=_addresses(where, where.http_port),
        https_port=where.https_port,
        https_bind=_https_bind(where),
        api_hosts=" ".join(where.api_hosts),
        threads=where.threads,
        connect_timeout=_ms(where.connect_timeout),
        first_byte_timeout=_ms(where.first_byte_timeout),
        idle_timeout=_ms(where.idle_timeout),
        # A little later than the dyno's, so that the log tells who was idle.
        client_timeout=_ms(where.idle_timeout + 0.5),
        role_timeout=_ms(ROLE_TIMEOUT),
        hard_stop=_ms(OUTLIVES_RELOAD + _HARD_STOP),
        dyno_backlog=where.dyno_backlog,
        dyno_connections=where.dyno_connections,
        app_connections=where.app_connections,
        address_connections=where.address_connections,
        roles="\n".join(_role_text(name, where) for name in ROLES),
        slots=slots,
    )


def _addresses(where: Site, port: int) -> str:
    return ",".join(f"{address}:{port}" for address in (where.bind, where.inner) if address)


def _https_bind(where: Site) -> str:
    if where.certificate is None:
        return "  # No certificate yet, no HTTPS."
    return f"  bind {_addresses(where, where.https_port)} ssl crt-list {where.files}/{CERTIFICATES} alpn h2,http/1.1"


def _role_text(name: str, where: Site) -> str:
    return f"""\
backend {name} from roles
  server {name} unix@{where.run}/way-{name}.sock {_SERVER_OPTIONS}
frontend way-{name} from ways
  bind unix@{where.run}/way-{name}.sock mode 600
  tcp-request inspect-delay {_ms(ROLE_PATIENCE + 1)}
  tcp-request content lua.await_role {name}
  tcp-request content use-service lua.role_absent if {{ var(txn.absent) -m bool }}
  default_backend role-{name}
backend role-{name} from ways
  server {name} unix@{where.run}/{name}.sock
"""


def _ms(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
