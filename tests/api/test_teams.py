"""Teams by the API: who may do what with a team and its apps, and when that ends."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.api.examples_teams import invite, token_for
from tests.api.world import PASSWORD, Reply, World, basic

from celadon.actions import accounts, authorizations, collaborators, context
from celadon.model.account import Account, Actor
from celadon.model.errors import InvalidParams
from celadon.model.team import address
from celadon.store import tables


class People:
    """Ann, Max and Vera are admin, member and viewer of `widgets`; Eve and Bob are strangers. The operator is another."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tokens: dict[str, str] = {}
        for name in ("ann", "max", "vera", "eve", "bob"):
            self.tokens[name] = world.new_token(actor=Actor(account=self.account(name)))
        assert self("ann", "POST", "/teams", {"name": "widgets"}).status == 201
        for name, role in (("max", "member"), ("vera", "viewer")):
            assert self("ann", "PUT", "/teams/widgets/members", {"email": email(name), "role": role}).status == 200
        assert self("ann", "POST", "/teams/apps", {"name": "gear", "team": "widgets"}).status == 201

    def account(self, name: str) -> Account:
        return accounts.create(self.world.context, self.world.actor, email=email(name), password=PASSWORD)

    def __call__(self, who: str, method: str, path: str, body: Any = None) -> Reply:
        return self.world.call(method, path, body, token=self.tokens[who])

    def sees(self, who: str) -> bool:
        """Whether the app `gear` is there for somebody: itself and in the lists, which must agree."""
        shown = self(who, "GET", "/apps/gear").status == 200
        assert ("gear" in [app["name"] for app in self(who, "GET", "/apps").json]) == shown
        return shown

    def works(self, who: str) -> bool:
        """Whether somebody may change the app's config."""
        return self(who, "PATCH", "/apps/gear/config-vars", {"BY": who}).status == 200


def email(name: str) -> str:
    return f"{name}@example.com"


@pytest.fixture
def people(world: World) -> People:
    return People(world)


TEAM = "/teams/widgets"
GEAR = "/teams/apps/gear"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "mine"}),
        ("PATCH", "", {"default": True}),
        ("DELETE", "", None),
        ("GET", "/members", None),
        ("PUT", "/members", {"email": email("eve"), "role": "admin"}),
        ("POST", "/members", {"email": email("eve"), "role": "admin"}),
        ("PATCH", "/members", {"email": email("max"), "role": "admin"}),
        ("DELETE", f"/members/{email('max')}", None),
        ("GET", f"/members/{email('max')}/apps", None),
        ("GET", "/invitations", None),
        ("PUT", "/invitations", {"email": email("eve"), "role": "admin"}),
        ("DELETE", f"/invitations/{email('zoe')}", None),
        ("GET", "/features", None),
        ("GET", "/features/org-access-controls", None),
        ("GET", "/preferences", None),
        ("PATCH", "/preferences", {"addons-controls": False}),
        ("GET", "/allowed-addon-services", None),
        ("POST", "/allowed-addon-services", {"addon_service": "ssl"}),
        ("DELETE", "/allowed-addon-services/ssl", None),
        ("GET", "/addons", None),
        ("GET", "/permissions", None),
        ("GET", "/apps", None),
    ],
)
def test_strangers_cannot_tell_a_team_from_none(people: People, method: str, path: str, body: object) -> None:
    invite(people.world, email("zoe"))
    there, missing = people("eve", method, TEAM + path, body), people("eve", method, f"/teams/nothing{path}", body)
    assert (there.status, there.content) == (missing.status, missing.content) == (404, there.content)
    assert there.json["resource"] == "team"
    assert people("eve", "GET", "/teams").json == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", GEAR, None),
        ("PATCH", GEAR, {"locked": True}),
        ("PATCH", GEAR, {"owner": email("eve")}),
        ("GET", f"{GEAR}/collaborators", None),
        ("POST", f"{GEAR}/collaborators", {"user": email("eve")}),
        ("DELETE", f"{GEAR}/collaborators/{email('ann')}", None),
        ("GET", "/apps/gear/collaborators", None),
        ("PATCH", "/apps/gear/config-vars", {"A": "1"}),
        ("POST", "/apps/gear/log-sessions", {}),
    ],
)
def test_strangers_cannot_tell_a_teams_app_from_none(people: People, method: str, path: str, body: object) -> None:
    there, missing = people("eve", method, path, body), people("eve", method, path.replace("gear", "nothing"), body)
    assert (there.status, there.content) == (missing.status, missing.content) == (404, there.content)


