"""What is to run: which entries of the Procfile, how many of each, with which port and environment."""

import errno
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from honcho import environ

from celadon.cli.failure import Failure, UsageFailure
from celadon.local import place
from celadon.model import procfile

FIRST_PORT = 5000
_HIGHEST_PORT = 65_535
_MOST = 100
# What comes in by a port, and so must have it to itself.
_LISTENS = re.compile(r"\$\{?PORT\b")


@dataclass(frozen=True, slots=True)
class Entry:
    """One of those that run: `web.1`, its command, and the variables that are its own (PORT and those of `.env`)."""

    name: str
    command: str
    env: Mapping[str, str]

    @property
    def kind(self) -> str:
        return self.name.partition(".")[0]

    @property
    def port(self) -> int:
        return int(self.env["PORT"])


def read_procfile(file: Path) -> dict[str, str]:
    """Process types and their commands, by the rules of the platform; raises Failure with a line for all that is wrong."""
    try:
        text = place.read(file)
    except FileNotFoundError:
        raise Failure(
            f"cannot read {file.name}: there is no such file in {file.parent.resolve()}",
            "Each of its lines is `<process type>: <command>`, such as `web: gunicorn app:app -b :$PORT`.",
        ) from None
    types, problems = procfile.read(text)
    if problems:
        raise Failure(*(problem.told(file.name) for problem in problems))
    return types


def parse_types(words: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The types of `web,worker=2`, and those of its parts that say how many."""
    parts = [part.strip() for word in words for part in word.split(",") if part.strip()]
    return tuple(part.partition("=")[0].strip() for part in parts), tuple(part for part in parts if "=" in part)


def parse_concurrency(texts: Iterable[str]) -> dict[str, int]:
    """`web=2,worker=1`, several times if need be; raises UsageFailure."""
    found = {}
    for pair in (pair.strip() for text in texts for pair in text.split(",") if pair.strip()):
        name, _, number = pair.partition("=")
        if not re.fullmatch(r"[0-9]{1,3}", number.strip()) or int(number) > _MOST:
            raise UsageFailure(f"{pair} is no concurrency: expected TYPE=NUMBER, such as web=2, at most {_MOST}.")
        found[name.strip()] = int(number)
    return found


def quantities(types: Mapping[str, str], chosen: Sequence[str], concurrency: Mapping[str, int]) -> dict[str, int]:
    """How many of each type: of those that are chosen one each, where nothing else is said.

    Without a choice all are, but for `release`, which the platform runs before a deploy. `all` in the concurrency
    stands for those that are not named in it. Raises Failure for a type that the Procfile has not.
    """
    unknown = [name for name in [*chosen, *concurrency] if name not in types and name != "all"]
    if unknown:
        has = f"it has {', '.join(types)}" if types else "it has none"
        raise Failure(f"there is no process type {unknown[0]} in the Procfile: {has}")
    wanted = chosen if chosen and "all" not in chosen else [name for name in types if name != "release"]
    one_each = {name: concurrency.get("all", 1) if name in wanted else 0 for name in types}
    named = {name: number for name, number in concurrency.items() if name in types and (not chosen or name in wanted)}
    return {**one_each, **named}


def first_port(given: int | None, *environments: Mapping[str, str]) -> int:
    """That of the first type: given, else PORT of the first environment that has it, else 5000. Raises Failure."""
    if given is not None:
        return given
    for environment in environments:
        if text := environment.get("PORT"):
            if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > _HIGHEST_PORT:
                raise Failure(f"cannot begin with PORT={text}: a port is a number up to {_HIGHEST_PORT}")
            return int(text)
    return FIRST_PORT


def entries(types: Mapping[str, str], numbers: Mapping[str, int], env: Mapping[str, str], port: int) -> list[Entry]:
    """In the order of the Procfile. A type keeps its hundred of ports whichever others run. Raises Failure."""
    # honcho would take PORT of the environment over the one that is given.
    own = {name: value for name, value in env.items() if name != "PORT"}
    expanded = environ.expand_processes(types, concurrency=numbers, env=own, port=port)
    found = []
    for one in expanded:
        found.append(Entry(one.name, one.cmd, {**own, "PORT": one.env["PORT"]}))
        if found[-1].port > _HIGHEST_PORT:
            raise Failure(f"there is no port {found[-1].port} for {one.name}: begin lower than {port}")
    if not found:
        raise Failure("there is nothing to run: the concurrency of each process type is 0, or the Procfile is empty")
    return found


def check_ports(found: Sequence[Entry]) -> None:
    """Raise Failure when somebody else listens where one of these is going to."""
    for entry in found:
        if entry.kind != "web" and not _LISTENS.search(entry.command):
            continue
        with socket.socket(socket.AF_INET) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("", entry.port))
            except OSError as error:
                why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
                raise Failure(
                    f"cannot start {entry.name}: port {entry.port} {why}",
                    "Stop what listens there, or begin with another one by --port.",
                ) from None
