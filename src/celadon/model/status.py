"""Status of the platform: its components, whether they live, by day how long they did, and incidents that people tell of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from celadon.model.errors import InvalidParams

# So many days are kept and shown.
DAYS = 90
# What was seen longer ago than this says nothing of now.
FRESH = timedelta(minutes=3)
_TITLE, _CONTENTS = 120, 4000


class Health(StrEnum):
    """How a component is. Heroku's client shows the first three."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    UNKNOWN = "unknown"


class System(StrEnum):
    """What Heroku's clients tell of: each component belongs to one."""

    APPS = "Apps"
    DATA = "Data"
    TOOLS = "Tools"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A part of the platform as its users know it. It lives when its role runs and its socket, if any, is there."""

    name: str
    title: str
    system: System
    role: str
    socket: str | None = None


COMPONENTS = (
    Component(name="api", title="API and dashboard", system=System.TOOLS, role="api", socket="api.sock"),
    Component(name="git", title="Git", system=System.TOOLS, role="git", socket="git.sock"),
    Component(name="builds", title="Builds", system=System.TOOLS, role="build", socket="build.sock"),
    Component(name="dynos", title="Dynos", system=System.APPS, role="dynos"),
    Component(name="router", title="Routing", system=System.APPS, role="router"),
    Component(name="logs", title="Logs", system=System.APPS, role="logplex", socket="logplex.sock"),
    Component(name="addons", title="Databases and add-ons", system=System.DATA, role="addons", socket="addons.sock"),
    Component(name="clock", title="Schedules, mail and hooks", system=System.TOOLS, role="clock"),
)
_NAMES = {component.name: component for component in COMPONENTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleLife:
    """What the supervisor says of a role: `pid` and `since` are those of its run, None while it does not run."""

    role: str
    pid: int | None
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A component as it was looked at. `pid` is its role's; `why` says what is wrong."""

    component: str
    health: Health
    why: str
    pid: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentState:
    """The last look at a component; it is so `since`."""

    component: str
    health: Health
    why: str
    pid: int | None
    since: datetime
    looked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusDay:
    """A day (UTC) of a component: one look a minute, how many of them found it dead, how often its role began anew."""

    component: str
    day: date
    looks: int
    failures: int
    restarts: int

    @property
    def uptime(self) -> float:
        """The share of looks that found it alive, 0 to 1."""
        return (self.looks - self.failures) / self.looks if self.looks else 1.0


class UpdateType(StrEnum):
    """What an update of an incident is: the first tells of it, the last ends it."""

    ISSUE = "issue"
    UPDATE = "update"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What an operator tells everybody. While it is open the components are at best as `severity` says."""

    id: str
    title: str
    severity: Health
    components: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentUpdate:
    id: str
    incident_id: str
    type: UpdateType
    contents: str
    account_id: str
    created_at: datetime


def look(component: Component, life: RoleLife | None, *, socket: bool, reached: bool, before: int | None) -> Look:
    """How a component is: `socket` says whether its socket is there, `reached` whether its door opens, `before` is the
    process that ran at the last look.
    """
    pid = life.pid if life else None
    if pid is None:
        return Look(
            component=component.name, health=Health.RED, why=f"the role {component.role} does not run", pid=None
        )
    if not socket or not reached:
        what = "has no socket" if not socket else "does not answer at its port"
        return Look(component=component.name, health=Health.RED, why=f"the role {component.role} {what}", pid=pid)
    if before is not None and before != pid:
        why = f"the role {component.role} was started anew"
        return Look(component=component.name, health=Health.YELLOW, why=why, pid=pid)
    return Look(component=component.name, health=Health.GREEN, why="", pid=pid)


def worst(found: Sequence[Health]) -> Health:
    """The worst of these; of what is not known nothing bad is told."""
    for health in (Health.RED, Health.YELLOW):
        if health in found:
            return health
    return Health.GREEN


def present(component: str, state: ComponentState | None, incidents: Sequence[Incident], now: datetime) -> Health:
    """How a component is now, by the last look and what operators say."""
    told = [one.severity for one in incidents if one.resolved_at is None and component in one.components]
    seen = state.health if state and now - state.looked_at < FRESH else Health.UNKNOWN
    found = worst([seen, *told])
    return seen if found is Health.GREEN else found


def systems(healths: Mapping[str, Health]) -> dict[System, Health]:
    """By system, the worst of its components."""
    return {
        system: worst([healths[one.name] for one in COMPONENTS if one.system is system and one.name in healths])
        for system in System
    }


def days_until(today: date) -> list[date]:
    """The days that are shown, the oldest first."""
    return [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


def day_of(at: datetime) -> date:
    return at.astimezone(UTC).date()


def minute_of(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def check_title(title: str) -> str:
    """Raises InvalidParams."""
    if not 0 < len(title.strip()) <= _TITLE or not title.isprintable():
        raise InvalidParams(f"cannot open an incident: its title is one line of 1 to {_TITLE} characters")
    return title.strip()


def check_contents(contents: str) -> str:
    """Raises InvalidParams."""
    if not 0 < len(contents.strip()) <= _CONTENTS or "\x00" in contents:
        raise InvalidParams(f"cannot tell that: say in 1 to {_CONTENTS:,} characters what is known")
    return contents.strip()


def check_severity(severity: str) -> Health:
    """Raises InvalidParams."""
    if severity not in (Health.YELLOW, Health.RED):
        raise InvalidParams(
            "cannot open an incident: it is yellow (something is slow or fails at times) or red (it is down)"
        )
    return Health(severity)


def check_components(names: Sequence[str]) -> tuple[str, ...]:
    """Raises InvalidParams."""
    unknown = [name for name in names if name not in _NAMES]
    if unknown or not names:
        raise InvalidParams(f"cannot open an incident: say what it concerns, of {', '.join(_NAMES)}")
    return tuple(name for name in _NAMES if name in names)
