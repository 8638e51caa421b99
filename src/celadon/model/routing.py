"""Routing: from apps, their formations and dynos to the one table the router follows. Pure; the whole truth of who answers.

A host name leads to an app, an app to an `Answer`: its dynos, a wait for one that boots, or an error with its H code.
"""

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import quote, urlsplit

from celadon.model.app import App
from celadon.model.dyno import WEB, Dyno, DynoState
from celadon.model.error_code import CODES
from celadon.model.formation import Formation, fits
from celadon.model.release import Release


class Answer(StrEnum):
    """What a request to an app gets now: a dyno, a wait for one, or the error of this code."""

    SERVE = "serve"
    WAIT = "wait"
    CRASHED = "H10"
    NO_WEB = "H14"
    MAINTENANCE = "H80"
    BLANK = "H81"


# What the log says of each code.
DESCRIPTIONS: Mapping[str, str] = {code: found.name for code, found in CODES.items() if code.startswith("H")}

# What a URL keeps as it is; all else is percent-encoded, `;` too, which would end a command of HAProxy's.
_URL_SAFE = "%/:=&?~#+!$,@()*[]-._"
_LONGEST_URL = 2000
# Host names of one entry of HAProxy's certificate list, whose commands hold 16 KiB.
_NAMES_A_PART = 50
# 10,000 apps are some 160 names in each.
_OWN_PARTS = 64

