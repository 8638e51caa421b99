"""Is an app fit for production? Each check is one function of what is known of the app, and says what to do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from celadon.model import stack

# A certificate that ends so soon and that nobody renews is one to replace; a backup that old is none.
EXPIRES_SOON = timedelta(days=14)
BACKUP_LASTS = timedelta(days=7)
# Add-on services that watch an app, and those that keep and search its lines: the platform's own kinds and well known ones.
MONITORING = frozenset(
    "appoptics appsignal blackfire hostedgraphite librato monitoring newrelic raygun rollbar scout sentry signalfx".split()
)
LOGGING = frozenset(
    "coralogix flydata logdna logentries loggly logsearch logs logtail mezmo papertrail solarwinds sumologic timber".split()
)


class Status(StrEnum):
    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Subject(StrEnum):
    STACK = "Stack"
    DYNOS = "Dyno redundancy"
    POSTGRES = "Production-tier Postgres"
    BACKUPS = "Postgres backups"
    DNS = "DNS"
    TLS = "TLS"
    MONITORING = "App monitoring"
    LOGS = "Log monitoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database that an app owns. `shared`: on a server with others'. `backed_up_at`: its newest backup that is kept."""

    id: str
    name: str
    plan: str
    shared: bool
    scheduled: bool
    backed_up_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A custom domain. `led`: DNS leads it here. Its certificate ends at `certified_until` (None: it has none)."""

    hostname: str
    led: bool
    certified_until: datetime | None
    renewed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an app. `web` is how many web dynos are wanted, None without such a type; `drains` None where who
    asks may not see them. `services` are those of its add-ons, `alerts` the platform's own on its metrics.
    """

    stack: str
    newest_stack: str
    web: int | None
    databases: Sequence[Database]
    domains: Sequence[Name]
    services: frozenset[str]
    alerts: int
    drains: int | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was `found`, and what to do about it (empty where there is nothing to do)."""

    subject: Subject
    status: Status
    found: str
    advice: str = ""


def run(facts: Facts) -> list[Check]:
    """All checks in their order."""
    checks = []
    for subject, rule in _RULES.items():
        status, found, advice = rule(facts)
        checks.append(Check(subject=subject, status=status, found=found, advice=advice))
    return checks


_Found = tuple[Status, str, str]


def _stack(facts: Facts) -> _Found:
    if facts.stack == facts.newest_stack:
        return Status.PASSED, f"The app runs on {facts.stack}, the newest stack.", ""
    if facts.stack == stack.CONTAINER:
        return Status.PASSED, "The app is an image, which brings a system of its own.", ""
    return (
        Status.FAILED,
        f"The app runs on {facts.stack}; the newest stack is {facts.newest_stack}.",
        "Choose the newest stack, then push again: the next build is made for it.",
    )


def _dynos(facts: Facts) -> _Found:
    if facts.web is None:
        return Status.SKIPPED, "The app has no web dynos that could be redundant.", ""
    if facts.web >= 2:
        return Status.PASSED, f"{facts.web} web dynos share the work; when one fails, the others answer.", ""
    found = (
        "No web dyno is wanted, so nobody answers." if not facts.web else "One web dyno: when it fails, nobody answers."
    )
    return Status.FAILED, found, "Scale web to 2 or more."


def _postgres(facts: Facts) -> _Found:
    if not facts.databases:
        return Status.SKIPPED, "The app has no Postgres database.", ""
    small = [one for one in facts.databases if one.shared]
    if not small:
        return Status.PASSED, f"{_listed(facts.databases)} on {_own(len(facts.databases))}.", ""
    advice = "Upgrade to standard or premium: a server of its own, rollback, and a standby with premium."
    status = Status.FAILED if len(small) == len(facts.databases) else Status.WARNING
    return status, f"{_listed(small)} on a server that others use too.", advice


def _backups(facts: Facts) -> _Found:
    if not facts.databases:
        return Status.SKIPPED, "The app has no Postgres database.", ""
    old = facts.now - BACKUP_LASTS
    recent = [one for one in facts.databases if one.backed_up_at and one.backed_up_at > old]
    never = [one for one in facts.databases if not one.scheduled and one not in recent]
    if never:
        return Status.FAILED, f"No backup of the last 7 days, and none scheduled: {_names(never)}.", _SCHEDULE
    unplanned = [one for one in facts.databases if not one.scheduled]
    if unplanned:
        return Status.WARNING, f"Backed up by hand, and not each day: {_names(unplanned)}.", _SCHEDULE
    waiting = [one for one in facts.databases if one not in recent]
    if waiting:
        found = f"Scheduled, but there is no backup of the last 7 days yet: {_names(waiting)}."
        return Status.WARNING, found, "Look again after the next scheduled backup, or make one now."
    return Status.PASSED, f"Backed up each day: {_names(facts.databases)}.", ""


_SCHEDULE = "Schedule a backup each day."


def _dns(facts: Facts) -> _Found:
    if not facts.domains:
        return Status.SKIPPED, "The app has no domain of its own; its name here always leads to it.", ""
    lost = [one.hostname for one in facts.domains if not one.led]
    if lost:
        advice = "Make the DNS record that the domain's line shows; it is looked at every few seconds."
        return Status.FAILED, f"DNS does not lead here: {_some(lost)}.", advice
    return Status.PASSED, f"DNS leads here: {_some([one.hostname for one in facts.domains])}.", ""


def _tls(facts: Facts) -> _Found:
    if not facts.domains:
        return Status.SKIPPED, "The app has no domain of its own; its name here always has HTTPS.", ""
    bare = [one.hostname for one in facts.domains if one.certified_until is None]
    if bare:
        advice = "Switch automatic certificates on, or add a certificate that speaks for them."
        return Status.FAILED, f"Without a certificate: {_some(bare)}.", advice
    ended = [one.hostname for one in facts.domains if one.certified_until and one.certified_until <= facts.now]
    if ended:
        return Status.FAILED, f"The certificate has expired: {_some(ended)}.", "Replace it by a new one."
    soon = facts.now + EXPIRES_SOON
    ending = [
        one.hostname for one in facts.domains if one.certified_until and one.certified_until <= soon and not one.renewed
    ]
    if ending:
        found = f"The certificate ends within {EXPIRES_SOON.days} days: {_some(ending)}."
        return Status.WARNING, found, "Replace it in time, or switch automatic certificates on."
    return Status.PASSED, f"HTTPS with a valid certificate: {_some([one.hostname for one in facts.domains])}.", ""


def _monitoring(facts: Facts) -> _Found:
    known = sorted(facts.services & MONITORING)
    if known or facts.alerts:
        alerts = f"{facts.alerts} alert{'' if facts.alerts == 1 else 's'} on its metrics" if facts.alerts else ""
        return Status.PASSED, f"Watched by {' and '.join(filter(None, [*known, alerts]))}.", ""
    return (
        Status.WARNING,
        "Nobody is told when the app is slow or down.",
        "Set an alert on its metrics, or add an add-on.",
    )


def _logs(facts: Facts) -> _Found:
    known = sorted(facts.services & LOGGING)
    if known or facts.drains:
        drains = f"{facts.drains} drain{'' if facts.drains == 1 else 's'}" if facts.drains else ""
        return Status.PASSED, f"Lines are kept and searched by {' and '.join(filter(None, [*known, drains]))}.", ""
    if facts.drains is None:
        return Status.SKIPPED, "Whether lines are drained is for who may operate the app.", ""
    return Status.WARNING, "Nobody keeps the app's lines beyond the last ones.", "Add a log add-on, or a drain."


_RULES: dict[Subject, Callable[[Facts], _Found]] = {
    Subject.STACK: _stack,
    Subject.DYNOS: _dynos,
    Subject.POSTGRES: _postgres,
    Subject.BACKUPS: _backups,
    Subject.DNS: _dns,
    Subject.TLS: _tls,
    Subject.MONITORING: _monitoring,
    Subject.LOGS: _logs,
}


def _own(count: int) -> str:
    return "a server of its own" if count == 1 else "servers of their own"


def _listed(databases: Sequence[Database]) -> str:
    return _some([f"{one.name} ({one.plan})" for one in databases]) + (" is" if len(databases) == 1 else " are")


def _names(databases: Sequence[Database]) -> str:
    return _some([one.name for one in databases])


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