@pytest.mark.parametrize("who", ["max", "vera"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", TEAM, {"name": "mine"}),
        ("DELETE", TEAM, None),
        ("PUT", f"{TEAM}/members", {"email": email("eve"), "role": "viewer"}),
        ("PUT", f"{TEAM}/members", {"email": email("max"), "role": "admin"}),
        ("PATCH", f"{TEAM}/members", {"email": email("vera"), "role": "admin"}),
        ("DELETE", f"{TEAM}/members/{email('ann')}", None),
        ("PUT", f"{TEAM}/invitations", {"email": email("eve"), "role": "viewer"}),
        ("DELETE", f"{TEAM}/invitations/{email('zoe')}", None),
        ("GET", f"{TEAM}/permissions", None),
        ("PATCH", f"{TEAM}/preferences", {"addons-controls": False}),
        ("POST", f"{TEAM}/allowed-addon-services", {"addon_service": "ssl"}),
        ("DELETE", f"{TEAM}/allowed-addon-services/ssl", None),
        ("PATCH", GEAR, {"locked": True}),
        ("PATCH", GEAR, {"owner": email("max")}),
        ("POST", f"{GEAR}/collaborators", {"user": email("eve"), "permissions": ["view"]}),
        ("POST", f"{GEAR}/collaborators", {"user": email("max"), "permissions": ["manage"]}),
        ("POST", f"{GEAR}/collaborators", {"user": email("vera"), "permissions": ["view"]}),
        ("DELETE", "/apps/gear", None),
        ("PATCH", "/apps/gear", {"name": "mine"}),
    ],
)
def test_members_and_viewers_do_not_manage(people: People, who: str, method: str, path: str, body: object) -> None:
    invite(people.world, email("zoe"))
    reply = people(who, method, path, body)
    assert (reply.status, reply.error) == (403, "forbidden"), reply.content


def test_a_viewer_sees_and_does_nothing(people: People) -> None:
    assert people.sees("vera") and not people.works("vera")
    assert people("vera", "POST", "/apps/gear/log-sessions", {}).status == 201
    for method, path, body in (
        ("GET", "/apps/gear/config-vars", None),
        ("PATCH", "/apps/gear", {"maintenance": True}),
        ("POST", "/apps/gear/dynos", {"command": "env"}),
        ("POST", "/apps/gear/builds", {"source_blob": {"url": "https://example.com/x.tgz"}}),
        ("POST", f"{GEAR}/collaborators", {"user": email("vera")}),
        ("POST", "/teams/apps", {"team": "widgets", "name": "viewers"}),
    ):
        assert people("vera", method, path, body).status == 403, path


def test_a_member_works_and_has_everything_on_what_they_create(people: People) -> None:
    assert people.works("max")
    made = people("max", "POST", "/teams/apps", {"team": "widgets", "name": "cog", "locked": True}).json
    assert (made["owner"]["email"], made["team"]["name"], made["locked"], made["joined"]) == (
        address("widgets"),
        "widgets",
        True,
        True,
    )
    assert people("ann", "GET", "/apps/cog").status == 200
    assert people("max", "PATCH", "/teams/apps/cog", {"locked": False}).json["locked"] is False
    assert people("max", "DELETE", "/apps/cog").status == 200


