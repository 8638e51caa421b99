"""The plan of an import, as values: what becomes of each part of an app, what is asked of the platform for it, what remains."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote


class Part(StrEnum):
    """The parts of a plan, in its order: what is left to do by hand is done in that order too."""

    APP = "App"
    CONFIG = "Config vars"
    BUILDPACKS = "Buildpacks"
    FEATURES = "Features"
    COLLABORATORS = "Collaborators"
    DRAINS = "Log drains"
    PIPELINE = "Pipeline"
    ADDONS = "Add-ons"
    CODE = "Code"
    FORMATION = "Process types"
    WEBHOOKS = "Webhooks"
    DOMAINS = "Domains"
    CERTIFICATES = "Certificates"
    UNREAD = "Not read"


class Outcome(StrEnum):
    """`do` is done on confirmation, `same` is so already, `left out` does not come along, `by hand` remains for the user."""

    DO = "do"
    SAME = "same"
    LEFT_OUT = "left out"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to the platform here. `taken`: field of the body → field of the answer to the step's request before."""

    method: str
    path: str
    body: Mapping[str, Any] = field(repr=False)
    taken: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`commands` is what to type: for a step by hand, or where a step to `do` has failed."""

    part: Part
    outcome: Outcome
    what: str
    why: str = ""
    commands: tuple[str, ...] = ()
    requests: tuple[Request, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the platform here has. `account` is who imports; `sizes` is name → GB, `services` the add-on services with their
    plans' names (none when it tells none), `pipelines` is name → id.
    """

    account: str
    regions: frozenset[str] = frozenset()
    stacks: frozenset[str] = frozenset()
    sizes: Mapping[str, float] = field(default_factory=dict)
    services: Mapping[str, frozenset[str]] = field(default_factory=dict)
    pipelines: Mapping[str, str] = field(default_factory=dict)


def step(part: Part, outcome: Outcome, what: str, why: str = "") -> Step:
    return Step(part=part, outcome=outcome, what=what, why=why)


def by_hand(part: Part, what: str, why: str = "", *commands: str) -> Step:
    return Step(part=part, outcome=Outcome.BY_HAND, what=what, why=why, commands=commands)


def path(name: str, rest: str = "") -> str:
    return f"/apps/{quote(name, safe='')}{rest}"
