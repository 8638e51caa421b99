"""Which number a platform has on this machine: everything it owns on the host is named and numbered from it.

One file per number in the directory of instances holds the home of the platform that has it. A number whose home is
gone is free again.
"""

import contextlib
import fcntl
import ipaddress
import re
import socket
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from celadon.platform.failure import PlatformFailure
from celadon.platform.settings import DEFAULT_HOME, INSTANCES, Settings

NUMBERS = range(40)

_ROUTES = Path("/proc/net/route")
_LINKS = Path("/sys/class/net")
_LOCK = ".lock"
_GROUPS = Path("/sys/fs/cgroup")
_OWN = re.compile(r"celadon(\d+)")


def allocate(home: Path, directory: Path = INSTANCES) -> int:
    """The instance number of the platform in `home`, the same one each time; a free one the first time.

    Raises PlatformFailure when all are taken.
    """
    home = home.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    with _lock(directory):
        for number, owner in taken(directory).items():
            if owner == home:
                return number
        number = _first_free(directory, default=home == DEFAULT_HOME)
        (directory / str(number)).write_text(f"{home}\n", "utf-8")
    return number


def release(home: Path, directory: Path = INSTANCES) -> None:
    """Give the number of `home` back; no error when it has none."""
    home = home.resolve()
    if not directory.is_dir():
        return
    with _lock(directory):
        for number, owner in taken(directory).items():
            if owner == home:
                (directory / str(number)).unlink()


def taken(directory: Path = INSTANCES) -> dict[int, Path]:
    """Instance number → home, of the platforms that are installed on this machine."""
    found = {}
    for number in NUMBERS:
        with contextlib.suppress(FileNotFoundError):
            found[number] = Path((directory / str(number)).read_text("utf-8").strip())
    return found


def _first_free(directory: Path, *, default: bool) -> int:
    owners = taken(directory)
    # Number 0 is kept for the default home, so that its names are the same on every machine.
    numbers = NUMBERS if default else NUMBERS[1:]
    routes = list(_route_networks(_ROUTES.read_text("ascii")))
    candidates = (number for number in numbers if number not in owners or not owners[number].is_dir())
    # A platform that another root filesystem of this machine holds shows by its links and control groups alone.
    names = [path.name for path in (*_LINKS.iterdir(), *_GROUPS.glob("celadon*"), *_GROUPS.glob("*/celadon*"))]
    number = next(usable(candidates, routes, names), None)
    if number is None:
        raise PlatformFailure(
            f"cannot install another platform: all {len(NUMBERS)} instance numbers of this machine are taken or their "
            f"networks are in use; remove one with bin/down --purge --home DIR ({directory} lists them)"
        )
    return number


def usable(candidates: Iterable[int], routes: list[ipaddress.IPv4Network], names: Iterable[str]) -> Iterator[int]:
    """The candidates that nothing of `names` (links, control groups) is numbered with and no route overlaps."""
    named = {int(match[1]) for name in names if (match := _OWN.match(name))}
    for number in candidates:
        subnet = ipaddress.IPv4Network(Settings(home=Path("/"), instance=number).subnet)
        if number not in named and not any(subnet.overlaps(route) for route in routes):
            yield number


def _route_networks(table: str) -> Iterator[ipaddress.IPv4Network]:
    for line in table.splitlines()[1:]:
        columns = line.split()
        destination, mask = _address(columns[1]), _address(columns[7])
        if mask != "0.0.0.0":
            yield ipaddress.IPv4Network(f"{destination}/{mask}", strict=False)


def _address(column: str) -> str:
    """The kernel prints an address as a hexadecimal number in its own byte order."""
    return socket.inet_ntoa(struct.pack("=I", int(column, 16)))


@contextlib.contextmanager
def _lock(directory: Path) -> Iterator[None]:
    with (directory / _LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