def test_locking_shuts_out_who_did_not_join(people: People) -> None:
    people("ann", "PUT", f"{TEAM}/members", {"email": email("bob"), "role": "member"})
    joined = people("bob", "POST", f"{GEAR}/collaborators", {"user": email("bob")})
    assert (joined.status, joined.json["role"]) == (201, "member")
    assert [entry["name"] for entry in joined.json["permissions"]] == ["deploy", "operate", "view"]
    assert people("ann", "PATCH", GEAR, {"locked": True}).json["locked"] is True
    assert people.works("bob") and people.sees("vera") and people.works("ann")
    assert not people.sees("max") and not people.works("max")
    assert people("max", "POST", f"{GEAR}/collaborators", {"user": email("max")}).status == 404
    assert [app["name"] for app in people("max", "GET", f"{TEAM}/apps").json] == []
    assert [(app["name"], app["locked"], app["joined"]) for app in people("bob", "GET", f"{TEAM}/apps").json] == [
        ("gear", True, True)
    ]
    # Who leaves a locked app is out, until it is open again.
    assert people("bob", "DELETE", f"{GEAR}/collaborators/{email('bob')}").status == 200
    assert not people.sees("bob")
    assert people("ann", "PATCH", GEAR, {"locked": False}).status == 200
    assert people.works("bob") and people.works("max")


def test_nobody_joins_twice_or_gives_themselves_more(people: People) -> None:
    assert people("max", "POST", f"{GEAR}/collaborators", {"user": email("max")}).status == 201
    assert people("max", "POST", f"{GEAR}/collaborators", {"user": email("max")}).status == 422
    assert people("max", "PATCH", f"{GEAR}/collaborators/{email('max')}", {"permissions": ["manage"]}).status == 403


def test_an_outsider_may_exactly_what_was_given(people: People) -> None:
    given = {"user": email("eve"), "permissions": ["operate"]}
    added = people("ann", "POST", f"{GEAR}/collaborators", given).json
    assert (added["role"], [entry["name"] for entry in added["permissions"]]) == ("collaborator", ["operate", "view"])
    assert people.sees("eve") and not people.works("eve")
    assert people("eve", "PATCH", "/apps/gear", {"maintenance": True}).status == 200
    assert people("eve", "GET", TEAM).status == 404
    changed = people("ann", "PATCH", f"{GEAR}/collaborators/{email('eve')}", {"permissions": ["deploy", "view"]})
    assert changed.status == 200 and people.works("eve")
    assert people("eve", "PATCH", "/apps/gear", {"maintenance": False}).status == 403
    assert people("ann", "PATCH", f"{GEAR}/collaborators/{email('eve')}", {"permissions": ["all"]}).status == 422
    # With manage they say who else is on it.
    people("ann", "PATCH", f"{GEAR}/collaborators/{email('eve')}", {"permissions": ["manage"]})
    assert people("eve", "POST", f"{GEAR}/collaborators", {"user": email("bob"), "permissions": []}).status == 201
    assert people.sees("bob") and not people.works("bob")
    assert people("ann", "DELETE", f"{GEAR}/collaborators/{email('eve')}").status == 200
    assert not people.sees("eve")


def test_who_is_on_an_app_is_told_with_roles_and_permissions(people: People) -> None:
    people("max", "POST", f"{GEAR}/collaborators", {"user": email("max")})
    for path in (f"{GEAR}/collaborators", "/apps/gear/collaborators"):
        found = {
            entry["user"]["email"]: (entry["role"], len(entry["permissions"]))
            for entry in people("vera", "GET", path).json
        }
        assert found == {
            address("widgets"): ("owner", 4),
            email("ann"): ("admin", 4),
            email("max"): ("member", 3),
        }
    assert people("vera", "GET", f"/apps/gear/collaborators/{email('max')}").json["role"] == "member"
    (entity,) = people("ann", "GET", f"{TEAM}/permissions").json
    assert entity["name"] == "gear" and {user["email"] for user in entity["users"]} == {email("ann"), email("max")}


def test_a_removed_member_loses_everything_at_once_and_for_good(people: People) -> None:
    people("max", "POST", f"{GEAR}/collaborators", {"user": email("max")})
    people("ann", "PATCH", f"{GEAR}/collaborators/{email('max')}", {"permissions": ["manage", "deploy"]})
    assert people.works("max")
    assert people("ann", "DELETE", f"{TEAM}/members/{email('max')}").json["email"] == email("max")
    assert not people.sees("max") and not people.works("max")
    assert people("max", "GET", TEAM).status == 404
    assert people("max", "GET", f"{TEAM}/apps").status == 404
    # What they had by name does not come back with them.
    people("ann", "PUT", f"{TEAM}/members", {"email": email("max"), "role": "viewer"})
    assert people.sees("max") and not people.works("max")


