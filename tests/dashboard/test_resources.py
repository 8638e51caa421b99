"""What an app runs and uses: scaling, dynos, add-ons, and what a page of it refuses."""

from dataclasses import replace

import pytest
from tests.api.world import PASSWORD, Reply, World
from tests.dashboard.test_logging_in import OWN, ask, cookie_of, log_in

from celadon.actions import accounts, addons, apps, dynos, formations
from celadon.model.dyno import DynoRequest
from celadon.store import dynos as stored_dynos

PATH = "/dashboard/apps/example/resources"


def browse(world: World, path: str, form: dict[str, str] | None = None, cookie: str = "", **headers: str) -> Reply:
    method = "GET" if form is None else "POST"
    return ask(world, method, path, form, Cookie=cookie or cookie_of(log_in(world)), **{**OWN, **headers})


def amounts(world: World) -> dict[str, tuple[int, str]]:
    _, found = formations.list_of(world.context, world.actor, "example")
    return {entry.type: (entry.quantity, entry.size) for entry, _ in found}


def cookie_for(world: World, email: str) -> str:
    """Of somebody, who is made where they have no account."""
    if email != "grace@example.com":
        accounts.create(world.context, world.actor, email=email, password=PASSWORD)
    reply = ask(world, "POST", "/dashboard/login", {"email": email, "password": PASSWORD}, **OWN)
    return cookie_of(reply)


def test_a_change_says_what_it_does_before_it_is_done(world: World) -> None:
    form = {"quantity:web": "3", "size:web": "2X", "quantity:worker": "0", "size:worker": "1X"}
    asked = browse(world, PATH, form)
    text = asked.content.decode()
    assert asked.status == 200 and "Scale web from 1 to 3 (1X → 2X); $0 → $178.50 a month." in text
    assert amounts(world)["web"] == (1, "1X")
    said = "Scale web from 1 to 3 (1X → 2X); $0 → $178.50 a month."
    done = browse(world, PATH, {**form, "said": said})
    assert (done.status, done.headers["location"]) == (303, PATH)
    assert amounts(world) == {"web": (3, "2X"), "worker": (0, "1X")}


def test_a_change_that_has_come_to_mean_something_else_is_read_again(world: World) -> None:
    said = "Scale web from 1 to 3; $0 → $70.50 a month."
    formations.update(world.context, world.actor, "example", [formations.Update(type="web", quantity=2)])
    refused = browse(world, PATH, {"quantity:web": "3", "size:web": "1X", "said": said})
    assert refused.status == 409 and "Scale web from 2 to 3" in refused.content.decode()
    assert amounts(world)["web"] == (2, "1X")


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"quantity:web": "101"}, "a quantity is from 0 to 100"),
        ({"quantity:web": "many"}, "write a number"),
        ({"quantity:web": ""}, "write a number"),
        ({"size:web": "<b>"}, "cannot use dyno size"),
        ({"quantity:web": "99", "quantity:worker": "99"}, "the limit of the app&#39;s owner is 100"),
    ],
)
def test_what_cannot_be_is_told_beside_what_was_typed(world: World, form: dict[str, str], words: str) -> None:
    refused = browse(world, PATH, form)
    assert refused.status == 422 and words in refused.content.decode()
    assert amounts(world) == {"web": (1, "1X"), "worker": (0, "1X")}


def test_a_form_while_one_types_is_answered_with_words_alone(world: World) -> None:
    answered = browse(world, f"{PATH}/change?quantity:web=101", **{"HX-Request": "true"})
    assert answered.status == 200 and "a quantity is from 0 to 100" in answered.content.decode()
    assert browse(world, f"{PATH}/change?quantity:web=2").status == 303


def test_nothing_changes_by_the_same_values(world: World) -> None:
    assert browse(world, PATH, {"quantity:web": "1", "size:web": "1X"}).status == 303
    assert browse(world, PATH, {"quantity:gone": "1"}).status == 303


def test_dynos_are_restarted_and_stopped(world: World) -> None:
    assert browse(world, f"{PATH}/dynos", {"step": "restart"}).status == 303
    _, running = dynos.list_of(world.context, world.actor, "example")
    assert [dyno.request for dyno, _ in running] == [DynoRequest.RESTART]
    assert browse(world, f"{PATH}/dynos", {"step": "stop", "dyno": "web.1"}).status == 303
    _, running = dynos.list_of(world.context, world.actor, "example")
    assert [dyno.request for dyno, _ in running] == [DynoRequest.STOP]
    assert browse(world, f"{PATH}/dynos", {"step": "stop", "dyno": "nothing.9"}).status == 404
    assert browse(world, f"{PATH}/dynos", {"step": "stop"}).status == 404
    assert browse(world, f"{PATH}/dynos", {}).status == 404


def test_an_addon_goes_when_its_name_is_typed(world: World) -> None:
    made = addons.create(world.context, world.actor, "example", plan="heroku-redis:premium-0").addon
    text = browse(world, PATH).content.decode()
    assert made.name in text and "$15" in text and "Premium 0" in text
    refused = browse(world, f"{PATH}/addons", {"step": "remove", "addon": made.id, "confirm": "yes"})
    assert refused.status == 422 and "type its name" in refused.content.decode()
    assert browse(world, f"{PATH}/addons", {"step": "remove", "addon": made.id, "confirm": made.name}).status == 303
    found = addons.by_id(world.context, made.id)
    assert found is not None and found.addon.state == "deprovisioning"
    assert browse(world, f"{PATH}/addons", {"step": "open", "addon": made.id}).status == 422
    assert browse(world, f"{PATH}/addons", {"step": "remove", "addon": "nobody"}).status == 404


def test_strangers_see_nothing_and_who_may_not_has_no_buttons(world: World) -> None:
    stranger = cookie_for(world, "eve@example.com")
    for path, form in ((PATH, None), (PATH, {}), (f"{PATH}/dynos", {"step": "restart"}), (f"{PATH}/addons", {})):
        assert browse(world, path, form, stranger).status == 404
    made = addons.create(world.context, world.actor, "example", plan="heroku-redis:premium-0").addon
    colleague = cookie_for(world, "grace@example.com")
    text = browse(world, PATH, cookie=colleague).content.decode()
    assert "Its owner alone may remove" in text and "Remove it" not in text
    removed = browse(world, f"{PATH}/addons", {"step": "remove", "addon": made.id, "confirm": made.name}, colleague)
    assert removed.status == 403


def test_an_app_without_code_says_what_to_do(world: World) -> None:
    apps.create(world.context, world.actor, name="second")
    assert "git push celadon main" in browse(world, "/dashboard/apps/second/resources").content.decode()


def test_long_lists_are_cut(world: World) -> None:
    world.deploy("example", {f"a-type-with-a-long-name-{number}": "sleep " + "x" * 2000 for number in range(120)})
    with world.context.database.transaction() as tx:
        first = stored_dynos.list_of(tx, world.made["app"])[0]
        for number in range(2, 100):
            stored_dynos.insert(tx, replace(first, id=f"dyno-{number}", number=number))
    for _ in range(50):
        addons.create(world.context, world.actor, "example", plan="heroku-redis")
    reply = browse(world, PATH)
    text = reply.content.decode()
    assert reply.status == 200 and len(reply.content) < 100_000
    assert "And 95 more process types" in text and "And 59 more" in text and "And 30 more" in text
