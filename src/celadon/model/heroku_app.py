"""An app as a v3 API tells it, Heroku's or ours: what was read of it, with everything checked that is used later.

The answers come from somebody else's server. What is not of the form it must have is left out and counted as unread.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from celadon.model.errors import InvalidParams
from celadon.model.text import plain

# What is read of an app: part → the path behind `/apps/APP`.
PATHS: Mapping[str, str] = {
    "config vars": "/config-vars",
    "formation": "/formation",
    "domains": "/domains",
    "buildpacks": "/buildpack-installations",
    "add-ons": "/addons",
    "attachments": "/addon-attachments",
    "collaborators": "/collaborators",
    "features": "/features",
    "pipeline coupling": "/pipeline-couplings",
    "certificates": "/sni-endpoints",
    "log drains": "/log-drains",
    "webhooks": "/webhooks",
    "releases": "/releases",
}
# What hangs on an answer of the above, or belongs to no app.
FURTHER = ("pipeline", "slug", "dyno sizes")

_LONGEST = 1000
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")
_TYPE = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}\Z")
_EMAIL = re.compile(r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}\Z")
_STAGE = re.compile(r"^(?:test|review|development|staging|production)\Z")
# No user name that git could take for an option, no transport that runs a program.
_GIT_URL = re.compile(r"^https?://[A-Za-z0-9][A-Za-z0-9.:-]*/[A-Za-z0-9][A-Za-z0-9._/-]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process type: how many dynos of which size."""

    type: str
    quantity: int
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOn:
    """`config_vars` are the names that it gives; `elsewhere` is the app it was made for, when that is another one. `service` is
    empty where only its attachment is known.
    """

    name: str
    service: str
    plan: str
    config_vars: frozenset[str]
    elsewhere: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupling:
    """The place of the app in a pipeline."""

    pipeline: str
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HerokuApp:
    """`unread` is part → why; a part that is in it is empty here, which says nothing then.

    `sizes` is the memory of each dyno size of that platform in GB. Values of config vars and URLs of drains are secrets:
    they are in no `repr`.
    """

    id: str
    name: str
    owner: str
    team: str
    region: str
    stack: str
    language: str
    maintenance: bool
    acm: bool
    git_url: str
    released: bool
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    formation: tuple[Process, ...] = ()
    domains: tuple[str, ...] = ()
    buildpacks: tuple[str, ...] = ()
    addons: tuple[AddOn, ...] = ()
    collaborators: tuple[str, ...] = ()
    features: Mapping[str, bool] = field(default_factory=dict)
    coupling: Coupling | None = None
    certificates: tuple[str, ...] = ()
    drains: tuple[str, ...] = field(default=(), repr=False)
    webhooks: int = 0
    release: str = ""
    sizes: Mapping[str, float] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


def parse(answers: Mapping[str, Any], unread: Mapping[str, str]) -> HerokuApp:
    """The app of what was answered: part → JSON, with `app` for the app itself. Raises InvalidParams when that is none."""
    app = answers.get("app")
    name, app_id = _text(app, "name"), _text(app, "id")
    if not _NAME.match(name) or not app_id:
        raise InvalidParams("cannot understand the answer: it is no app of a Platform API v3")
    read = _Reading(answers, dict(unread))
    git_url = _text(app, "git_url")
    return HerokuApp(
        id=app_id,
        name=name,
        owner=_text(app, "owner", "email"),
        team=_text(app, "team", "name"),
        region=_text(app, "region", "name"),
        stack=_text(app, "stack", "name"),
        language=_text(app, "buildpack_provided_description"),
        maintenance=_at(app, "maintenance") is True,
        acm=_at(app, "acm") is True,
        git_url=git_url if _GIT_URL.match(git_url) else "",
        released=bool(_at(app, "slug_size")),
        config=read.config(),
        formation=read.formation(),
        domains=read.domains(),
        buildpacks=read.buildpacks(),
        addons=read.addons(),
        collaborators=read.texts("collaborators", _EMAIL, "user", "email"),
        features=read.features(),
        coupling=read.coupling(),
        certificates=read.certificates(),
        drains=read.drains(),
        webhooks=len(read.entries("webhooks")),
        release=read.release(),
        sizes=read.sizes(),
        # Last: reading adds to it.
        unread=read.unread,
    )


