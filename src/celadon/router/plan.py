"""From the wanted table and what HAProxy has to the commands that close the gap. Pure: nothing is told to anybody here."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from celadon.model.routing import Backend, RoutingTable, Server
from celadon.router import haproxy
from celadon.router.admin import Actual, RunningServer

# What HAProxy answers to a change that has been made already.
_EXISTS = "Already exists a server"
_REGISTERED = "New server registered"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the run-time API, and the answers (parts of them) that mean it is done."""

    text: str
    expect: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A server as HAProxy names it."""

    slot: str
    server: str

    def __str__(self) -> str:
        return f"{self.slot}/{self.server}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`commands` first, in their order; `draining` are to be watched and removed when they are empty, `gone` now."""

    commands: tuple[Command, ...]
    draining: tuple[Place, ...]
    gone: tuple[Place, ...]


def assign(backends: Iterable[Backend], actual: Actual | None, routes: Mapping[str, str]) -> dict[str, str]:
    """App id → slot for every app with servers that are to stay; an app keeps the slot it has.

    A slot is given anew only when it is empty and unknown to every map, so that no request of one app meets another's.
    `routes` is the map that HAProxy has (or will start with).
    """
    servers = actual.servers if actual else {}
    by_server = {name: slot for slot, found in servers.items() for name in found}
    taken = {slot for slot, found in servers.items() if found} | set(routes.values())
    needing = [backend for backend in backends if any(not server.draining for server in backend.servers)]
    assigned: dict[str, str] = {}
    given: set[str] = set()
    for backend in needing:
        slot = routes.get(backend.app_id, "")
        if not slot.startswith("slot"):
            slot = next((by_server[server.name] for server in backend.servers if server.name in by_server), "")
        if slot and slot not in given:
            assigned[backend.app_id] = slot
            given.add(slot)
    free = _free(taken | set(assigned.values()))
    for backend in needing:
        if backend.app_id not in assigned:
            assigned[backend.app_id] = next(free)
    return assigned


def _free(taken: set[str]) -> Iterator[str]:
    number = 0
    while True:
        name = haproxy.slot(number)
        if name not in taken:
            yield name
        number += 1


def highest(slots: Iterable[str]) -> int:
    """One more than the highest slot number in use."""
    return max((int(slot.removeprefix("slot")) for slot in slots), default=-1) + 1


def plan(table: RoutingTable, slots: Mapping[str, str], actual: Actual, where: haproxy.Site) -> Plan:
    """Servers are added before a map leads to them, and leave when none leads there any more."""
    wanted = {
        server.name: (server, slots.get(backend.app_id)) for backend in table.backends for server in backend.servers
    }
    commands = [*_additions(wanted, actual, where)]
    entries = haproxy.maps(table, slots)
    for name in haproxy.MAPS:
        commands += _map_changes(where.files / name, actual.maps[name], entries[name])
    draining: list[Place] = []
    gone: list[Place] = []
    for slot, running in actual.servers.items():
        for name, server in running.items():
            found, home = wanted.get(name, (None, None))
            place = Place(slot, name)
            if found is not None and found.draining:
                draining.append(place)
                if not server.draining:
                    commands.append(Command(f"set server {place} state drain"))
            elif found is None or home != slot or not _same(found, server):
                gone.append(place)
    return Plan(commands=tuple(commands), draining=tuple(sorted(draining)), gone=tuple(sorted(gone)))


def _additions(
    wanted: Mapping[str, tuple[Server, str | None]], actual: Actual, where: haproxy.Site
) -> Iterator[Command]:
    for server, slot in wanted.values():
        if server.draining or slot is None:
            continue
        place = Place(slot, server.name)
        running = actual.servers.get(slot, {}).get(server.name)
        if running is None:
            address = f"{server.address}:{server.port}"
            yield Command(f"add server {place} {address} {where.server_options}", (_REGISTERED, _EXISTS))
        if running is None or not running.ready:
            yield Command(f"set server {place} state ready")
        if running is None and where.passes_over:
            yield Command(f"enable health {place}")
            # The first look at it decides nothing: it may just have ended, and its next request shall say so.
            yield Command(f"set server {place} health up")


def _map_changes(path: Path, present: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Command]:
    for key in sorted(wanted.keys() - present.keys()):
        yield Command(f"add map {path} {key} {wanted[key]}")
    for key in sorted(wanted.keys() & present.keys()):
        if wanted[key] != present[key]:
            yield Command(f"set map {path} {key} {wanted[key]}")
    for key in sorted(present.keys() - wanted.keys()):
        yield Command(f"del map {path} {key}", ("not found",))


def _same(server: Server, running: RunningServer) -> bool:
    return (server.address, server.port) == (running.address, running.port)
