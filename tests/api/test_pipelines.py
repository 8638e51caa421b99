"""Pipelines by the API: who sees and changes what, which app is in which stage."""

from typing import Any

import pytest
from tests.api.examples_pipelines import pipeline
from tests.api.world import PASSWORD, Reply, World

from celadon.actions import accounts, apps, pipelines
from celadon.model.errors import Forbidden


def token_of(world: World, email: str, *scope: str) -> str:
    return world.new_token(*scope, actor=accounts.log_in(world.context, email, PASSWORD))


def stranger(world: World, email: str = "eve@example.com") -> str:
    """The token of somebody new, who owns an app called after them."""
    accounts.create(world.context, world.actor, email=email, password=PASSWORD)
    actor = accounts.log_in(world.context, email, PASSWORD)
    apps.create(world.context, actor, name=email.partition("@")[0])
    return world.new_token(actor=actor)


def couple(world: World, token: str, app: str, to: str, stage: str = "staging") -> Reply:
    return world.call("POST", "/pipeline-couplings", {"app": app, "pipeline": to, "stage": stage}, token=token)


def test_a_stranger_finds_no_pipeline_and_changes_none(world: World) -> None:
    ids, eve = pipeline(world), stranger(world)
    assert world.get("/pipelines", token=eve).json == []
    assert world.get("/pipelines?eq[name]=shop", token=eve).json == []
    assert world.get("/pipeline-couplings", token=eve).json == []
    new_owner = {"pipeline": {"id": ids["pipeline"]}, "new_owner": {"id": "eve@example.com"}}
    refused = [
        world.get(f"/pipelines/{ids['pipeline']}", token=eve),
        world.get("/pipelines/shop", token=eve),
        world.get(f"/pipelines/{ids['pipeline']}/pipeline-couplings", token=eve),
        world.get(f"/pipelines/{ids['pipeline']}/latest-releases", token=eve),
        world.get(f"/pipeline-couplings/{ids['example-coupling']}", token=eve),
        world.get("/apps/example/pipeline-couplings", token=eve),
        world.call("PATCH", f"/pipelines/{ids['pipeline']}", {"name": "mine"}, token=eve),
        world.call("DELETE", f"/pipelines/{ids['pipeline']}", token=eve),
        world.call("POST", "/pipeline-transfers", new_owner, token=eve),
        world.call("PATCH", f"/pipeline-couplings/{ids['example-coupling']}", {"stage": "production"}, token=eve),
        world.call("DELETE", f"/pipeline-couplings/{ids['example-coupling']}", token=eve),
        couple(world, eve, "eve", ids["pipeline"]),
        couple(world, eve, "example", ids["pipeline"]),
    ]
    assert [reply.status for reply in refused] == [404] * len(refused)
    assert len(world.get(f"/pipelines/{ids['pipeline']}/pipeline-couplings").json) == 2


def test_a_collaborator_sees_the_pipeline_with_the_apps_that_are_shared(world: World) -> None:
    """Grace collaborates on `example`, not on `live`."""
    ids, grace = pipeline(world), token_of(world, "grace@example.com")
    assert [found["name"] for found in world.get("/pipelines", token=grace).json] == ["shop"]
    for path in (
        f"/pipelines/{ids['pipeline']}/pipeline-couplings",
        "/pipeline-couplings",
        "/users/~/pipeline-couplings",
    ):
        assert [found["app"]["id"] for found in world.get(path, token=grace).json] == [ids["example"]]
    assert [found["app"]["name"] for found in world.get("/pipelines/shop/latest-releases", token=grace).json] == [
        "example"
    ]
    assert world.get(f"/pipeline-couplings/{ids['live-coupling']}", token=grace).status == 404
    body = {"in": {"id": [ids["example"], ids["live"]]}}
    assert [found["name"] for found in world.call("POST", "/filters/apps", body, token=grace).json] == ["example"]


def test_a_collaborator_moves_apps_but_the_owner_renames_and_destroys(world: World) -> None:
    ids, grace = pipeline(world), token_of(world, "grace@example.com")
    moved = world.call("PATCH", f"/pipeline-couplings/{ids['example-coupling']}", {"stage": "review"}, token=grace)
    assert (moved.status, moved.json["stage"]) == (200, "review")
    renamed = world.call("PATCH", f"/pipelines/{ids['pipeline']}", {"name": "hers"}, token=grace)
    assert (renamed.status, renamed.json["message"]) == (403, "cannot do this to pipeline shop: only its owner may")
    assert world.call("DELETE", f"/pipelines/{ids['pipeline']}", token=grace).status == 403
    world.call("POST", "/apps", {"name": "graces"}, token=grace)
    assert couple(world, grace, "graces", "shop", "development").status == 201
    # The operator owns this pipeline; another owner would not be shown an app that is only hers.
    assert world.call("DELETE", f"/pipeline-couplings/{ids['example-coupling']}", token=grace).status == 200
    assert world.get("/apps/example/pipeline-couplings").status == 404