# Codes that are no error of anybody: the line says at=info.
NO_ERROR = frozenset(code for code, found in CODES.items() if not found.fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One web dyno as the router knows it. `name` is the dyno's name and the id of its present start: `web.1_4f0c…`.

    A draining server gets no new requests; those it has are finished.
    """

    name: str
    address: str
    port: int
    dyno_id: str
    draining: bool = False

    @property
    def dyno(self) -> str:
        return dyno_name(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One app: what a request gets, and the servers that are there for it."""

    app_id: str
    app_name: str
    answer: Answer
    servers: tuple[Server, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """URLs of the pages that an app has of its own in place of the router's; "" for none."""

    error: str = ""
    maintenance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedCertificate:
    """A chain with its key, served to those who ask by TLS for one of `hostnames`.

    `name` is a file's, another one for every other content: what has the name has the content. Without an SNI endpoint
    it is the platform's own.
    """

    name: str
    sni_endpoint_id: str | None
    hostnames: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTable:
    """All the router is told. `hosts` and `wildcards` lead to app ids; a wildcard is written `.example.com`.

    `pages` are by app id; `challenges` is what a certificate authority is answered, by its token.
    """

    hosts: Mapping[str, str]
    wildcards: Mapping[str, str]
    backends: tuple[Backend, ...]
    pages: Mapping[str, Pages] = field(default_factory=dict)
    certificates: tuple[ServedCertificate, ...] = ()
    challenges: Mapping[str, str] = field(default_factory=dict)


def routes(
    *,
    domain: str,
    apps: Iterable[App],
    releases: Mapping[str, Release],
    process_types: Mapping[str, Iterable[str]],
    formations: Mapping[str, Sequence[Formation]],
    dynos: Mapping[str, Sequence[Dyno]],
    domains: Mapping[str, str] | None = None,
    pages: Mapping[str, Pages] | None = None,
    certificates: Iterable[ServedCertificate] = (),
    challenges: Mapping[str, str] | None = None,
    own_period: str = "",
) -> RoutingTable:
    """The table for a state of the store.

    `releases`, `formations`, `dynos` are by app id (a release is the one the formation follows), `process_types` by slug
    id; `domains` are the custom ones, host name or `*.example.com` → app id. With an `own_period` (see
    `own_certificates`) the platform has certificates for the names of apps.
    """
    hosts: dict[str, str] = {}
    wildcards: dict[str, str] = {}
    backends = []
    for app in apps:
        hosts[f"{app.name}.{domain}"] = app.id
        web = [dyno for dyno in dynos.get(app.id, ()) if dyno.type == WEB]
        release = releases.get(app.id)
        types = process_types.get(release.slug_id, ()) if release and release.slug_id else None
        wanted = next((entry for entry in formations.get(app.id, ()) if entry.type == WEB), None)
        servers = _servers(web, release, wanted)
        answer = _answer(app, types, wanted.quantity if wanted else 0, web, servers)
        backends.append(Backend(app_id=app.id, app_name=app.name, answer=answer, servers=servers))
    own = own_certificates(hosts, own_period) if own_period else ()
    for name, app_id in (domains or {}).items():
        (wildcards if name.startswith("*.") else hosts)[name.removeprefix("*").lower()] = app_id
    return RoutingTable(
        hosts=hosts,
        wildcards=wildcards,
        backends=tuple(backends),
        pages={app_id: _elsewhere(app_id, found, hosts) for app_id, found in (pages or {}).items()},
        certificates=(*certificates, *own),
        challenges=challenges or {},
    )


def page_url(value: str) -> str:
    """A page's address as it can stand in HTML and in a line of the router's; "" for what is none."""
    try:
        parts = urlsplit(value.strip())
        url = quote(value.strip(), safe=_URL_SAFE)
    except ValueError:
        return ""
    usable = parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= _LONGEST_URL
    return url if usable else ""


def _elsewhere(app_id: str, pages: Pages, hosts: Mapping[str, str]) -> Pages:
    """Without the pages that the app itself would have to answer: they would show its error page within its error page."""
    kept = {
        name: url if hosts.get((urlsplit(url).hostname or "").lower()) != app_id else ""
        for name, url in (("error", pages.error), ("maintenance", pages.maintenance))
    }
    return Pages(**kept)


def served_certificates(
    fingerprints: Mapping[str, str], hostnames: Mapping[str, Sequence[str]]
) -> tuple[ServedCertificate, ...]:
    """Those with a domain; both are by SNI endpoint id. One of many domains is served in parts: a line of HAProxy's has an end."""
    found = []
    for endpoint_id, fingerprint in sorted(fingerprints.items()):
        names = sorted(hostnames.get(endpoint_id, ()))
        for part in (tuple(names[at : at + _NAMES_A_PART]) for at in range(0, len(names), _NAMES_A_PART)):
            name = f"{endpoint_id}-{_digest(fingerprint, *part)}.pem"
            found.append(ServedCertificate(name=name, sni_endpoint_id=endpoint_id, hostnames=part))
    return tuple(found)


def own_certificates(hosts: Iterable[str], period: str) -> tuple[ServedCertificate, ...]:
    """The platform's own for names of apps; another `period` makes all of them anew.

    A name is always in the same part, so that an app that comes changes one.
    """
    parts: dict[int, list[str]] = {}
    for host in sorted(hosts):
        parts.setdefault(zlib.crc32(host.encode()) % _OWN_PARTS, []).append(host)
    return tuple(
        ServedCertificate(name=f"own-{_digest(period, *names)}.pem", sni_endpoint_id=None, hostnames=tuple(names))
        for names in parts.values()
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def server_name(dyno: Dyno) -> str:
    """Unique among all starts of all dynos, and still readable: the dyno's name is what precedes the last `_`."""
    return f"{dyno.name}_{dyno.container_id or dyno.id}"


def dyno_name(server: str) -> str:
    """The dyno's name in a server's."""
    return server.rpartition("_")[0]


def _server(dyno: Dyno) -> Server | None:
    if dyno.state is not DynoState.UP or dyno.address is None or dyno.port is None:
        return None
    return Server(
        name=server_name(dyno),
        address=dyno.address,
        port=dyno.port,
        dyno_id=dyno.id,
        draining=dyno.draining_at is not None,
    )


def _servers(web: Iterable[Dyno], release: Release | None, wanted: Formation | None) -> tuple[Server, ...]:
    """The servers of the dynos that are up. In the step that brings the last of those that are wanted all others drain:
    from then on nobody meets the release before. The dyno manager, who goes by the same rule, tells them to go.
    """
    up = [(dyno, server) for dyno in web if (server := _server(dyno)) is not None]
    current = {
        dyno.id
        for dyno, server in up
        if release and wanted and fits(dyno, wanted, release.id) and dyno.request is None and not server.draining
    }
    if wanted is None or not 0 < wanted.quantity <= len(current):
        return tuple(server for _, server in up)
    return tuple(server if dyno.id in current else replace(server, draining=True) for dyno, server in up)


def _answer(
    app: App, types: Iterable[str] | None, quantity: int, web: Sequence[Dyno], servers: Sequence[Server]
) -> Answer:
    if app.maintenance:
        return Answer.MAINTENANCE
    if types is None:
        return Answer.BLANK
    if any(not server.draining for server in servers):
        return Answer.SERVE
    if quantity == 0 or WEB not in types:
        return Answer.NO_WEB
    staying = [dyno.state for dyno in web if dyno.draining_at is None]
    if DynoState.CRASHED in staying and not any(state in (DynoState.CREATED, DynoState.STARTING) for state in staying):
        return Answer.CRASHED
    return Answer.WAIT
