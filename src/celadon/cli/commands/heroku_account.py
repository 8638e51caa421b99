"""The account that an app is imported from: where its API is, who we are there, and what it says of the app."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from celadon.cli.connection import platforms
from celadon.cli.connection.client import Client, segment
from celadon.cli.connection.platforms import Platform, is_loopback
from celadon.cli.failure import ApiFailure, Failure, UsageFailure
from celadon.cli.invocation import ask_code, ask_secret, credentials
from celadon.model import heroku_app
from celadon.model.errors import InvalidParams
from celadon.model.heroku_app import HerokuApp
from celadon.model.heroku_plan import Offer
from celadon.model.text import plain

_TOKEN = re.compile(r"^[\x21-\x7e]{1,1000}\Z")
_RANGE = re.compile(r"^[\x20-\x7e]{1,1000}\Z")
_MOST_PAGES = 50
# What a list is asked with, where its whole or its own order would not do.
_NEWEST = "version ..; order=desc,max=1"
_RANGES = {"releases": _NEWEST, "domains": "id ..; max=1000;"}
_HEADERS = {"attachments": {"Accept-Inclusion": "config_vars"}}
# The server does not know us, or wants no more questions: there is no use in going on.
_FINAL = frozenset({401, 429})
# There is no such thing on this platform.
_ABSENT = frozenset({404, 501})


def platform(url: str, ca_file: Path | None) -> Platform:
    """The platform at a URL, which gets a token: https, or http to this machine. Raises Failure.

    CELADON_CA_FILE speaks of the platform that the app comes to, so it does not count here.
    """
    try:
        parts = urlsplit(url)
        wanted = platforms.clean_url(url)
    except ValueError:
        raise UsageFailure(f"cannot read from {url}: it is no URL") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise UsageFailure(f"cannot read from {wanted}: give an https:// URL, as the token goes there")
    if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise UsageFailure(f"cannot read from {wanted}: give the API's URL without more")
    known = next((found for found in platforms.known() if found.api_url == wanted), None)
    if ca_file is None and known is not None:
        return known
    return Platform(api_url=wanted, ca_file=ca_file)


def token(source: Platform, given: str | None) -> str:
    """The one on the command line, `-` for the next line of input; else HEROKU_API_KEY, else that of a login in .netrc."""
    found = (
        ask_secret(f"Token for {source.api_url} (typing will be hidden): ").strip()
        if given == "-"
        else given or os.environ.get("HEROKU_API_KEY")
    )
    if not found and (login := credentials(source)):
        found = login[1]
    if not found:
        raise Failure(
            f"cannot read from {source.api_url} without a token.",
            "Set HEROKU_API_KEY to it, or give --from-heroku - and enter it (`heroku auth:token` prints it).",
        )
    if not _TOKEN.match(found):
        raise Failure("cannot use the token: it has characters that no token has")
    return found


def open_client(source: Platform, secret: str) -> Client:
    """Without a second try by a login: what it says is about somebody else's account."""
    return Client(
        platform=source,
        authorization=lambda: f"Bearer {secret}",
        ask_code=ask_code,
    )


def read(client: Client, name: str) -> HerokuApp:
    """The app as its platform tells it; a part that is refused is noted as unread. Raises Failure without the app itself."""
    unread: dict[str, str] = {}
    url = client.platform.api_url
    try:
        answers = _answers(client, name, lambda part, failure: unread.update({part: _why(failure)}))
        return heroku_app.parse(answers, unread)
    except ApiFailure as failure:
        if failure.http_status == 401:
            raise Failure(f"cannot read from {url}: the token is not valid there.") from None
        raise Failure(f"cannot read {name} at {url}: {_why(failure)}") from None
    except InvalidParams as error:
        raise Failure(f"cannot read {name} at {url}: {error.message}") from None
    except Failure as failure:
        raise Failure(
            *failure.lines, "The app is read from there: --from-url says where, --from-ca whom to trust."
        ) from None