def test_an_owner_is_not_shown_apps_of_others(world: World) -> None:
    eve = stranger(world)
    made = world.call("POST", "/pipelines", {"name": "eves"}, token=eve).json["id"]
    assert couple(world, "", "example", made).status == 201  # by the operator, who sees everything
    assert world.get(f"/pipelines/{made}/pipeline-couplings", token=eve).json == []
    assert world.get(f"/pipelines/{made}/pipeline-stack", token=eve).json == {"stack": None}
    assert len(world.get(f"/pipelines/{made}/pipeline-couplings").json) == 1


def test_a_token_for_reading_changes_nothing(world: World) -> None:
    ids, reader = pipeline(world), world.new_token("read")
    assert world.get("/pipelines/shop", token=reader).status == 200
    assert world.call("POST", "/pipelines", {"name": "second"}, token=reader).status == 403
    assert world.call("PATCH", f"/pipelines/{ids['pipeline']}", {"name": "second"}, token=reader).status == 403
    assert couple(world, reader, "example", "shop").status == 403
    assert world.get("/pipelines", token=world.new_token("identity")).status == 403


def test_a_name_is_unique_for_its_owner_and_others_may_have_it_too(world: World) -> None:
    ids, eve = pipeline(world), stranger(world)
    again = world.call("POST", "/pipelines", {"name": "shop"})
    assert (again.status, again.json["message"]) == (
        422,
        "cannot create shop: you have a pipeline of that name already",
    )
    made = world.call("POST", "/pipelines", {"name": "shop"}, token=eve).json["id"]
    assert world.get("/pipelines/shop").json["id"] == ids["pipeline"]
    assert world.get("/pipelines/shop", token=eve).json["id"] == made
    world.call("POST", "/pipelines", {"name": "other"})
    assert world.call("PATCH", "/pipelines/other", {"name": "shop"}).status == 422
    # Somebody who sees both and owns neither must say which.
    grace = token_of(world, "grace@example.com")
    world.call("POST", "/apps", {"name": "graces"}, token=grace)
    assert world.call("POST", "/pipeline-couplings", {"app": "graces", "pipeline": made, "stage": "test"}).status == 201
    unclear = world.get("/pipelines/shop", token=grace)
    assert (unclear.status, "2 pipelines have that name" in unclear.json["message"]) == (422, True)
    assert world.get(f"/pipelines/{made}", token=grace).status == 200


def test_an_app_is_in_one_pipeline_until_it_is_removed_or_destroyed(world: World) -> None:
    ids = pipeline(world)
    other = world.call("POST", "/pipelines", {"name": "other"}).json["id"]
    again = couple(world, "", "example", other)
    assert (again.status, again.json["message"]) == (
        422,
        "cannot add example to other: it is in shop already as staging; remove it there first",
    )
    assert world.call("DELETE", f"/pipeline-couplings/{ids['example-coupling']}").status == 200
    assert couple(world, "", "example", other).status == 201
    world.call("DELETE", "/apps/example")
    assert world.get(f"/pipelines/{other}/pipeline-couplings").json == []
    assert world.call("DELETE", f"/pipelines/{ids['pipeline']}").status == 200
    assert world.get("/apps/live").status == 200
    assert world.get("/apps/live/pipeline-couplings").status == 404


def test_a_pipeline_is_given_to_somebody_who_sees_one_of_its_apps(world: World) -> None:
    ids, eve = pipeline(world), stranger(world)

    def give(to: str) -> Reply:
        body: dict[str, Any] = {"pipeline": {"id": ids["pipeline"]}, "new_owner": {"id": to, "type": "user"}}
        return world.call("POST", "/pipeline-transfers", body)

    unknown, unrelated = give("nobody@example.com"), give("eve@example.com")
    assert (unknown.status, unrelated.status) == (404, 404)
    assert unknown.json["message"].replace("nobody@", "eve@") == unrelated.json["message"]
    given = give("grace@example.com")
    assert (given.json["previous_owner"]["id"], given.json["new_owner"]["id"]) == (
        world.actor.account.id,
        world.made["other"],
    )
    assert world.get("/apps/example").json["owner"]["email"] == "ada@example.com"
    assert (
        world.call("PATCH", "/pipelines/shop", {"name": "hers"}, token=token_of(world, "grace@example.com")).status
        == 200
    )
    assert world.get("/pipelines", token=eve).json == []


