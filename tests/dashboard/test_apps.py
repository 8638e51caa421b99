"""The list of apps, and one app at a glance."""

from tests.api.world import World
from tests.dashboard.test_logging_in import OWN, ask, cookie_of, log_in


def page(world: World, path: str) -> str:
    reply = ask(world, "GET", path, Cookie=cookie_of(log_in(world)))
    assert reply.status == 200, reply.content.decode()
    assert "script-src 'self'" in reply.headers["content-security-policy"]
    assert len(reply.content) < 100_000
    return reply.content.decode()


def test_apps_are_found_by_name_owner_region_and_stack(world: World) -> None:
    for words in ("example", "EXAM", "ada@example.com example", "us cedar"):
        assert 'href="/dashboard/apps/example"' in page(world, f"/dashboard?q={words}")
    assert 'href="/dashboard/apps/example"' not in page(world, "/dashboard?q=nothing-like-it")


def test_a_name_that_cannot_be_is_told_beside_the_form(world: World) -> None:
    refused = ask(world, "POST", "/dashboard", {"name": "<b>"}, Cookie=cookie_of(log_in(world)), **OWN)
    assert (
        refused.status == 422 and 'role="alert"' in refused.content.decode() and "<b>" not in refused.content.decode()
    )


def test_an_app_shows_its_formation_and_releases(world: World) -> None:
    text = page(world, "/dashboard/apps/example")
    assert "v1" in text and "Initial release" in text and "serves" in text


def test_somebody_elses_app_is_not_there(world: World) -> None:
    reply = ask(world, "GET", "/dashboard/apps/not-mine", Cookie=cookie_of(log_in(world)))
    assert reply.status == 404 and "Couldn" in reply.content.decode()
