"""What of an app is fit for production: each answer of each check."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from celadon.model import production_check as rules
from celadon.model.production_check import Database, Facts, Name, Status, Subject

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OWN = Database(id="1", name="first", plan="standard-0", shared=False, scheduled=True, backed_up_at=NOW - DAY)
SMALL = replace(OWN, id="2", name="second", plan="mini", shared=True, scheduled=False, backed_up_at=None)
SHOP = Name(hostname="shop.example.com", led=True, certified_until=NOW + 60 * DAY, renewed=False)
BARE = Facts(
    stack="cedar",
    newest_stack="cedar",
    web=2,
    databases=(),
    domains=(),
    services=frozenset(),
    alerts=0,
    drains=0,
    now=NOW,
)


@pytest.mark.parametrize(
    ("subject", "known", "status", "words"),
    [
        (Subject.STACK, {}, Status.PASSED, "cedar, the newest"),
        (Subject.STACK, {"stack": "bamboo"}, Status.FAILED, "the newest stack is cedar"),
        (Subject.DYNOS, {}, Status.PASSED, "2 web dynos"),
        (Subject.DYNOS, {"web": 1}, Status.FAILED, "One web dyno"),
        (Subject.DYNOS, {"web": 0}, Status.FAILED, "No web dyno"),
        (Subject.DYNOS, {"web": None}, Status.SKIPPED, "no web dynos"),
        (Subject.POSTGRES, {}, Status.SKIPPED, "no Postgres"),
        (Subject.POSTGRES, {"databases": [OWN]}, Status.PASSED, "first (standard-0) is on a server of its own"),
        (Subject.POSTGRES, {"databases": [SMALL]}, Status.FAILED, "second (mini) is on a server that others use"),
        (Subject.POSTGRES, {"databases": [OWN, SMALL]}, Status.WARNING, "second (mini)"),
        (Subject.BACKUPS, {}, Status.SKIPPED, "no Postgres"),
        (Subject.BACKUPS, {"databases": [OWN]}, Status.PASSED, "Backed up each day: first"),
        (Subject.BACKUPS, {"databases": [OWN, SMALL]}, Status.FAILED, "none scheduled: second"),
        (Subject.BACKUPS, {"databases": [replace(OWN, scheduled=False)]}, Status.WARNING, "by hand"),
        (Subject.BACKUPS, {"databases": [replace(OWN, backed_up_at=None)]}, Status.WARNING, "no backup of the last 7"),
        (
            Subject.BACKUPS,
            {"databases": [replace(OWN, scheduled=False, backed_up_at=NOW - 8 * DAY)]},
            Status.FAILED,
            "none scheduled: first",
        ),
        (Subject.DNS, {}, Status.SKIPPED, "no domain of its own"),
        (Subject.DNS, {"domains": [SHOP]}, Status.PASSED, "shop.example.com"),
        (Subject.DNS, {"domains": [SHOP, replace(SHOP, hostname="b.example.com", led=False)]}, Status.FAILED, "b.exam"),
        (Subject.TLS, {}, Status.SKIPPED, "always has HTTPS"),
        (Subject.TLS, {"domains": [SHOP]}, Status.PASSED, "valid certificate"),
        (Subject.TLS, {"domains": [replace(SHOP, certified_until=None)]}, Status.FAILED, "Without a certificate"),
        (Subject.TLS, {"domains": [replace(SHOP, certified_until=NOW)]}, Status.FAILED, "has expired"),
        (Subject.TLS, {"domains": [replace(SHOP, certified_until=NOW + 13 * DAY)]}, Status.WARNING, "within 14 days"),
        (
            Subject.TLS,
            {"domains": [replace(SHOP, certified_until=NOW + 13 * DAY, renewed=True)]},
            Status.PASSED,
            "valid certificate",
        ),
        (Subject.MONITORING, {}, Status.WARNING, "Nobody is told"),
        (Subject.MONITORING, {"alerts": 1}, Status.PASSED, "Watched by 1 alert on its metrics."),
        (Subject.MONITORING, {"services": frozenset({"newrelic", "x"})}, Status.PASSED, "Watched by newrelic"),
        (Subject.LOGS, {}, Status.WARNING, "Nobody keeps"),
        (Subject.LOGS, {"drains": 1}, Status.PASSED, "1 drain."),
        (Subject.LOGS, {"drains": None}, Status.SKIPPED, "who may operate"),
        (Subject.LOGS, {"drains": None, "services": frozenset({"papertrail"})}, Status.PASSED, "papertrail"),
        (Subject.LOGS, {"drains": 2, "services": frozenset({"loggly"})}, Status.PASSED, "loggly and 2 drains"),
    ],
)
def test_each_answer_of_each_check(subject: Subject, known: dict[str, object], status: Status, words: str) -> None:
    (check,) = [one for one in rules.run(replace(BARE, **known)) if one.subject is subject]  # type: ignore[arg-type]
    assert check.status is status and words in check.found
    assert bool(check.advice) == (status in (Status.WARNING, Status.FAILED))


def test_every_subject_is_checked_once() -> None:
    assert [check.subject for check in rules.run(BARE)] == list(Subject)


def test_of_many_names_some_are_said() -> None:
    many = [replace(SHOP, hostname=f"{number}.example.com") for number in range(40)]
    (check,) = [one for one in rules.run(replace(BARE, domains=many)) if one.subject is Subject.DNS]
    assert "and 35 more" in check.found