def test_who_becomes_a_viewer_only_looks(people: People) -> None:
    people("max", "POST", f"{GEAR}/collaborators", {"user": email("max")})
    people("ann", "PATCH", f"{TEAM}/members", {"email": email("max"), "role": "viewer"})
    assert people.sees("max") and not people.works("max")


def test_a_team_is_never_without_an_admin(people: People) -> None:
    for method, path, body in (
        ("DELETE", f"{TEAM}/members/{email('ann')}", None),
        ("PATCH", f"{TEAM}/members", {"email": email("ann"), "role": "member"}),
        ("PUT", f"{TEAM}/members", {"email": email("ann"), "role": "viewer"}),
    ):
        reply = people("ann", method, path, body)
        assert reply.status == 403 and "without an admin" in reply.json["message"]
    people("ann", "PATCH", f"{TEAM}/members", {"email": email("max"), "role": "admin"})
    assert people("ann", "DELETE", f"{TEAM}/members/{email('ann')}").status == 200
    assert not people.sees("ann")
    assert people("max", "PATCH", f"{TEAM}/members", {"email": email("max"), "role": "viewer"}).status == 403


def test_everybody_may_leave_but_nobody_removes_others(people: People) -> None:
    assert people("vera", "DELETE", f"{TEAM}/members/{email('max')}").status == 403
    assert people("vera", "DELETE", f"{TEAM}/members/{email('vera')}").status == 200
    assert not people.sees("vera")


def test_members_are_added_once_changed_when_there_and_put_either_way(people: People) -> None:
    assert people("ann", "POST", f"{TEAM}/members", {"email": email("max"), "role": "admin"}).status == 422
    assert people("ann", "PATCH", f"{TEAM}/members", {"email": email("eve"), "role": "admin"}).status == 404
    for who in ("nobody@example.com", address("widgets")):
        reply = people("ann", "PUT", f"{TEAM}/members", {"email": who, "role": "member"})
        assert reply.status == 422 and "invite them" in reply.json["message"]
    for body in ({"email": email("eve"), "role": "owner"}, {"email": email("eve")}, {"email": 7, "role": "member"}):
        assert people("ann", "PUT", f"{TEAM}/members", body).status == 422
    assert [entry["role"] for entry in people("max", "GET", f"{TEAM}/members").json] == ["admin", "member", "viewer"]


def test_a_member_sees_of_another_what_they_see_themselves(people: People) -> None:
    people("ann", "POST", "/teams/apps", {"team": "widgets", "name": "cog", "locked": True})
    path = f"{TEAM}/members/{email('ann')}/apps"
    assert [app["name"] for app in people("ann", "GET", path).json] == ["cog", "gear"]
    assert [app["name"] for app in people("max", "GET", path).json] == ["gear"]


def test_the_apps_of_a_user_are_not_those_of_their_teams(people: People) -> None:
    listed: Callable[[str], list[str]] = lambda path: [app["name"] for app in people("max", "GET", path).json]  # noqa: E731
    assert (listed("/users/~/apps"), listed("/apps")) == ([], ["gear"])
    people("max", "POST", f"{GEAR}/collaborators", {"user": email("max")})
    assert (listed("/users/~/apps"), listed("/apps")) == (["gear"], ["gear"])


def test_a_team_with_apps_is_not_deleted_and_one_without_leaves_its_name(people: People) -> None:
    refused = people("ann", "DELETE", TEAM)
    assert refused.status == 422 and "owns 1 app (gear)" in refused.json["message"]
    people("ann", "DELETE", "/apps/gear")
    token = invite(people.world)
    assert people("ann", "DELETE", TEAM).status == 200
    assert people("ann", "GET", TEAM).status == 404
    assert people("eve", "GET", f"/teams/invitations/{token}").status == 404
    assert people("eve", "POST", "/teams", {"name": "widgets"}).status == 201
    assert people("ann", "GET", TEAM).status == 404


