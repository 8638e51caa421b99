"""What happened to an app: for its owner all of it, for others its deploys."""

from tests.api.world import World
from tests.dashboard.test_resources import browse, cookie_for

from celadon.actions import addons, apps, formations
from celadon.model.formation import Update

PATH = "/dashboard/apps/example/activity"


def text_of(world: World, path: str, cookie: str = "") -> str:
    reply = browse(world, path, cookie=cookie)
    assert reply.status == 200 and len(reply.content) < 100_000
    return reply.content.decode()


def test_the_owner_sees_who_did_what_from_where(world: World) -> None:
    cookie = cookie_for(world, "grace@example.com")
    formation = {"quantity:web": "2", "size:web": "1X", "said": "Scale web from 1 to 2; $0 → $34.50 a month."}
    assert browse(world, "/dashboard/apps/example/resources", formation, cookie).status == 303
    text = text_of(world, PATH)
    assert "Scaled to web@2:1X" in text and "grace@example.com from 192.0.2.1" in text
    assert "Deploy 3063626d" in text and ">v3</a>" in text and "created by user" not in text


def test_kinds_and_pages(world: World) -> None:
    addons.create(world.context, world.actor, "example", plan="scheduler")
    for _ in range(60):
        apps.update(world.context, world.actor, "example", maintenance=True)
    text = text_of(world, PATH)
    assert text.count("Maintenance mode enabled") == 50 and "Page 1 of 2" in text and "Older" in text
    assert "Create app" in text_of(world, f"{PATH}?page=2")
    text = text_of(world, f"{PATH}?kind=add-ons")
    assert "scheduler:standard" in text and "Maintenance" not in text
    assert "so long ago" in text_of(world, f"{PATH}?page=99")
    for odd in ("page=-1", "page=%C2%B2", "page=9999999999", "kind=%3Cscript%3E", "page=1&kind=nothing"):
        assert browse(world, f"{PATH}?{odd}").status == 200


def test_who_may_not_manage_an_app_sees_its_deploys_alone(world: World) -> None:
    formations.update(world.context, world.actor, "example", [Update(type="web", quantity=2)])
    text = text_of(world, PATH, cookie_for(world, "grace@example.com"))
    assert "Deploy 3063626d" in text and "is for who may manage it" in text
    assert "Scaled" not in text and "192.0.2.1" not in text and 'aria-label="Kinds"' not in text


def test_somebody_elses_app_is_not_there(world: World) -> None:
    assert browse(world, PATH, cookie=cookie_for(world, "eve@example.com")).status == 404
