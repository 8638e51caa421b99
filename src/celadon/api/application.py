"""The way of a request: routed, known, counted, answered by its resource, told with the conventions of the API.

`Api.answer` is plain and synchronous; the ASGI application reads the body, runs it in a thread and sends what it says.
"""

import functools
import gzip
import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode

import msgspec

from celadon.actions import operator_visits, rates
from celadon.actions.context import Context
from celadon.actions.operator_visits import ReasonRequired
from celadon.api import credentials, failures, ranges
from celadon.api.answer import Answer, Awaited, Download, Listing, Live, Page, Response
from celadon.api.request import Call, Request
from celadon.api.route import Door, Route, Table, UnknownEndpoint
from celadon.dashboard import pages
from celadon.model.account import Actor
from celadon.model.errors import CeladonError

log = logging.getLogger(__name__)

_VERSION_3 = re.compile(r"application/vnd\.heroku\+json\s*;\s*version\s*=\s*3(?:\.[\w-]+)?\s*(?:[;,]|$)", re.IGNORECASE)
_READS = frozenset({"GET", "HEAD"})
_WORTH_PACKING = 1400
# Routes of people beside the dashboard's own.
_PAGES = (
    "/signup",
    "/status",
    "/account/accept/",
    "/account/email/",
    "/account/password/",
    "/auth/browser/",
    "/oauth/authorize",
    "/scheduler/",
    "/sso/",
)
# What a policy may name: nothing in it ends a source or a directive.
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,253}(?=[/?]|\Z)")
# Seconds: how long an answer that is not there yet is waited for (clients give up after 60), and between two looks.
_PATIENCE = 50.0
_LOOK = 1.0
# Of a change one looks soon, and then the less often the longer it takes: at a tenth of the time that has passed.
_SOONEST, _LATEST = 0.02, 0.5


class Api:
    """Answers requests over one store. Threads share it."""

    def __init__(self, context: Context, routes: Iterable[Route]) -> None:
        self.context = context
        limit = context.settings.rate_limit
        self.limiter = rates.Limiter(limit, limit / 60, time.monotonic)
        # Pages that live ask again by themselves.
        self._looks = rates.Limiter(limit * 4, limit / 15, time.monotonic)
        self._strangers = rates.Limiter(*rates.OF_STRANGER, time.monotonic)
        self._table = Table(routes)

    def answer(self, request: Request) -> Response:
        """The whole answer, whatever happens; one canonical log line."""
        began, told = time.perf_counter(), dict[str, object]()
        return self._told(request, began, told, lambda: self._answer(request, told))

    def _told(
        self,
        request: Request,
        began: float,
        told: dict[str, object],
        ask: Callable[[], Response | Awaited],
    ) -> Response:
        """What `ask` answers, or how to ask again while it is not all."""
        told.pop("error", None)
        try:
            response = self._settled(request, began, told, ask())
        except CeladonError as error:
            told["error"] = error.id
            response = _failed(request, told, error)
            if isinstance(error, failures.Pending) and time.perf_counter() < began + _PATIENCE:
                again = functools.partial(self._told, request, began, told, ask)
                return replace(response, again=again, pause=_LOOK)
        except Exception:
            log.exception("at=exception request_id=%s method=%s", request.id, request.method)
            told["error"] = failures.UNEXPECTED["id"]
            response = _unexpected(request, told)
        headers = {**response.headers, "Request-Id": request.id}
        if "remaining" in told:
            headers["RateLimit-Remaining"] = str(told["remaining"])
        if response.again is None:
            _log_request(request, told, response.status, time.perf_counter() - began)
        return replace(response, headers=headers)

    def _settled(self, request: Request, began: float, told: dict[str, object], found: Response | Awaited) -> Response:
        """A change's answer as it is known, with the way to ask for more."""
        if isinstance(found, Response):
            return found
        answer, whole = found.look()
        response, passed = tell(answer, request), time.perf_counter() - began
        if whole or passed > found.seconds:
            return response
        again = functools.partial(self._told, request, began, told, lambda: found)
        return replace(response, again=again, pause=min(max(passed / 10, _SOONEST), _LATEST))

    def _answer(self, request: Request, told: dict[str, object]) -> Response | Awaited:
        route, params = self._table.match(request.method, request.path)
        told["route"] = route.path
        if route.door is Door.OPEN:
            actor, remaining = None, 0
            if request.method not in _READS:
                self._strangers.take(rates.origin(request.address))
        elif (actor := self._know(request, route)) is None:
            return tell(Page(status=303, location=f"/dashboard/login?{urlencode({'to': _place(request)})}"), request)
        else:
            told["account"] = actor.email
            limiter = self._looks if route.door is Door.BROWSER and request.method in _READS else self.limiter
            told["remaining"] = remaining = limiter.remaining(actor.account.id)
            if not route.free:
                told["remaining"] = remaining = limiter.take(actor.account.id)
        call = Call(context=self.context, request=request, params=params, known=actor, remaining=remaining)
        if route.door is Door.BROWSER and "app" in params:
            try:
                operator_visits.check_named(self.context, call.actor, params["app"])
            except ReasonRequired as error:
                return tell(Page(status=303, location=f"/dashboard/operator/apps?app={error.app.name}"), request)
        if request.method not in _READS:
            self._check_state(call)
        found = route.answer(call)
        return found if isinstance(found, Awaited) else _conditional(request, tell(found, request))

    def _know(self, request: Request, route: Route) -> Actor | None:
        """Who asks; None for a browser that nobody is logged in at. Raises Unauthorized, NotAcceptable, Forbidden."""
        if route.door is Door.BROWSER:
            return credentials.actor_of_browser(self.context, request)
        _check_version(request.headers)
        password = route.door is Door.PASSWORD and credentials.gives_password(request.headers)
        return credentials.actor_of(self.context, request, password_allowed=password)

    def _check_state(self, call: Call) -> None:
        """If-Match of a change: the resource at this path must still be what the client has seen."""
        wanted = call.request.headers.get("if-match")
        if wanted is None:
            return
        present = self._present(call)
        if present is None or not _matches(wanted, present.headers.get("ETag", "")):
            raise failures.PreconditionFailed(
                "cannot change this: it is not what If-Match says any more, read it again"
            )

    def _present(self, call: Call) -> Response | None:
        """What GET at this path would answer; None when there is no such thing, or not without a token."""
        found = self._table.find("GET", call.request.path)
        if found is None or (found[0].door is not Door.OPEN and call.known is None):
            return None
        reading = replace(call.request, method="GET")
        answered = found[0].answer(replace(call, request=reading, params=found[1]))
        assert not isinstance(answered, Awaited), "reading changes nothing"
        return tell(answered, reading)


