"""Deploy hooks: whom an app tells in which way that it was deployed, and what the message says."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from celadon.model import destination
from celadon.model.account import check_email
from celadon.model.errors import InvalidParams

SCHEDULED = "Deploy hooks scheduled, check output in your logs"
# Of one app, and recipients of one hook.
MOST = 20
_RECIPIENTS = 10
_LONGEST = 4000
# Between the attempts of a delivery; after the last one it has failed.
_WAITS = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5))
# A push of a thousand commits is told by its newest.
LOG_COMMITS, LOG_LIMIT = 50, 8 << 10
_FILLED = 64 << 10
_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
# What no XML document may have.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_IRC_WORD = re.compile(r"^[!-+\--~]{1,60}\Z")


class Kind(StrEnum):
    """The plans of the add-on `deployhooks`."""

    EMAIL = "email"
    HTTP = "http"
    IRC = "irc"
    BASECAMP = "basecamp"
    CAMPFIRE = "campfire"
    SLACK = "slack"


_MESSAGE = "{{user}} deployed {{head}} to {{url}}"
_TITLE = "Deployed {{app}} {{release}}"
# Kind → its options and their defaults; None must be given.
OPTIONS: Mapping[Kind, Mapping[str, str | None]] = {
    Kind.EMAIL: {"recipient": None, "subject": "[Celadon] {{app}} deployed", "body": _MESSAGE},
    Kind.HTTP: {"url": None},
    Kind.IRC: {
        "server": None,
        "port": "",
        "ssl": "",
        "room": None,
        "nick": "celadon",
        "password": "",
        "message": f"[{{{{app}}}}] {_MESSAGE}",
    },
    Kind.BASECAMP: {
        "url": None,
        "username": None,
        "password": "",
        "project": None,
        "category": None,
        "title": _TITLE,
        "body": _MESSAGE,
    },
    Kind.CAMPFIRE: {"url": None, "ssl": "1", "api_key": None, "room": None, "message": f"[{{{{app}}}}] {_MESSAGE}"},
    Kind.SLACK: {"url": None, "message": f"[{{{{app}}}}] {_MESSAGE}"},
}


class DeliveryState(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployHook:
    """`id` is the add-on's. `options` hold URLs and passwords: they are encrypted in the store and never shown."""

    id: str
    app_id: str
    kind: Kind
    options: Mapping[str, str] = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDelivery:
    """One release told by one hook. While an attempt is under way, `next_attempt_at` is when who makes it must have died."""

    id: str
    hook_id: str
    app_id: str
    release_id: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    error: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """What a message can speak of: the values of `{{app}}` and the others. Commits are `""` where none is known."""

    app: str
    app_uuid: str
    user: str
    url: str
    release: str
    head_long: str = ""
    prev_head_long: str = ""
    git_log: str = ""

    @property
    def values(self) -> dict[str, str]:
        return {
            "app": self.app,
            "app_uuid": self.app_uuid,
            "git_log": self.git_log,
            "head": self.head_long[:7],
            "head_long": self.head_long,
            "prev_head": self.prev_head_long[:7],
            "release": self.release,
            "url": self.url,
            "user": self.user,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """To each of these addresses."""

    recipients: tuple[str, ...]
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One HTTP request. What is secret of it is in the URL, the headers or nowhere."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """Some lines for a channel of IRC; `password` is the server's."""

    server: str
    port: int
    secure: bool
    room: str
    nick: str
    password: str = field(repr=False)
    lines: tuple[str, ...]


def kind(plan: str) -> Kind:
    """Raises InvalidParams."""
    if plan not in list(Kind):
        raise InvalidParams(f"cannot add the hook {plan[:40]!r}: there are {', '.join(Kind)}")
    return Kind(plan)


def check_options(wanted: Kind, given: Mapping[str, str]) -> dict[str, str]:
    """All options of a hook, with defaults for what is not given; raises InvalidParams without repeating a value."""
    known = OPTIONS[wanted]
    for name, value in given.items():
        if name not in known:
            options = ", ".join(f"--{option}" for option in known)
            raise InvalidParams(f"cannot use --{name[:40]}: deployhooks:{wanted} takes {options}")
        if len(value) > _LONGEST or "\x00" in value:
            raise InvalidParams(f"cannot use --{name}: it is longer than {_LONGEST} characters or has a NUL character")
    chosen = {name: given.get(name) or default for name, default in known.items()}
    missing = [f"--{name}" for name, value in chosen.items() if value is None]
    if missing:
        raise InvalidParams(f"cannot add deployhooks:{wanted} without {' and '.join(missing)}")
    found = {name: value or "" for name, value in chosen.items()}
    _CHECKS[wanted](found)
    return found


def _check_email(options: dict[str, str]) -> None:
    recipients = options["recipient"].replace(",", " ").split()
    if not 0 < len(recipients) <= _RECIPIENTS:
        raise InvalidParams(
            f"cannot write to that many: --recipient is 1 to {_RECIPIENTS} addresses with blanks between"
        )
    options["recipient"] = " ".join(dict.fromkeys(check_email(recipient) for recipient in recipients))


def _check_url(options: dict[str, str]) -> None:
    destination.parse(options["url"])


def _check_irc(options: dict[str, str]) -> None:
    secure = _truth("ssl", options["ssl"]) if options["ssl"] else options["port"] == "6697"
    options["ssl"] = "1" if secure else ""
    options["port"] = options["port"] or ("6697" if secure else "6667")
    if not options["port"].isdecimal() or not 0 < int(options["port"]) < 65536:
        raise InvalidParams("cannot use that --port: it is from 1 to 65535")
    # The same rules as for the host of a URL.
    server = options["server"].lower().strip("[]")
    host = f"[{server}]" if ":" in server else server
    options["server"] = destination.parse(f"http://{host}:{options['port']}/").host
    if options["server"] != server:
        raise InvalidParams("cannot use that --server: give its name alone, such as irc.example.com")
    options["room"] = options["room"] if options["room"][0] in "#&+!" else f"#{options['room']}"
    for name in ("room", "nick"):
        if not _IRC_WORD.match(options[name]):
            raise InvalidParams(f"cannot use that --{name}: it is 1 to 60 characters without blanks and commas")
    if options["password"] and (not options["password"].isprintable() or " " in options["password"]):
        raise InvalidParams("cannot use that --password: it has blanks or control characters")


def _check_basecamp(options: dict[str, str]) -> None:
    options["url"] = _site(options["url"], "basecamphq.com", secure=True)
    for name in ("project", "category"):
        _check_number(name, options[name])


def _check_campfire(options: dict[str, str]) -> None:
    options["url"] = _site(options["url"], "campfirenow.com", secure=_truth("ssl", options["ssl"]))
    _check_number("room", options["room"])


def _check_number(name: str, value: str) -> None:
    if not value.isdecimal() or len(value) > 18:
        raise InvalidParams(f"cannot use that --{name}: give its number, which is in the address of its page")


def _site(given: str, domain: str, *, secure: bool) -> str:
    """`example`, `example.basecamphq.com` or a whole URL as the beginning of URLs."""
    host = given if "." in given or "://" in given else f"{given}.{domain}"
    url = host if "://" in host else f"{'https' if secure else 'http'}://{host}"
    destination.parse(url)
    return url.rstrip("/")


def _truth(name: str, value: str) -> bool:
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise InvalidParams(f"cannot use that --{name}: it is 1 or 0")


_CHECKS = {
    Kind.EMAIL: _check_email,
    Kind.HTTP: _check_url,
    Kind.IRC: _check_irc,
    Kind.BASECAMP: _check_basecamp,
    Kind.CAMPFIRE: _check_campfire,
    Kind.SLACK: _check_url,
}


def filled(template: str, deploy: Deploy) -> str:
    """The template with the values of its placeholders; what is no placeholder of ours stays as it is."""
    values = deploy.values
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)[:_FILLED]