def test_names_are_as_those_of_apps_and_each_is_one_teams(people: People) -> None:
    for name in ("Widgets", "a", "apps", "invitations", "permissions", "api", "x" * 31, "ends-"):
        assert people("eve", "POST", "/teams", {"name": name}).status == 422, name
    taken = people("eve", "POST", "/teams", {"name": "widgets"})
    assert (taken.status, taken.json["message"]) == (422, "Name widgets is already taken")
    people("eve", "POST", "/teams", {"name": "gadgets"})
    assert people("eve", "PATCH", "/teams/gadgets", {"name": "widgets"}).status == 422
    assert people("ann", "PATCH", TEAM, {"name": "wheels"}).json["name"] == "wheels"
    assert people("ann", "GET", "/apps/gear").json["owner"]["email"] == address("wheels")
    assert people("eve", "PATCH", "/teams/gadgets", {"name": "widgets"}).status == 200


def test_the_default_team_is_where_apps_go_that_name_none(people: People) -> None:
    people("max", "POST", "/teams", {"name": "gadgets"})
    assert people("max", "PATCH", "/teams/gadgets", {"default": True}).json["default"] is True
    assert people("max", "PATCH", TEAM, {"default": True}).json["default"] is True
    assert [team["default"] for team in people("max", "GET", "/teams").json] == [False, True]
    assert people("max", "GET", "/account").json["default_team"]["name"] == "widgets"
    assert people("max", "POST", "/teams/apps", {"name": "cog"}).json["team"]["name"] == "widgets"
    assert people("max", "POST", "/teams/apps", {"name": "pin", "personal": True}).json["team"] is None
    assert people("max", "PATCH", TEAM, {"default": False}).json["default"] is False
    assert people("max", "POST", "/teams/apps", {"name": "nut"}).json["team"] is None


def test_an_app_goes_into_a_team_that_its_owner_works_in(people: People) -> None:
    people("max", "POST", "/apps", {"name": "cog"})
    for who, status in (("vera", 403), ("eve", 422)):
        people(who, "POST", "/apps", {"name": f"of-{who}"})
        assert people(who, "PATCH", f"/teams/apps/of-{who}", {"owner": "widgets"}).status == status
    assert people("ann", "PATCH", "/teams/apps/cog", {"owner": "widgets"}).status == 404
    moved = people("max", "PATCH", "/teams/apps/cog", {"owner": "widgets", "locked": True}).json
    assert (moved["owner"]["email"], moved["locked"]) == (address("widgets"), True)
    assert people("max", "PATCH", "/apps/cog", {"name": "cogwheel"}).status == 200
    assert people("max", "PATCH", "/teams/apps/cogwheel", {"owner": "widgets"}).status == 422
    assert people("max", "PATCH", "/teams/apps/of-max", {}).status == 422


def test_an_app_leaves_a_team_for_somebody_on_it_and_its_collaborators_go(people: People) -> None:
    refused = people("ann", "PATCH", GEAR, {"owner": email("eve")})
    assert refused.status == 422 and "nobody of this name or address has access" in refused.json["message"]
    assert people("ann", "PATCH", GEAR, {"owner": address("widgets")}).status == 422
    people("ann", "POST", f"{GEAR}/collaborators", {"user": email("eve"), "permissions": ["manage"]})
    assert people("eve", "PATCH", GEAR, {"owner": email("max")}).json["owner"]["email"] == email("max")
    assert people.works("max")
    for who in ("ann", "eve", "vera"):
        assert not people.sees(who), who
    assert people("max", "GET", GEAR).status == 404
    # A person is asked first.
    people("max", "PATCH", GEAR, {"owner": "widgets"})
    people("ann", "POST", "/apps", {"name": "anns"})
    offered = people("ann", "PATCH", "/teams/apps/anns", {"owner": email("max")})
    assert offered.status == 422 and "app-transfers" in offered.json["message"]


def test_an_app_that_changes_teams_is_the_new_teams(people: People) -> None:
    for name in ("max", "bob"):
        people("ann", "PUT", f"{TEAM}/members", {"email": email(name), "role": "member"})
        people(name, "POST", f"{GEAR}/collaborators", {"user": email(name)})
    people("ann", "POST", f"{GEAR}/collaborators", {"user": email("eve"), "permissions": ["deploy"]})
    people("ann", "POST", "/teams", {"name": "gadgets"})
    assert people("ann", "PATCH", GEAR, {"owner": "gadgets"}).json["team"]["name"] == "gadgets"
    for who, works in (("ann", True), ("eve", True), ("max", False), ("bob", False), ("vera", False)):
        assert people.works(who) is works, who
        assert people.sees(who) is works, who