def _place(request: Request) -> str:
    """The page that was asked for, to come back to; of a form that was sent, the dashboard."""
    path = "/" + "/".join(quote(segment, safe="") for segment in request.path)
    query = f"?{urlencode(request.query)}" if request.query else ""
    return path + query if request.method in _READS else "/dashboard"


def _check_version(headers: Mapping[str, str]) -> None:
    if not _VERSION_3.search(headers.get("accept", "")):
        raise failures.NotAcceptable(
            "cannot answer without a version: send the header `Accept: application/vnd.heroku+json; version=3`"
        )


def tell(answer: Answer | Download | Listing | Live | Page, request: Request) -> Response:
    """An answer on the wire; raises RangeNotSatisfiable."""
    if isinstance(answer, Live):
        stream = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        return Response(status=200, headers=stream, content=b"", live=answer)
    if isinstance(answer, Page):
        return _told_page(answer, request)
    if isinstance(answer, Download):
        kept = {"Content-Type": "application/octet-stream", "Cache-Control": "public, no-cache", "ETag": answer.etag}
        return Response(status=200, headers=kept, content=answer.content)
    if isinstance(answer, Listing):
        return _tell_listing(answer, request)
    modified = answer.last_modified()
    headers = {"Last-Modified": modified, **answer.headers} if modified else dict(answer.headers)
    if answer.warning:
        # The names of Heroku's first v3, and what its clients read today.
        name, sentence = answer.warning
        headers |= {"Warning-Id": name, "Warning-Message": sentence, "X-Heroku-Warning": sentence}
    return json_response(answer.status, answer.value, headers)


def _tell_listing(listing: Listing, request: Request) -> Response:
    wanted = ranges.parse(request.headers.get("range"), listing.attributes)
    part = listing.read(wanted) if listing.read else ranges.select(listing, wanted)
    headers = {"Content-Range": part.content, "Accept-Ranges": ", ".join(listing.attributes)}
    if part.following:
        headers["Next-Range"] = part.following
    chosen = listing.fetch(part.items) if listing.fetch else part.items
    return json_response(200 if part.whole else 206, [listing.shape(item) for item in chosen], headers)


