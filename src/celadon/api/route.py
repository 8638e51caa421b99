"""One line of the table of routes, and finding the line that a request means."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from celadon.api.answer import Answer, Awaited, Download, Listing, Live, Page
from celadon.api.request import Call
from celadon.model.errors import CeladonError


class Door(StrEnum):
    """Who may come in: anybody, who has a token, also who has an address and password, or a browser that is logged in."""

    OPEN = "open"
    TOKEN = "token"
    PASSWORD = "password"
    BROWSER = "browser"


class UnknownEndpoint(CeladonError):
    """No route has this method and path."""

    id = "not_found"
    status = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`permission` says what the action asks of the actor, for the reader of the table: the action enforces it.

    A `free` one takes no token of the rate limit.
    """

    method: str
    path: str
    permission: str
    answer: Callable[[Call], Answer | Awaited | Download | Listing | Live | Page]
    door: Door = Door.TOKEN
    free: bool = False

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.strip("/").split("/")) if self.path != "/" else ()

    def params(self, path: tuple[str, ...]) -> dict[str, str] | None:
        """What the path has in place of `:names`; None when it is another path."""
        found: dict[str, str] = {}
        for expected, segment in zip(self.segments, path, strict=True):
            if expected.startswith(":") and segment:
                found[expected[1:]] = segment
            elif expected != segment:
                return None
        return found


def route(
    verb: str,
    permission: str,
    answer: Callable[[Call], Answer | Awaited | Download | Listing | Live | Page],
    door: Door = Door.TOKEN,
    free: bool = False,
) -> Route:
    """A line of the table, from `GET /path`."""
    method, _, path = verb.partition(" ")
    return Route(method=method, path=path, permission=permission, answer=answer, door=door, free=free)


class Table:
    """Finds routes by method and path; a literal segment wins over a `:name`."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: dict[tuple[str, int], list[Route]] = {}
        for route in sorted(routes, key=lambda route: [segment.startswith(":") for segment in route.segments]):
            self._routes.setdefault((route.method, len(route.segments)), []).append(route)

    def find(self, method: str, path: tuple[str, ...]) -> tuple[Route, dict[str, str]] | None:
        for route in self._routes.get(("GET" if method == "HEAD" else method, len(path)), ()):
            params = route.params(path)
            if params is not None:
                return route, params
        return None

    def match(self, method: str, path: tuple[str, ...]) -> tuple[Route, dict[str, str]]:
        """Raises UnknownEndpoint."""
        found = self.find(method, path)
        if found is None:
            wanted = f"{method} /{'/'.join(path)}"[:120]
            raise UnknownEndpoint(
                f"The API has no {wanted}: this platform does not offer it, or its path or method has a typing error."
            )
        return found