def test_a_team_has_the_limit_of_apps_that_a_person_has(new_world: Callable[..., World]) -> None:
    people = People(new_world(app_limit=2))
    assert people("ann", "POST", "/teams/apps", {"team": "widgets"}).status == 201
    assert people("max", "POST", "/teams/apps", {"team": "widgets"}).status == 403
    assert people("max", "POST", "/apps", {"name": "mine"}).status == 201
    moved = people("max", "PATCH", "/teams/apps/mine", {"owner": "widgets"})
    assert moved.status == 403 and "2 apps already" in moved.json["message"]


def test_an_invitation_is_for_one_address_and_one_time(people: People) -> None:
    token = invite(people.world, email("eve"), "member")
    assert not people.sees("eve")
    for who in ("bob", "ann"):
        assert people(who, "GET", f"/teams/invitations/{token}").status == 404
        assert people(who, "POST", f"/teams/invitations/{token}/accept").status == 404
    shown = people("eve", "GET", f"/teams/invitations/{token}").json
    assert (shown["team"]["name"], shown["role"], shown["user"]["email"]) == ("widgets", "member", email("eve"))
    assert people("eve", "POST", f"/teams/invitations/{token}/accept").json["role"] == "member"
    assert people.works("eve")
    assert people("eve", "POST", f"/teams/invitations/{token}/accept").status == 404
    assert people("ann", "GET", f"{TEAM}/invitations").json == []
    again = people("ann", "PUT", f"{TEAM}/invitations", {"email": email("eve"), "role": "admin"})
    assert again.status == 422 and "already" in again.json["message"]


def test_somebody_without_an_account_makes_one_and_accepts(people: People) -> None:
    token = invite(people.world, email("zoe"), "viewer")
    (listed,) = people("vera", "GET", f"{TEAM}/invitations").json
    assert (listed["user"]["email"], listed["user"]["name"]) == (email("zoe"), None)
    people.tokens["zoe"] = people.world.new_token(actor=Actor(account=people.account("zoe")))
    assert people("zoe", "POST", f"/teams/invitations/{token}/accept").json["email"] == email("zoe")
    assert people.sees("zoe")


def test_an_invitation_that_was_taken_back_or_is_old_is_worth_nothing(people: People) -> None:
    token = invite(people.world, email("eve"))
    (listed,) = people("ann", "GET", f"{TEAM}/invitations").json
    assert people("ann", "DELETE", f"{TEAM}/invitations/{listed['id']}").status == 200
    assert people("ann", "DELETE", f"{TEAM}/invitations/{listed['id']}").status == 404
    assert people("eve", "POST", f"/teams/invitations/{token}/accept").status == 404
    token = invite(people.world, email("eve"))
    with people.world.context.database.transaction() as tx:
        tx.connection.execute(tables.team_invitations.update().values(expires_at=context.now() - timedelta(seconds=1)))
    assert people("eve", "POST", f"/teams/invitations/{token}/accept").status == 404
    assert people("ann", "GET", f"{TEAM}/invitations").json == []


def test_inviting_again_changes_the_role_and_sends_no_second_mail_at_once(people: People) -> None:
    first = invite(people.world, email("eve"), "viewer")
    assert invite(people.world, email("eve"), "member") == first
    with people.world.context.database.transaction() as tx:
        earlier = context.now() - timedelta(hours=1)
        tx.connection.execute(tables.team_invitations.update().values(created_at=earlier))
        tx.connection.execute(tables.mails.update().values(created_at=earlier))
    second = invite(people.world, email("eve"), "member")
    assert second != first
    assert people("eve", "GET", f"/teams/invitations/{first}").status == 404
    assert people("eve", "POST", f"/teams/invitations/{second}/accept").json["role"] == "member"