class _Reading:
    """The parts, one method each; what has not the form it must have is noted in `unread`."""

    def __init__(self, answers: Mapping[str, Any], unread: dict[str, str]) -> None:
        self.unread = unread
        self._answers = answers

    def entries(self, part: str) -> list[dict[str, Any]]:
        """The objects of a list."""
        answer = self._answers.get(part)
        if answer is None:
            return []
        found = [entry for entry in answer if isinstance(entry, dict)] if isinstance(answer, list) else []
        self._whole(part, len(found) == len(answer) if isinstance(answer, list) else False)
        return found

    def _whole(self, part: str, whole: bool) -> None:
        if not whole:
            self.unread.setdefault(part, "some of the answer is not of the form that the API has")

    def texts(self, part: str, form: re.Pattern[str], *path: str) -> tuple[str, ...]:
        """One text of each entry, those that have the form."""
        texts = [_text(entry, *path) for entry in self.entries(part)]
        found = [text for text in texts if form.match(text)]
        self._whole(part, len(found) == len(texts))
        return tuple(dict.fromkeys(found))

    def config(self) -> dict[str, str]:
        answer = self._answers.get("config vars")
        if answer is None:
            return {}
        named = answer if isinstance(answer, dict) else {}
        found = {name: value for name, value in named.items() if isinstance(value, str)}
        self._whole("config vars", isinstance(answer, dict) and len(found) == len(named))
        return found

    def formation(self) -> tuple[Process, ...]:
        found = []
        for entry in self.entries("formation"):
            name, quantity, size = _text(entry, "type"), _at(entry, "quantity"), _text(entry, "size")
            fits = bool(_TYPE.match(name)) and type(quantity) is int and quantity >= 0
            self._whole("formation", fits)
            if fits:
                found.append(Process(type=name, quantity=quantity, size=size if _NAME.match(size) else ""))
        return tuple(sorted(found, key=lambda process: (process.type != "web", process.type)))

    def domains(self) -> tuple[str, ...]:
        texts = [_text(entry, "hostname") for entry in self.entries("domains") if _at(entry, "kind") == "custom"]
        self._whole("domains", all(texts))
        return tuple(dict.fromkeys(text.lower() for text in texts if text))

    def buildpacks(self) -> tuple[str, ...]:
        """In their order; a name of Heroku's own is kept, of another one of the registry its URL says more."""
        found = []
        for entry in sorted(self.entries("buildpacks"), key=_ordinal):
            name, url = _text(entry, "buildpack", "name"), _text(entry, "buildpack", "url")
            name = name.removeprefix("urn:buildpack:")
            chosen = url if url.startswith("https://") and not name.startswith("heroku/") else name or url
            self._whole("buildpacks", bool(chosen))
            found += [chosen] if chosen else []
        return tuple(found)

    def addons(self) -> tuple[AddOn, ...]:
        """Those of the app, and those of other apps that are attached to it."""
        attached = self.entries("attachments")
        found = {}
        for entry in self.entries("add-ons"):
            name, service = _text(entry, "name"), _text(entry, "addon_service", "name")
            fits = bool(_NAME.match(name)) and bool(_NAME.match(service))
            self._whole("add-ons", fits)
            if fits:
                plan = _text(entry, "plan", "name").partition(":")[2]
                given = _names(entry) | _given(attached, name)
                found[name] = AddOn(
                    name=name, service=service, plan=plan if _NAME.match(plan) else "", config_vars=given
                )
        for entry in attached:
            name = _text(entry, "addon", "name")
            if name not in found and _NAME.match(name):
                given, owner = _given(attached, name), _text(entry, "addon", "app", "name")
                elsewhere = owner if owner != _text(self._answers.get("app"), "name") else ""
                found[name] = AddOn(name=name, service="", plan="", config_vars=given, elsewhere=elsewhere)
        return tuple(found.values())

    def features(self) -> dict[str, bool]:
        entries = self.entries("features")
        return {name: _at(entry, "enabled") is True for entry in entries if _NAME.match(name := _text(entry, "name"))}

    def coupling(self) -> Coupling | None:
        """A pipeline may be called anything; it goes into a JSON body and to the terminal only."""
        name = _text(self._answers.get("pipeline"), "name")
        stage = _text(self._answers.get("pipeline coupling"), "stage")
        return Coupling(pipeline=name, stage=stage) if name and _STAGE.match(stage) else None

    def certificates(self) -> tuple[str, ...]:
        """For which names; those that the platform renews by itself are left out."""
        found = []
        for entry in self.entries("certificates"):
            names = _at(entry, "ssl_cert", "cert_domains")
            if _at(entry, "ssl_cert", "acm") is not True:
                texts = [plain(name) for name in names if isinstance(name, str)] if isinstance(names, list) else []
                found.append(", ".join(texts) or _text(entry, "name"))
        return tuple(found)

    def drains(self) -> tuple[str, ...]:
        """URLs of the app's own drains; an add-on's are the add-on's business."""
        own = [entry for entry in self.entries("log drains") if _at(entry, "addon") is None]
        urls = [url for entry in own if isinstance(url := entry.get("url"), str) and len(url) <= _LONGEST]
        return tuple(dict.fromkeys(urls))

    def release(self) -> str:
        """`v42, Deploy 3063626 (commit 3063626dead…)` of the newest."""
        newest = self.entries("releases")[:1]
        if not newest:
            return ""
        commit = _text(self._answers.get("slug"), "commit")
        described = f"v{_at(newest[0], 'version')}, {_text(newest[0], 'description')}"
        return plain(described) + (f" (commit {commit})" if re.fullmatch(r"[0-9a-f]{7,64}", commit) else "")

    def sizes(self) -> dict[str, float]:
        found = {}
        for entry in self.entries("dyno sizes"):
            name, memory = _text(entry, "name"), _at(entry, "memory")
            if _NAME.match(name) and isinstance(memory, (int, float)) and not isinstance(memory, bool):
                found[name] = float(memory)
        return found


def _at(value: Any, *path: str) -> Any:
    """What is found below a JSON value; None where the path ends early."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _text(value: Any, *path: str) -> str:
    """A text of a bearable length that can be shown as it is; empty for anything else."""
    found = _at(value, *path)
    return found if isinstance(found, str) and len(found) <= _LONGEST and found.isprintable() else ""


def _ordinal(entry: Mapping[str, Any]) -> float:
    ordinal = entry.get("ordinal")
    return float(ordinal) if isinstance(ordinal, (int, float)) else 0.0


def _names(entry: Mapping[str, Any]) -> frozenset[str]:
    listed = entry.get("config_vars")
    return frozenset(name for name in listed if isinstance(name, str)) if isinstance(listed, list) else frozenset()


def _given(attachments: Iterable[Mapping[str, Any]], addon: str) -> frozenset[str]:
    """The config vars that an add-on gives by its attachments: those they name, and the one called after each."""
    found: set[str] = set()
    for entry in attachments:
        if _text(entry, "addon", "name") == addon:
            found |= _names(entry) | {f"{_text(entry, 'name')}_URL"}
    return frozenset(found)