def message(hook: DeployHook, deploy: Deploy) -> Letter | Post | Chat:
    """What a hook says of a deploy, and where."""
    options = hook.options
    if hook.kind is Kind.EMAIL:
        subject = " ".join(filled(options["subject"], deploy).split())[:200]
        text = filled(options["body"], deploy) + "\n"
        return Letter(recipients=tuple(options["recipient"].split()), subject=subject, text=text)
    if hook.kind is Kind.IRC:
        lines = [line.strip() for line in filled(options["message"], deploy).splitlines()]
        return Chat(
            server=options["server"],
            port=int(options["port"]),
            secure=bool(options["ssl"]),
            room=options["room"],
            nick=options["nick"],
            password=options["password"],
            lines=tuple(line for line in lines if line)[:10],
        )
    return _POSTS[hook.kind](options, deploy)


def _http(options: Mapping[str, str], deploy: Deploy) -> Post:
    content = urlencode(deploy.values).encode()
    return Post(url=options["url"], headers={"Content-Type": "application/x-www-form-urlencoded"}, content=content)


def _basecamp(options: Mapping[str, str], deploy: Deploy) -> Post:
    title, body = (escape(_NOT_XML.sub("", filled(options[name], deploy))) for name in ("title", "body"))
    post = f"<category-id>{options['category']}</category-id><title>{title}</title><body>{body}</body>"
    headers = {
        "Accept": "application/xml",
        "Authorization": _basic(options["username"], options["password"]),
        "Content-Type": "application/xml",
    }
    url = f"{options['url']}/projects/{options['project']}/posts.xml"
    return Post(url=url, headers=headers, content=f"<request><post>{post}</post></request>".encode())