def test_no_token_of_an_invitation_is_shown_or_kept(people: People) -> None:
    token = invite(people.world, email("eve"))
    assert token not in people("ann", "GET", f"{TEAM}/invitations").content.decode()
    with people.world.context.database.read() as tx:
        rows = [tx.connection.execute(table.select()).all() for table in (tables.team_invitations, tables.events)]
        assert token not in str(rows)
        assert token == token_for(tx, email("eve"))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", f"{TEAM}/members", {"email": email("eve"), "role": "member"}),
        ("PUT", f"{TEAM}/invitations", {"email": email("eve"), "role": "member"}),
        ("DELETE", f"{TEAM}/members/{email('max')}", None),
        ("POST", "/teams", {"name": "gadgets"}),
        ("POST", f"{GEAR}/collaborators", {"user": email("eve"), "permissions": ["deploy"]}),
        ("PATCH", GEAR, {"owner": email("max")}),
    ],
)
def test_a_limited_token_lets_nobody_else_in(people: People, method: str, path: str, body: object) -> None:
    ann = accounts.log_in(people.world.context, email("ann"), PASSWORD)
    _, token = authorizations.create(people.world.context, ann, scope=("write",))
    assert people.world.call(method, path, body, token=token).status == 403


def test_who_leads_a_team_alone_keeps_the_account_and_who_does_not_leaves_it(people: People) -> None:
    def delete(who: str) -> Reply:
        return people.world.call("DELETE", "/account", token=people.tokens[who], headers={"Heroku-Password": PASSWORD})

    people("max", "POST", f"{GEAR}/collaborators", {"user": email("max")})
    refused = delete("ann")
    assert refused.status == 403 and "cannot leave widgets without an admin" in refused.json["message"]
    assert delete("max").status == 200
    assert [entry["email"] for entry in people("ann", "GET", f"{TEAM}/members").json] == [email("ann"), email("vera")]
    assert email("max") not in people("ann", "GET", f"{GEAR}/collaborators").content.decode()


def test_the_ways_of_persons_apps_lead_to_the_rules_of_teams(people: People) -> None:
    path = "/apps/gear/collaborators"
    assert people("max", "POST", path, {"user": email("eve")}).status == 403
    assert people("ann", "POST", path, {"user": email("max")}).json["role"] == "member"
    assert people("vera", "DELETE", f"{path}/{email('max')}").status == 403
    assert people("max", "DELETE", f"{path}/{email('max')}").status == 200
    assert people("ann", "POST", path, {"user": "nobody@example.com"}).status == 422
    people("ann", "POST", path, {"user": email("max")})
    offered = people("ann", "POST", "/account/app-transfers", {"app": "gear", "recipient": email("max")})
    assert offered.status == 422 and "/teams/apps/gear" in offered.json["message"]
    # Whoever comes by another door than these routes.
    ann = accounts.log_in(people.world.context, email("ann"), PASSWORD)
    with pytest.raises(InvalidParams, match="the app of a team"):
        collaborators.add(people.world.context, ann, "gear", email("eve"), silent=True)
    with pytest.raises(InvalidParams, match="the app of a team"):
        collaborators.remove(people.world.context, ann, "gear", email("max"))


def test_what_was_offered_and_promised_of_an_app_ends_when_a_team_gets_it(people: People) -> None:
    people("max", "POST", "/apps", {"name": "cog"})
    people("max", "POST", "/apps/cog/collaborators", {"user": email("eve")})
    people("max", "POST", "/apps/cog/collaborators", {"user": email("zoe")})
    offer = people("max", "POST", "/account/app-transfers", {"app": "cog", "recipient": email("eve")}).json
    assert people("max", "PATCH", "/teams/apps/cog", {"owner": "widgets"}).status == 200
    answer = people("eve", "PATCH", f"/account/app-transfers/{offer['id']}", {"state": "accepted"})
    assert answer.status == 404
    # Who was on it works on it further on; who was only promised it does not.
    assert people("eve", "GET", "/apps/cog").status == 200
    with people.world.context.database.read() as tx:
        assert tx.connection.execute(tables.collaborator_invitations.select()).all() == []