def read_here(client: Client, name: str) -> HerokuApp | None:
    """The app of this name here, None when there is none; what cannot be read might be overwritten, so it is a failure."""

    def refuse(part: str, failure: ApiFailure) -> None:
        if failure.http_status not in _ABSENT:
            raise failure

    try:
        return heroku_app.parse(_answers(client, name, refuse), {})
    except ApiFailure as failure:
        if failure.http_status == 404:
            return None
        raise


def offer(client: Client, source: HerokuApp) -> Offer:
    """What this platform has; what it has none of yet is empty."""
    services = _named(client, "/addon-services")
    wanted = {addon.service for addon in source.addons} | {"heroku-postgresql", "heroku-redis"}
    return Offer(
        account=str(client.get("/account")["email"]),
        regions=frozenset(_named(client, "/regions")),
        stacks=frozenset(
            str(entry["name"]) for entry in _optional(client, "/stacks") if entry.get("state") != "deprecated"
        ),
        sizes={str(entry["name"]): float(entry["memory"]) for entry in _optional(client, "/dyno-sizes")},
        services={
            name: frozenset(
                plan.partition(":")[2] or plan for plan in _named(client, f"/addon-services/{segment(name)}/plans")
            )
            if name in wanted
            else frozenset()
            for name in services
        },
        pipelines=_named(client, "/pipelines"),
    )


def _named(client: Client, path: str) -> dict[str, str]:
    return {str(entry["name"]): str(entry["id"]) for entry in _optional(client, path)}


def _optional(client: Client, path: str) -> list[Any]:
    try:
        return client.all(path)
    except ApiFailure as failure:
        if failure.http_status in _ABSENT:
            return []
        raise


def _answers(client: Client, name: str, refused: Callable[[str, ApiFailure], None]) -> dict[str, Any]:
    """Part → JSON; `refused` hears of the parts that the platform does not tell."""
    base = f"/apps/{segment(name)}"
    answers: dict[str, Any] = {"app": client.get(base)}

    def note(part: str, path: str) -> None:
        try:
            answers[part] = _pages(client, path, _RANGES.get(part), _HEADERS.get(part, {}))
        except ApiFailure as failure:
            if failure.http_status in _FINAL:
                raise
            # An app that is in no pipeline has no coupling.
            if not (part == "pipeline coupling" and failure.http_status == 404):
                refused(part, failure)

    for part, rest in heroku_app.PATHS.items():
        note(part, base + rest)
    if pipeline := _id_at(answers.get("pipeline coupling"), "pipeline"):
        note("pipeline", f"/pipelines/{segment(pipeline)}")
    releases = answers.get("releases")
    if slug := _id_at(releases[0] if isinstance(releases, list) and releases else None, "slug"):
        note("slug", f"{base}/slugs/{segment(slug)}")
    note("dyno sizes", "/dyno-sizes")
    return answers


def _id_at(answer: Any, name: str) -> str:
    found = answer.get(name) if isinstance(answer, dict) else None
    found = found.get("id") if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _pages(client: Client, path: str, first: str | None, headers: Mapping[str, str]) -> Any:
    """One answer; a list with the pages that follow it, unless `first` wants only the newest. Raises ApiFailure."""
    found: list[Any] = []
    wanted = first
    for _ in range(_MOST_PAGES):
        reply = client.request("GET", path, headers={**headers, **({"Range": wanted} if wanted else {})})
        if not isinstance(reply.body, list):
            return reply.body
        found += reply.body
        wanted = reply.headers.get("next-range", "")
        if first == _NEWEST or not _RANGE.match(wanted):
            return found
    raise ApiFailure(f"it has more than {_MOST_PAGES} pages", http_status=reply.status)


def _why(failure: ApiFailure) -> str:
    """The refusal in one line, in the server's words."""
    return plain(" ".join(failure.lines)[:300]) + f" ({failure.http_status})"