def test_an_account_that_owns_a_pipeline_is_not_deleted(world: World) -> None:
    accounts.create(world.context, world.actor, email="eve@example.com", password=PASSWORD)
    eve = accounts.log_in(world.context, "eve@example.com", PASSWORD)
    pipelines.create(world.context, eve, "eves")
    with pytest.raises(Forbidden, match="it owns 1 pipelines; transfer or destroy them first"):
        accounts.delete(world.context, eve, PASSWORD)
    pipelines.destroy(world.context, eve, "eves")
    assert accounts.delete(world.context, eve, PASSWORD)


def test_latest_builds_releases_and_deployments_are_one_of_each_app(world: World) -> None:
    pipeline(world)
    world.call("PATCH", "/apps/example/config-vars", {"A": "1"})
    (build,) = world.get("/pipelines/shop/latest-builds").json
    assert build["app"]["id"] == world.made["app"]
    releases = {
        found["app"]["name"]: found["description"] for found in world.get("/pipelines/shop/latest-releases").json
    }
    assert releases == {"example": "Set A config vars", "live": "Enable Logplex"}
    (deployment,) = world.get("/pipelines/shop/latest-deployments").json
    assert (deployment["app"]["name"], deployment["version"]) == ("example", 4)
    assert world.get("/pipelines/shop/pipeline-stack").json["stack"]["name"] == "cedar"


def test_filtered_apps_come_in_pages(world: World) -> None:
    ids = pipeline(world)
    body = {"in": {"id": [ids["example"], ids["live"], "unknown"]}}
    first = world.call("POST", "/filters/apps", body, headers={"Range": "id ..; max=1;"})
    assert (first.status, len(first.json)) == (206, 1)
    second = world.call("POST", "/filters/apps", body, headers={"Range": first.headers["next-range"]})
    assert {first.json[0]["id"], second.json[0]["id"]} == {ids["example"], ids["live"]}


@pytest.mark.parametrize(
    ("what", "body", "status", "words"),
    [
        ("POST /pipelines", {}, 422, "without name"),
        ("POST /pipelines", {"name": "No"}, 422, "3 to 30 lower-case letters"),
        ("POST /pipelines", {"name": "x" * 31}, 422, "3 to 30 lower-case letters"),
        ("POST /pipelines", {"name": "shop\n"}, 422, "3 to 30 lower-case letters"),
        ("POST /pipelines", {"name": "team", "owner": {"id": "x", "type": "team"}}, 422, "must be user"),
        ("POST /pipelines", {"name": "gift", "owner": {"id": "x", "type": "user"}}, 422, "for somebody else"),
        ("POST /pipelines", {"name": "gift", "owner": "me"}, 422, "owner: it must be an object"),
        ("PATCH /pipelines/shop", {}, 422, "without name"),
        ("POST /pipeline-couplings", {}, 422, "give `app`, `pipeline` and `stage`"),
        ("POST /pipeline-couplings", {"app": "live", "pipeline": "shop"}, 422, "without stage"),
        ("POST /pipeline-couplings", {"app": "live", "pipeline": "shop", "stage": "prod"}, 422, "the stages are"),
        ("POST /pipeline-couplings", {"app": "live", "pipeline": "no", "stage": "staging"}, 404, "find that pipeline"),
        ("POST /pipeline-couplings", {"app": "no", "pipeline": "shop", "stage": "staging"}, 404, "find that app"),
        ("PATCH /pipeline-couplings/unknown", {"stage": "staging"}, 404, "find that pipeline coupling"),
        ("POST /pipeline-transfers", {}, 422, "give `pipeline` and `new_owner`"),
        ("POST /pipeline-transfers", {"pipeline": "shop", "new_owner": {"id": "x", "type": "team"}}, 422, "be user"),
        ("POST /pipeline-transfers", {"pipeline": "shop", "new_owner": {}}, 422, "without new_owner.id"),
        ("POST /filters/apps", {}, 422, "give `in` with a list of ids"),
        ("POST /filters/apps", {"in": {"id": "x"}}, 422, "id: it must be a list of strings"),
        ("POST /filters/apps", {"in": {"id": ["x"] * 1001}}, 422, "at most 1000"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_clear_sentence(
    world: World, what: str, body: Any, status: int, words: str
) -> None:
    pipeline(world)
    method, _, path = what.partition(" ")
    reply = world.call(method, path, body)
    assert (reply.status, words in reply.json["message"]) == (status, True), reply.content
    assert len(world.get("/pipelines").json) == 1
