"""Events: who did what, kept as rows; Logplex shows those of an app as lines from the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from celadon.model.logline import Source

API = Source(source="app", ps="api")
# What nobody did: add-ons whose events are lines of their own, and what the platform saw.
_SOURCES = {
    "postgres": Source(source="app", ps="heroku-postgres"),
    "alert-state": Source(source="heroku", ps="alerts"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`seq` orders all events of the platform. `line` is what the app's log says of it; it never holds a secret."""

    seq: int
    app_id: str | None
    account_id: str | None
    action: str
    resource_id: str | None
    payload: Mapping[str, object]
    line: str | None
    at: datetime
    # Where the request came from: an IP address; None for what the platform did by itself.
    address: str | None = None


def line(event: Event) -> tuple[Source, str] | None:
    """The log line of an event: `app[api]`, as Heroku writes what users did, or an add-on's; None when it has none."""
    if event.app_id is None or event.line is None:
        return None
    return _SOURCES.get(event.action.partition(":")[0], API), event.line


# What somebody may look for → the nouns with which actions begin that are of this kind.
KINDS: Mapping[str, tuple[str, ...]] = {
    "deploys": (
        "build",
        "build-cache",
        "buildpack",
        "release",
        "slug",
        "app-setup",
        "pipeline-promotion",
        "repository",
    ),
    "dynos": ("dyno", "formation"),
    "add-ons": ("addon", "addon-attachment", "dataclip", "postgres", "scheduler-job"),
    "access": ("app-transfer", "collaborator", "operator"),
    "settings": ("acm", "alert", "app", "domain", "feature", "log-drain", "sni-endpoint", "webhook"),
}
# Nouns that people write otherwise.
_NOUNS = {"addon": "add-on", "addon-attachment": "attachment"}
# Said of the same release by another event already.
REPEATED = "release:name"


def kind_of(action: str) -> str:
    """The kind of an action; `settings` for one that belongs nowhere."""
    noun = action.partition(":")[0]
    return next((kind for kind, nouns in KINDS.items() if noun in nouns), "settings")


def words(event: Event, who: str) -> str:
    """What happened, without saying again who did it: the log's line, or words made of the action and its thing."""
    if event.line:
        return event.line.removesuffix(f" by user {who}")
    noun, _, verb = event.action.partition(":")
    plan = event.payload.get("plan")
    named = [event.payload.get(name) for name in ("name", "email", "to", "hostname")]
    thing = " ".join(str(one)[:100] for one in named if one)
    of_plan = f" ({plan['name']})" if isinstance(plan, Mapping) and "name" in plan else ""
    return (
        f"{verb.replace('-', ' ').capitalize()} {_NOUNS.get(noun, noun.replace('-', ' '))} {thing}".rstrip() + of_plan
    )
