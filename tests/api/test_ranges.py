"""Parts of lists: the Range header in all the ways clients write it."""

from types import SimpleNamespace

import pytest
from tests.api.world import World

from celadon.actions import apps
from celadon.api import ranges
from celadon.api.answer import Listing
from celadon.api.failures import RangeNotSatisfiable

_ATTRIBUTES = {"version": lambda item: item.version, "id": lambda item: item.id}
_ITEMS = [SimpleNamespace(version=number, id=f"id-{number:03d}") for number in range(1, 251)]


def _select(text: str | None) -> tuple[list[int], str, str | None]:
    listing = Listing(items=_ITEMS, attributes=_ATTRIBUTES, shape=dict)
    part = ranges.select(listing, ranges.parse(text, _ATTRIBUTES))
    return [item.version for item in part.items], part.content, part.following


@pytest.mark.parametrize(
    ("text", "versions", "following"),
    [
        (None, range(1, 201), "version ]200..; max=200"),
        ("", range(1, 201), "version ]200..; max=200"),
        ("version ..; max=1, order=desc", [250], "version ]250..; max=1, order=desc"),
        ("version ..; order=desc,max=1", [250], "version ]250..; max=1, order=desc"),
        ("version ..; order=desc", range(250, 50, -1), "version ]51..; max=200, order=desc"),
        ("id ..; max=1000;", range(1, 251), None),
        ("id ..; ;", range(1, 201), "id ]id-200..; max=200"),
        ("domain ..; ;", range(1, 201), "version ]200..; max=200"),
        ("seq ..; order=desc,max=2", [250, 249], "version ]249..; max=2, order=desc"),
        ("version 3..5", [3, 4, 5], None),
        ("version ]3..5", [4, 5], None),
        ("version [3..5]; max=2", [3, 4], "version ]4..5; max=2"),
        ("version 248..", [248, 249, 250], None),
        ("version ..2", [1, 2], None),
        ("version ]248..; order=asc", [249, 250], None),
        ("version 3..; order=desc", [3, 2, 1], None),
        ("version ]3..; order=desc", [2, 1], None),
        ("version 5..3; order=desc", [5, 4, 3], None),
        ("version 3..5; order=desc", [5, 4, 3], None),
        ("id id-003..id-005; max=10,order=desc", [5, 4, 3], None),
        ("version ..; max=99999", range(1, 251), None),
        ("version 900..", [], None),
        ("bytes=0-99", range(1, 201), "version ]200..; max=200"),
        ("version ..; colour=red", range(1, 201), "version ]200..; max=200"),
    ],
)
def test_range_chooses(text: str | None, versions: list[int], following: str | None) -> None:
    assert _select(text)[0] == list(versions)
    assert _select(text)[2] == following


@pytest.mark.parametrize("attribute", ["version", "id"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_following_next_range_sees_everything_once(attribute: str, order: str) -> None:
    text: str | None = f"{attribute} ..; max=7, order={order}"
    seen: list[int] = []
    while text:
        versions, _, text = _select(text)
        seen += versions
    assert seen == list(range(1, 251) if order == "asc" else range(250, 0, -1))


@pytest.mark.parametrize(
    "text",
    ["version", "version 1-5", "version ..; max=0", "version ..; max=many", "version ..; max=-1",
     "version ..; order=sideways", "version a..b", "version ..; max=", "version 1..99999999999999999999",
     "version ²..", "version ..; max=²"],
)  # fmt: skip
def test_range_that_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(RangeNotSatisfiable, match="cannot"):
        _select(text)


def test_part_of_a_list_is_206_and_the_rest_can_be_had(world: World) -> None:
    for name in ("alpha", "beta-app", "gamma"):
        apps.create(world.context, world.actor, name=name)
    first = world.get("/apps", headers={"Range": "name ..; max=2"})
    assert first.status == 206
    assert first.headers["content-range"] == "name alpha..beta-app"
    assert first.headers["accept-ranges"] == "name, id"
    rest = world.get("/apps", headers={"Range": first.headers["next-range"]})
    assert [app["name"] for app in rest.json] == ["example", "gamma"]
    assert "next-range" not in rest.headers
    whole = world.get("/apps")
    assert (whole.status, len(whole.json)) == (200, 4)


def test_unreadable_range_is_416(world: World) -> None:
    reply = world.get("/apps/example/releases", headers={"Range": "version ..; max=zero"})
    assert (reply.status, reply.error) == (416, "requested_range_not_satisfiable")


def test_newest_release_as_clients_ask_for_it(world: World) -> None:
    reply = world.get("/apps/example/releases", headers={"Range": "version ..; order=desc,max=1"})
    assert [release["version"] for release in reply.json] == [4]


def test_range_of_what_is_no_list_is_ignored(world: World) -> None:
    assert world.get("/apps/example", headers={"Range": "nonsense"}).status == 200
    replaced = world.call("PUT", "/apps/example/buildpack-installations", {"updates": []}, headers={"Range": ""})
    assert replaced.status == 200


def test_builds_are_listed_by_time(world: World) -> None:
    newest = world.deploy("example", {"web": "x"})
    reply = world.get("/apps/example/builds", headers={"Range": "created_at ..; order=desc,max=1"})
    assert [build["id"] for build in reply.json] == [newest]
    rest = world.get("/apps/example/builds", headers={"Range": reply.headers["next-range"]})
    assert [build["id"] for build in rest.json] != [newest]
    assert len(rest.json) == 1
