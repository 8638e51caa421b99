"""Teams on both databases: the lists agree with the table of access, and no race leaves a team without an admin."""

import threading
import uuid
from pathlib import Path

import pytest

from celadon.actions import access, accounts, apps, context, team_apps, team_members, teams
from celadon.actions.context import Context
from celadon.actions.team_members import Way
from celadon.model.account import Actor
from celadon.model.errors import CeladonError
from celadon.model.team import TeamRole
from celadon.platform.settings import Settings
from celadon.store import teams as stored
from celadon.store.database import Database


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Context:
    return context.Context(database, Settings(home=tmp_path))


@pytest.fixture
def operator(world: Context) -> Actor:
    return Actor(account=accounts.create_operator(world.database, email="admin@localhost", password="long enough"))


def person(world: Context, operator: Actor) -> Actor:
    email = f"{uuid.uuid4().hex}@example.com"
    return Actor(account=accounts.create(world, operator, email=email, password="long enough"))


def test_who_sees_an_app_in_lists_is_who_may_see_it(world: Context, operator: Actor) -> None:
    admin, stranger = person(world, operator), person(world, operator)
    teams.create(world, admin, "widgets")
    people = [admin, stranger]
    for role in (TeamRole.MEMBER, TeamRole.VIEWER):
        people.append(person(world, operator))
        team_members.put(world, admin, "widgets", people[-1].email, role, Way.CREATE)
    for name, locked in (("open-app", False), ("locked-app", True)):
        apps.create(world, admin, name=name, team="widgets", locked=locked)
    team_apps.transfer(world, admin, apps.create(world, admin, name="moved").id, "widgets")
    for actor in people:
        allowed = [name for name in ("locked-app", "moved", "open-app") if _sees(world, actor, name)]
        assert [app.name for app, *_ in apps.list_visible(world, actor)] == allowed
        assert (actor is stranger) == (allowed == [])
        if actor is not stranger:
            assert [name for name, _ in team_apps.names(world, actor, "widgets")] == allowed


def _sees(world: Context, actor: Actor, name: str) -> bool:
    with world.database.read() as tx:
        try:
            return bool(access.app_for(tx, actor, name, "app:read"))
        except CeladonError:
            return False


def test_two_admins_who_leave_at_once_do_not_both(world: Context, operator: Actor) -> None:
    for round_ in range(5):
        pair = [person(world, operator) for _ in range(2)]
        name = f"team-{round_}"
        team, _ = teams.create(world, pair[0], name)
        team_members.put(world, pair[0], name, pair[1].email, TeamRole.ADMIN, Way.CREATE)
        together = threading.Barrier(2)

        def leave(actor: Actor, name: str = name, together: threading.Barrier = together) -> None:
            together.wait()
            try:
                team_members.remove(world, actor, name, actor.email)
            except CeladonError as error:
                assert "without an admin" in error.message

        threads = [threading.Thread(target=leave, args=(actor,)) for actor in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with world.database.read() as tx:
            assert stored.count_admins(tx, team.id) == 1


def test_an_app_is_not_made_in_a_team_that_is_deleted_in_this_moment(world: Context, operator: Actor) -> None:
    for round_ in range(5):
        actor, name, together = person(world, operator), f"team-{round_}", threading.Barrier(2)
        teams.create(world, actor, name)
        failed: list[str] = []

        def attempt(
            what: str,
            name: str = name,
            actor: Actor = actor,
            together: threading.Barrier = together,
            failed: list[str] = failed,
        ) -> None:
            together.wait()
            try:
                if what == "create":
                    apps.create(world, actor, name=f"app-of-{name}", team=name)
                else:
                    teams.destroy(world, actor, name)
            except CeladonError:
                failed.append(what)

        threads = [threading.Thread(target=attempt, args=(what,)) for what in ("create", "destroy")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(failed) == 1
        with world.database.read() as tx:
            assert (stored.find(tx, name) is None) == (failed == ["create"])
