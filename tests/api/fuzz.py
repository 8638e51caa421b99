"""Fuzzing the API: sends what `fuzz_requests` makes to a `fuzz_world`, and says what is wrong with the answers.

`bench/fuzz.py` sends many thousands of requests, `test_fuzz.py` a few hundred.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import hypothesis
from hypothesis import HealthCheck, Phase
from tests.api import addons_role, schema
from tests.api.examples import PAIR
from tests.api.fuzz_requests import Sent, curl, requests
from tests.api.fuzz_world import CANARY, FuzzedWorld
from tests.api.world import PASSWORD, Reply, World

from celadon.actions import access
from celadon.api import addons, request, role
from celadon.api.asgi import Application
from celadon.api.route import Door, Route, Table
from celadon.dashboard import routes as pages
from celadon.model.errors import CeladonError

# What the HTTP server itself says to bytes that are no request; the router in front of it lets none through.
_NO_ROUTE = b'{"id":"not_found","message":"The API has no '
NO_HTTP = b"Invalid HTTP request received."
# Never in any answer: a password, what is kept of one, a private key, where the program is.
_NEVER = (PASSWORD, "$argon2", PAIR["private_key"].split("\n")[2], "/celadon/", "site-packages")
# Never in an error: the program's own words.
_INSIDE = re.compile(
    r"Traceback|sqlalchemy|sqlite|psycopg|Error\(|\bobject at 0x|(SELECT|INSERT|UPDATE|DELETE)\b.*\b(FROM|INTO|SET)\b|\.py\b"
)
_LONGEST_MESSAGE = 1000
REQUESTS_OF_SEED = 7
# After what may end the app or the token that the next requests are about, or let somebody to an app, a world is new.
_CHANGES_WHO = re.compile(r"^/apps/:app$|/oauth/|collaborators|transfers|teams|members|invitations")
# Requests a copy of the world is used for.
_WEAR = 50
ROUTES = (*role.ROUTES, *addons_role.table())
_TABLE = Table(ROUTES)
# Those for people: a dataclip is a page, or a file.
_PAGES = {route.path for route in pages.ROUTES} | {route.path for route in ROUTES if route.door is Door.BROWSER}
_PAGES.add("/dataclips/:token")
_SCOPES: dict[str, frozenset[str] | None] = {
    "read": access.PERMISSIONS["app:read"][1],
    "write": access.PERMISSIONS["app:update"][1],
    "identity": frozenset({"global", "identity"}),
    "global": frozenset({"global"}),
    "-": None,
    **{permission: scopes for permission, (_, scopes) in access.PERMISSIONS.items()},
    **{permission: scopes for permission, (_, scopes) in access.TEAM_PERMISSIONS.items()},
}


class Transport(Protocol):
    """Sends one request the way it is and returns the answer."""

    def __call__(self, sent: Sent) -> Reply: ...


@dataclass
class Outcome:
    """What came of it: answers by status, and each failure as its sentence and the line that repeats it."""

    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    failures: list[tuple[str, str]] = field(default_factory=list)


class InProcess:
    """The whole API but for the HTTP server: what that would hand to the application. Renews its world by itself."""

    def __init__(self, fuzzed: FuzzedWorld) -> None:
        self._fuzzed = fuzzed
        self._loop = asyncio.new_event_loop()
        self._world: World | None = None
        self._asked = 0
        # Nobody provides add-ons here: no answer is waited for.
        self._patience, addons._PATIENCE = addons._PATIENCE, 0.0

    def __call__(self, sent: Sent) -> Reply:
        if self._world is None or self._asked >= _WEAR:
            self._renew()
        self._asked += 1
        reply = self._loop.run_until_complete(self._ask(sent))
        method, route, _ = _means(sent)
        if (
            reply.status < 300
            and method != "GET"
            and (method == "DELETE" or (route and _CHANGES_WHO.search(route.path)))
        ):
            self._asked = _WEAR
        return reply

    def _renew(self) -> None:
        self.close_world()
        self._world = self._fuzzed.copy()
        self._application = Application(self._world.context, (*role.ROUTES, *addons_role.routes(self._world.context)))
        self._asked = 0

    async def _ask(self, sent: Sent) -> Reply:
        raw_path, _, query = sent.target.partition(b"?")
        scope = {
            "type": "http",
            "method": sent.method,
            "path": raw_path.decode("latin-1"),
            "raw_path": raw_path,
            "query_string": query,
            "headers": [(name.lower().encode(), value) for name, value in sent.headers],
        }
        pieces = iter([sent.body[at : at + 65536] for at in range(0, len(sent.body), 65536)] or [b""])
        told: list[Any] = []

        async def receive() -> dict[str, object]:
            piece = next(pieces, b"")
            return {"type": "http.request", "body": piece, "more_body": len(piece) == 65536}

        async def send(message: Any) -> None:
            told.append(message)

        await self._application(scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in told[0]["headers"]}
        return Reply(told[0]["status"], headers, told[1]["body"])

    def close_world(self) -> None:
        if self._world is not None:
            self._world.context.database.close()
            self._world = None
            self._fuzzed.remove()

    def close(self) -> None:
        addons._PATIENCE = self._patience
        self.close_world()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


def run(fuzzed: FuzzedWorld, transport: Transport, seed: int, outcome: Outcome, slowest: float | None) -> None:
    """Send the few requests of one seed; no answer may take longer than `slowest` seconds."""
    # Short runs: in a longer one most examples are the one before with a piece of it changed. The first of each is
    # the simplest there is, always the same.
    told = iter([False] + [True] * REQUESTS_OF_SEED)

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=1 + REQUESTS_OF_SEED,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
    )
    @hypothesis.given(sent=requests(fuzzed.names, fuzzed.tokens))
    def ask(sent: Sent) -> None:
        if next(told):
            _send(fuzzed, transport, sent, outcome, slowest)

    before = len(outcome.failures)
    ask()
    outcome.failures[before:] = [(f"{sentence} (seed {seed})", line) for sentence, line in outcome.failures[before:]]


def _send(fuzzed: FuzzedWorld, transport: Transport, sent: Sent, outcome: Outcome, slowest: float | None) -> None:
    began = time.perf_counter()
    try:
        reply = transport(sent)
    except Exception as error:  # noqa: BLE001 - whatever the API lets out is what is looked for
        outcome.statuses[0] += 1
        outcome.failures.append((f"raises {error!r:.300}", curl(sent)))
        return
    taken = time.perf_counter() - began
    outcome.statuses[reply.status] += 1
    outcome.slowest = max(outcome.slowest, taken)
    wrong = list(problems(fuzzed, sent, reply))
    # Of an add-on that nobody provides one is told after some seconds.
    _, route, _ = _means(sent)
    if route is not None and route.path.startswith("/apps/:app/addons"):
        slowest = None
    if slowest is not None and taken > slowest:
        wrong.append(f"takes {taken:.1f} s")
    outcome.failures.extend((f"{reply.status}: {sentence}", curl(sent)) for sentence in wrong)


def problems(fuzzed: FuzzedWorld, sent: Sent, reply: Reply) -> Iterator[str]:
    """What is wrong with an answer, a sentence each."""
    _, route, params = _means(sent)
    if reply.status >= 500:
        yield f"fails: {reply.content[:300]!r}"
        return
    if reply.status == 400 and reply.content == NO_HTTP:
        return
    if "request-id" not in reply.headers:
        yield "has no Request-Id"
    length = reply.headers.get("content-length", "0")
    if sent.method != "HEAD" and length != str(len(reply.content)):
        yield f"promises {length} bytes and has {len(reply.content)}"
        return
    body = None
    if sent.method != "HEAD" and reply.status != 304:
        kind = reply.headers.get("content-type", "")
        if kind == "application/json":
            body = reply.json
        elif not _may_be_page(sent, route) or not kind.startswith(("text/html", "text/csv", "text/css")):
            yield f"is {kind}, not JSON"
            return
    if reply.status >= 400:
        yield from _error_problems(reply, body)
    elif body is not None and route is not None:
        target = schema.target_of(route.method, route.path)
        for found in schema.problems(target, body) if target else ():
            # Heroku's own client knows this state, and its schema does not.
            if "state: 'deprovisioning' is not one of" not in found:
                yield f"does not fit the schema: {found}"
    yield from _access_problems(fuzzed, sent, reply, route, params)
    # A role that has not the routes of another one has counted nothing.
    elsewhere = reply.status == 404 and reply.content.startswith(_NO_ROUTE)
    if sent.who and _counted(reply, route) and not elsewhere and "ratelimit-remaining" not in reply.headers:
        yield "has no RateLimit-Remaining"


def _means(sent: Sent) -> tuple[str, Route | None, dict[str, str]]:
    """The method and the route that a request means."""
    try:
        path = request.segments(sent.target.partition(b"?")[0])
        method = request.method_of(
            sent.method, {"x-http-method-override": sent.header("x-http-method-override").strip()}
        )
    except CeladonError:
        return sent.method, None, {}
    return method, *(_TABLE.find(method, path) or (None, {}))


def _may_be_page(sent: Sent, route: Route | None) -> bool:
    """Pages for people, and whatever else is asked for below the dashboard: what is not there is told by a page."""
    if route is not None:
        return route.path in _PAGES
    try:
        return request.segments(sent.target.partition(b"?")[0])[:1] == ("dashboard",)
    except CeladonError:
        return False


def _error_problems(reply: Reply, body: Any) -> Iterator[str]:
    if body is None:
        return
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, str) or not message.strip() or not isinstance(body.get("id"), str):
        yield f"has no id and message: {reply.content[:200]!r}"
    elif len(message) > _LONGEST_MESSAGE:
        yield f"has a message of {len(message):,} characters"
    elif _INSIDE.search(message):
        yield f"tells of the inside: {message[:300]}"


# Doors that a token opens.
_KEYED = (Door.TOKEN, Door.PASSWORD)


def _access_problems(
    fuzzed: FuzzedWorld, sent: Sent, reply: Reply, route: Route | None, params: dict[str, str]
) -> Iterator[str]:
    text = reply.content.decode("utf-8", "replace") + repr(reply.headers)
    secrets = (*_NEVER, *fuzzed.tokens.values())
    yield from (f"shows a secret: {secret[:12]}…" for secret in secrets if secret in text)
    if sent.who != "operator" and CANARY in text:
        yield f"shows what is another account's: {text[:300]}"
    if reply.status >= 400 or route is None or route.door not in _KEYED:
        return
    if not sent.who and route.door is not Door.PASSWORD:
        yield "lets somebody in without a token"
    if sent.who != "operator" and fuzzed.is_franks(params.get("app", "")):
        yield "lets a stranger to an app"
    own_token = route.path == "/oauth/authorizations/:authorization" and params["authorization"] == "~"
    if sent.who == "provider" and not _of_providers(route) and not own_token:
        yield "lets the provider of an add-on do what is not its business"
    if sent.who == "stranger" and params.get("app") in ("example", fuzzed.names["2.app"]):
        yield "lets a stranger to an app"
    if route.permission == "operator":
        if sent.who != "operator":
            yield "lets somebody do what is the operator's"
        return
    wanted = scopes(route)
    scope = sent.who.removeprefix("only_").replace("_", "-") if sent.who.startswith("only_") else "global"
    if wanted is not None and scope not in wanted:
        yield f"lets a token of scope {scope} do what needs one of {sorted(wanted)}"


def _of_providers(route: Route) -> bool:
    """Whether its permission lets the provider of an add-on in, as it lets anybody who has a token."""
    return (
        route.permission == "-" or route.permission.endswith("its provider") or "its provider alone" in route.permission
    )


def scopes(route: Route) -> frozenset[str] | None:
    """The scopes that the words of a route's permission ask for; None when any token will do.

    After ", or" comes what needs no scope at all. Raises KeyError for a permission without a word that is known.
    """
    words = [word for word in re.findall(r"[a-z]+(?::[a-z-]+)?|-", route.permission) if word in _SCOPES]
    if not words:
        raise KeyError(route.permission)
    of_words = [_SCOPES[word] for word in words]
    if ", or" in route.permission or None in of_words:
        return None
    return frozenset().union(*(found for found in of_words if found is not None))


def _counted(reply: Reply, route: Route | None) -> bool:
    """Whether the rate limit had a say: not before it is clear what is asked, and by whom."""
    return route is not None and route.door in _KEYED and reply.status not in (400, 401, 406, 413)
