"""Promotions by the API: what is accepted, for whom, and what each target says of itself until its end."""

from typing import Any

import pytest
from tests import packed
from tests.api.examples_pipelines import pipeline, promote
from tests.api.test_pipelines import couple, stranger, token_of
from tests.api.world import World

from celadon.actions import promotions, releases
from celadon.build.promotions import Promotions
from celadon.dynos.launch import checksum

WEB = {"web": "gunicorn app:app"}
PHASED = {"web": "gunicorn app:app", "release": "python migrate.py"}


def deploy(world: World, types: dict[str, str] = WEB) -> str:
    """Deploy to `example`, with a real slug on the disk; returns the slug's id."""
    world.deploy("example", types, commit="abc1234def")
    newest = packed.pack(world.context, world.made["app"])
    releases.finish(world.context, newest.id, succeeded=True)
    assert newest.slug_id
    return newest.slug_id


def work(world: World) -> None:
    """What the build role does with what was accepted."""
    copier = Promotions(world.context, lambda: None)
    for target in promotions.unreleased(world.context):
        copier.promote(target)


def targets(world: World, promotion: str, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.get(f"/pipeline-promotions/{promotion}/promotion-targets", **options).json
    return found


def test_a_promotion_makes_a_release_of_the_sources_code_with_the_targets_config(world: World) -> None:
    deploy(world)
    ids = pipeline(world)
    world.call("PATCH", "/apps/live/config-vars", {"MINE": "1"})
    accepted = promote(world, ids).json
    assert accepted["status"] == "pending"
    (target,) = targets(world, accepted["id"])
    assert (target["status"], target["release"]) == ("pending", None)
    work(world)
    (target,) = targets(world, accepted["id"])
    assert (target["status"], target["error_message"]) == ("succeeded", None)
    assert world.get(f"/pipeline-promotions/{accepted['id']}").json["status"] == "completed"
    made = world.get(f"/apps/live/releases/{target['release']['id']}").json
    assert (made["description"], made["version"], made["current"]) == ("Promote example v5 abc1234", 4, True)
    assert world.get("/apps/live/releases/4/config-vars").json == {"MINE": "1"}
    slug = world.get(f"/apps/live/slugs/{made['slug']['id']}").json
    assert (slug["commit"], slug["process_types"]) == ("abc1234def", WEB)
    assert checksum(world.context.blobs.slug(slug["id"])) == slug["checksum"]


def test_a_target_is_pending_until_its_release_phase_has_ended(world: World) -> None:
    deploy(world, PHASED)
    ids = pipeline(world)
    for succeeded, expected in ((True, ("succeeded", None)), (False, ("failed", "Release command failed"))):
        promotion = promote(world, ids).json["id"]
        work(world)
        (target,) = targets(world, promotion)
        assert (target["status"], world.get(f"/pipeline-promotions/{promotion}").json["status"]) == ("pending",) * 2
        assert world.get(f"/apps/live/releases/{target['release']['id']}").json["output_stream_url"]
        releases.finish(world.context, target["release"]["id"], succeeded=succeeded)
        (target,) = targets(world, promotion)
        assert (target["status"], target["error_message"]) == expected
        assert world.get(f"/pipeline-promotions/{promotion}").json["status"] == "completed"


def test_what_a_kill_interrupted_is_done_once_by_the_next_round(world: World) -> None:
    deploy(world)
    promotion = promote(world, pipeline(world)).json["id"]
    (target,) = promotions.unreleased(world.context)
    copy = promotions.begin(world.context, target)
    assert copy is not None
    # Killed when the copy was made and its release was not; a second one finds nothing left to do.
    Promotions(world.context, lambda: None)._copied(copy)
    work(world)
    Promotions(world.context, lambda: None).promote(target)
    assert targets(world, promotion)[0]["status"] == "succeeded"
    assert [found["version"] for found in world.get("/apps/live/releases").json] == [1, 2, 3]


def test_the_same_slug_is_copied_once_for_an_app(world: World) -> None:
    deploy(world)
    ids = pipeline(world)
    for _ in range(3):
        promote(world, ids)
        work(world)
    used = {found["slug"]["id"] for found in world.get("/apps/live/releases").json if found["slug"]}
    assert len(used) == 1
    assert world.get("/apps/live/releases").json[-1]["version"] == 5


def test_a_release_can_be_named_and_a_target_named_twice_is_one(world: World) -> None:
    deploy(world)
    deploy(world)
    ids = pipeline(world)
    body = {
        "pipeline": ids["pipeline"],
        "source": {"app": {"id": ids["example"]}, "release": {"id": "v5"}},
        "targets": [{"app": {"id": ids["live"]}}, {"app": "live"}],
    }
    promotion = world.call("POST", "/pipeline-promotions", body).json
    assert promotion["source"]["release"]["id"] == world.get("/apps/example/releases/5").json["id"]
    assert len(targets(world, promotion["id"])) == 1


def test_a_slug_that_is_gone_or_changed_fails_its_target_alone(world: World) -> None:
    slug_id = deploy(world)
    ids = pipeline(world)
    path = world.context.blobs.slug(slug_id)
    for damage, words in ((lambda: path.write_bytes(b"x"), "changed on disk"), (path.unlink, "no longer kept")):
        promotion = promote(world, ids).json["id"]
        damage()
        work(world)
        (target,) = targets(world, promotion)
        assert (target["status"], words in target["error_message"]) == ("failed", True), target
    assert len(world.get("/apps/live/releases").json) == 2
    assert not list(path.parent.glob("*.part"))


def test_a_target_that_is_destroyed_ends_its_part(world: World) -> None:
    deploy(world)
    promotion = promote(world, pipeline(world)).json["id"]
    world.call("DELETE", "/apps/live")
    work(world)
    assert promotions.unreleased(world.context) == []
    assert targets(world, promotion) == []
    assert world.get(f"/pipeline-promotions/{promotion}").json["status"] == "completed"


def test_what_was_accepted_survives_its_pipeline(world: World) -> None:
    deploy(world)
    ids = pipeline(world)
    promotion = promote(world, ids).json["id"]
    world.call("DELETE", f"/pipelines/{ids['pipeline']}")
    work(world)
    assert targets(world, promotion)[0]["status"] == "succeeded"


def test_who_may_not_release_a_target_promotes_nothing_to_it(world: World) -> None:
    deploy(world)
    ids, eve = pipeline(world), stranger(world)
    grace = token_of(world, "grace@example.com")
    world.call("POST", "/apps", {"name": "graces"}, token=grace)
    assert couple(world, grace, "graces", "shop", "production").status == 201

    def ask(token: str, source: str, *names: str) -> int:
        body = {"pipeline": ids["pipeline"], "source": {"app": source}, "targets": [{"app": name} for name in names]}
        return world.call("POST", "/pipeline-promotions", body, token=token).status

    assert ask(eve, "example", "live") == 404
    assert ask(grace, "example", "live") == 404
    assert ask(grace, "example", "graces", "live") == 404
    assert promotions.unreleased(world.context) == []
    assert ask(token_of(world, "grace@example.com", "read-protected"), "example", "graces") == 403
    # The code of an app is more than a token for writing may read.
    assert ask(token_of(world, "grace@example.com", "write"), "example", "graces") == 403
    assert ask(token_of(world, "grace@example.com", "write-protected"), "example", "graces") == 201


def test_a_promotion_is_shown_to_who_sees_its_source_and_a_target_to_who_sees_it(world: World) -> None:
    deploy(world)
    promotion = promote(world, pipeline(world)).json["id"]
    assert world.get(f"/pipeline-promotions/{promotion}", token=stranger(world)).status == 404
    grace = token_of(world, "grace@example.com")
    assert world.get(f"/pipeline-promotions/{promotion}", token=grace).status == 200
    assert targets(world, promotion, token=grace) == []


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"pipeline": None}, 422, "give `pipeline` and `source.app`"),
        ({"source": {}}, 422, "give `pipeline` and `source.app`"),
        ({"source": "example"}, 422, "source: it must be an object"),
        ({"targets": None}, 422, "without targets"),
        ({"targets": []}, 422, "1 to 1000 apps"),
        ({"targets": [{}]}, 422, "needs its `app`"),
        ({"targets": ["live"]}, 422, "each of its entries must be an object"),
        ({"targets": [{"app": "example"}]}, 422, "cannot promote example to itself"),
        ({"targets": [{"app": "outside"}]}, 422, "cannot promote to outside: it is not in pipeline shop"),
        ({"targets": [{"app": "nothing"}]}, 404, "find that app"),
        ({"source": {"app": "outside"}}, 422, "cannot promote outside: it is not in pipeline shop"),
        ({"source": {"app": "live"}, "targets": [{"app": "example"}]}, 422, "live v2: it has no code"),
        ({"source": {"app": "example", "release": "v99"}}, 404, "find that release"),
        ({"source": {"app": "example", "release": "v4"}}, 422, "example v4: its release command has not succeeded"),
        ({"pipeline": "nothing"}, 404, "find that pipeline"),
    ],
)
def test_what_cannot_be_promoted_is_refused_with_a_clear_sentence(
    world: World, change: dict[str, Any], status: int, words: str
) -> None:
    pipeline(world)
    world.call("POST", "/apps", {"name": "outside"})
    body = {"pipeline": "shop", "source": {"app": "example"}, "targets": [{"app": "live"}], **change}
    reply = world.call("POST", "/pipeline-promotions", body)
    assert (reply.status, words in reply.json["message"]) == (status, True), reply.content
    assert promotions.unreleased(world.context) == []


def test_only_releases_that_keep_their_code_are_promoted(world: World) -> None:
    pipeline(world)
    body = {"pipeline": "shop", "source": {"app": "example", "release": "v5"}, "targets": [{"app": "live"}]}
    for number in range(41):
        world.deploy("example", WEB, commit=f"{number:08x}")
    reply = world.call("POST", "/pipeline-promotions", body)
    assert (reply.status, "keep their code" in reply.json["message"]) == (422, True)
    assert world.call("POST", "/pipeline-promotions", {**body, "source": {"app": "example"}}).status == 201