def _campfire(options: Mapping[str, str], deploy: Deploy) -> Post:
    content = json.dumps({"message": {"type": "TextMessage", "body": filled(options["message"], deploy)}}).encode()
    headers = {"Authorization": _basic(options["api_key"], "X"), "Content-Type": "application/json"}
    return Post(url=f"{options['url']}/room/{options['room']}/speak.json", headers=headers, content=content)


def _slack(options: Mapping[str, str], deploy: Deploy) -> Post:
    content = json.dumps({"text": filled(options["message"], deploy)}, ensure_ascii=False).encode()
    return Post(url=options["url"], headers={"Content-Type": "application/json"}, content=content)


_POSTS = {Kind.HTTP: _http, Kind.BASECAMP: _basecamp, Kind.CAMPFIRE: _campfire, Kind.SLACK: _slack}


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def shown_target(hook: DeployHook) -> str:
    """Whom a hook tells, as the app's log may have it: a URL may hold a secret, its host does not."""
    options = hook.options
    if hook.kind is Kind.EMAIL:
        return ", ".join(options["recipient"].split())
    if hook.kind is Kind.IRC:
        return f"{options['room']} on {options['server']}"
    return destination.parse(options["url"]).authority


def next_attempt(attempts: int, now: datetime) -> datetime | None:
    """When a delivery is tried again after so many failed attempts; None when it is not."""
    return now + _WAITS[attempts - 1] if attempts <= len(_WAITS) else None


def sent_line(hook: DeployHook, target: str | None = None) -> str:
    return f"Sent {hook.kind} notification to {target or shown_target(hook)}"


def failed_line(hook: DeployHook, reason: str, again: timedelta | None, target: str | None = None) -> str:
    """`again` is how long until the next attempt, None when there is none."""
    after = f"; trying again in {again.total_seconds():.0f} seconds" if again else ""
    return f"Could not send {hook.kind} notification to {target or shown_target(hook)}: {reason}{after}"