def _told_page(page: Page, request: Request) -> Response:
    content, headers = page.text.encode(), _page_headers(page)
    if len(content) >= _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        # Pages with secrets repeat nothing that a stranger chooses beside them: what a length tells is told to nobody.
        content, headers = gzip.compress(content, 5, mtime=0), {**headers, "Content-Encoding": "gzip"}
    return Response(status=page.status, headers={**headers, "Vary": "Accept-Encoding"}, content=content)


def json_response(status: int, value: object, headers: Mapping[str, str] | None = None) -> Response:
    content = msgspec.json.encode(value)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    fixed = {"Content-Type": "application/json", "Cache-Control": "private, no-cache", "ETag": etag}
    return Response(status=status, headers={**fixed, **(headers or {})}, content=content)


def _page_headers(page: Page) -> dict[str, str]:
    """Nothing from elsewhere, in nobody's frame, and no address of a page with a secret is told to another site.

    To ourselves it is: with `no-referrer` a browser says `Origin: null` of a form (Fetch Standard, 3.1).
    """
    policy = "default-src 'none'; img-src data:; frame-ancestors 'none'; base-uri 'none'"
    if page.of_dashboard:
        style = f"'self' 'nonce-{page.nonce}'" if page.nonce else "'self'"
        policy += (
            f"; style-src {style}; script-src 'self'; connect-src 'self'; form-action 'self'{_origin(page.forms_to)}"
        )
    headers = {
        "Content-Type": page.kind,
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "same-origin",
        "X-Frame-Options": "DENY",
    }
    return {**headers, **page.headers, **({"Location": page.location} if page.location else {})}


def _origin(url: str) -> str:
    """The origin of a URL, as one more source of a policy; nothing for what could say more than that."""
    found = _ORIGIN.match(url)
    return f" {found[0]}" if found else ""


def _by_browser(request: Request, told: Mapping[str, object]) -> bool:
    """Whether a person asks, with a browser, for one of the pages, and not a program."""
    wanted = "authorization" not in request.headers and "text/html" in request.headers.get("accept", "")
    return request.path[:1] == ("dashboard",) or (wanted and str(told.get("route", "")).startswith(_PAGES))


def _failed(request: Request, told: Mapping[str, object], error: CeladonError) -> Response:
    """In the words of who asked: a person or a program."""
    if _by_browser(request, told):
        unknown = isinstance(error, UnknownEndpoint)
        text = "There is no such page: go back, or to your apps at /dashboard." if unknown else error.message
        return _told_page(pages.said("That did not work", text, error.status), request)
    return failed(error)


def _unexpected(request: Request, told: Mapping[str, object]) -> Response:
    if _by_browser(request, told):
        text = (
            f"Something unexpected happened, and it is not your fault. Its number is {request.id}: tell your operator."
        )
        return _told_page(pages.said("That did not work", text, 500), request)
    return json_response(500, failures.unexpected(request.id))


def failed(error: CeladonError) -> Response:
    return json_response(error.status, failures.shape(error), failures.headers(error))


def _conditional(request: Request, response: Response) -> Response:
    """What a client has already is not sent again."""
    if request.method not in _READS or "ETag" not in response.headers:
        return response
    wanted = request.headers.get("if-match")
    if wanted is not None and not _matches(wanted, response.headers["ETag"]):
        raise failures.PreconditionFailed("cannot show this: it is not what If-Match says any more")
    seen = request.headers.get("if-none-match")
    if seen is not None and _matches(seen, response.headers["ETag"]):
        return replace(response, status=304, content=b"")
    return response


def _matches(listed: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in listed.split(",")}
    return "*" in tags or etag in tags


def _shown_path(request: Request, route: str) -> str:
    """The path as the log may have it: a drain is named by its URL, which may hold a password; links are secrets."""
    if ":token" in route or ":login" in route:
        return route
    return ascii("/" + "/".join("URL" if "://" in part else part for part in request.path))[:200]


def _log_request(request: Request, told: Mapping[str, object], status: int, seconds: float) -> None:
    log.info(
        "at=request request_id=%s account=%s method=%s route=%s path=%s status=%d ms=%.1f error=%s agent=%s",
        request.id,
        told.get("account", "-"),
        request.method,
        told.get("route", "-"),
        _shown_path(request, str(told.get("route", ""))),
        status,
        seconds * 1000,
        told.get("error", "-"),
        ascii(request.headers.get("user-agent", "-"))[:60],
    )