def test_on_a_pipeline_people_may_what_they_may_on_its_apps_but_managing_it(people: People) -> None:
    made = people("max", "POST", "/pipelines", {"name": "line"}).json
    people("max", "POST", "/pipeline-couplings", {"app": "gear", "pipeline": made["id"], "stage": "production"})
    for who, status in (("vera", 403), ("bob", 404), ("ann", 201)):
        people(who, "POST", "/apps", {"name": f"of-{who}"})
        body = {"app": f"of-{who}", "pipeline": made["id"], "stage": "staging"}
        assert people(who, "POST", "/pipeline-couplings", body).status == status, who
    assert people("vera", "GET", f"/pipelines/{made['id']}").status == 200
    assert people("ann", "DELETE", f"/pipelines/{made['id']}").status == 403
    # What a viewer sees is not what they may copy, and a team's account is nobody to give a pipeline to.
    promotion = {
        "pipeline": {"id": made["id"]},
        "source": {"app": {"id": "gear"}},
        "targets": [{"app": {"id": "of-vera"}}],
    }
    assert people("vera", "POST", "/pipeline-promotions", promotion).status == 403
    owner = people("max", "GET", "/apps/gear").json["owner"]["id"]
    given = {"pipeline": {"id": made["id"]}, "new_owner": {"id": owner, "type": "user"}}
    assert people("max", "POST", "/pipeline-transfers", given).status == 404


def test_nobody_is_a_team(people: People) -> None:
    for password in ("", PASSWORD):
        headers = {"Authorization": basic(address("widgets"), password)}
        reply = people.world.call("POST", "/oauth/authorizations", {}, token=None, headers=headers)
        assert reply.status == 401
    with pytest.raises(Exception, match="it stands for a team"):
        accounts.create(people.world.context, people.world.actor, email=address("new"), password=PASSWORD)
    body = {"user": address("widgets"), "permissions": ["view"]}
    assert people("ann", "POST", f"{GEAR}/collaborators", body).status == 422
    assert people("ann", "PUT", f"{TEAM}/invitations", {"email": address("gadgets"), "role": "member"}).status == 422


def test_the_operator_may_what_admins_may(people: People) -> None:
    reply = people.world.get(TEAM)
    assert (reply.status, reply.json["role"]) == (200, None)
    body = {"email": email("max"), "role": "admin"}
    assert people.world.call("PATCH", f"{TEAM}/members", body).status == 200
    assert [app["name"] for app in people.world.get(f"{TEAM}/apps").json] == ["gear"]
    assert people.world.get("/teams").json == []


def test_members_add_what_their_team_allows_and_admins_anything(people: People) -> None:
    allowed, add = f"{TEAM}/allowed-addon-services", ("POST", "/apps/gear/addons")
    assert people("max", *add, {"plan": "memcachier:dev"}).status == 201
    assert people("ann", "PATCH", f"{TEAM}/preferences", {"addons-controls": True}).json["addons-controls"] is True
    reply = people("max", *add, {"plan": "memcachier:dev"})
    assert (reply.status, "the team widgets allows its members none" in reply.json["message"]) == (403, True)
    assert people("ann", *add, {"plan": "memcachier:dev"}).status == 201
    for service in ("scheduler", "deployhooks", "scheduler"):
        found = people("ann", "POST", allowed, {"addon_service": service})
    assert [one["addon_service"]["name"] for one in found.json] == ["deployhooks", "scheduler"]
    assert found.json[0]["added_by"]["email"] == email("ann")
    assert people("max", "GET", allowed).json == found.json
    assert people("max", *add, {"plan": "scheduler"}).status == 201
    reply = people("max", *add, {"plan": "memcachier:dev"})
    assert (reply.status, "only deployhooks, scheduler" in reply.json["message"]) == (403, True)
    assert people("ann", "DELETE", f"{allowed}/{found.json[0]['id']}").status == 200
    assert people("ann", "DELETE", f"{allowed}/deployhooks").error == "not_found"
    assert people("ann", "POST", allowed, {"addon_service": "nothing"}).status == 422
    # What is there already stays, and elsewhere nobody is held to anything.
    assert len(people("max", "GET", "/apps/gear/addons").json) == 3
    assert people("max", "POST", "/apps", {"name": "own"}).status == 201
    assert people("max", "POST", "/apps/own/addons", {"plan": "memcachier:dev"}).status == 201
    people("ann", "PATCH", f"{TEAM}/preferences", {"addons-controls": False})
    assert people("max", *add, {"plan": "memcachier:dev"}).status == 201
