"""The production check as a page: its facts are those of the app, and of what somebody may see."""

from tests.api.world import World
from tests.dashboard.test_resources import browse, cookie_for

from celadon.actions import (
    addons,
    domains,
    formations,
    log_drains,
    production_check,
    team_app_collaborators,
    team_apps,
    teams,
)
from celadon.model import production_check as rules
from celadon.model.formation import Update
from celadon.model.production_check import Status, Subject

PATH = "/dashboard/apps/example/check"


def statuses(world: World) -> dict[Subject, Status]:
    facts = production_check.facts(world.context, world.actor, "example")
    return {check.subject: check.status for check in rules.run(facts)}


def test_the_facts_are_the_apps(world: World) -> None:
    first = statuses(world)
    assert first[Subject.DYNOS] is Status.FAILED and first[Subject.POSTGRES] is Status.SKIPPED
    formations.update(world.context, world.actor, "example", [Update(type="web", quantity=2)])
    addons.create(world.context, world.actor, "example", plan="heroku-postgresql:mini")
    domains.add(world.context, world.actor, "example", "shop.example.com")
    log_drains.add(world.context, world.actor, "example", "syslog://logs.example.com:514")
    assert statuses(world) == {
        Subject.STACK: Status.PASSED,
        Subject.DYNOS: Status.PASSED,
        Subject.POSTGRES: Status.FAILED,
        Subject.BACKUPS: Status.FAILED,
        Subject.DNS: Status.FAILED,
        Subject.TLS: Status.FAILED,
        Subject.MONITORING: Status.WARNING,
        Subject.LOGS: Status.PASSED,
    }


def test_each_row_says_what_to_do_and_leads_there(world: World) -> None:
    text = browse(world, PATH).content.decode()
    for subject in Subject:
        assert f"<strong>{subject}</strong>" in text
    assert 'href="/dashboard/apps/example/resources">Scale web</a>' in text


def test_who_may_only_look_is_not_told_of_drains(world: World) -> None:
    log_drains.add(world.context, world.actor, "example", "syslog://logs.example.com:514")
    teams.create(world.context, world.actor, "widgets")
    team_apps.transfer(world.context, world.actor, "example", "widgets")
    cookie = cookie_for(world, "viewer@example.com")
    team_app_collaborators.add(world.context, world.actor, "example", "viewer@example.com", ("view",))
    assert "is for who may operate the app" in browse(world, PATH, cookie=cookie).content.decode()
    seen = browse(world, PATH, cookie=cookie_for(world, "grace@example.com"))
    assert seen.status == 200, seen.headers["location"]
    assert "1 drain" in seen.content.decode()
    resources = browse(world, "/dashboard/apps/example/resources", cookie=cookie).content.decode()
    assert (
        "you need the permission operate" in resources
        and "Restart" not in resources
        and "Find add-ons" not in resources
    )


def test_somebody_elses_app_is_not_there(world: World) -> None:
    assert browse(world, PATH, cookie=cookie_for(world, "eve@example.com")).status == 404
