"""Domains by the API: whose a name is, in which form it is kept, when it is free again."""

from tests.api.world import World

from celadon.model.account import Actor


def add(world: World, app: str, hostname: str, actor: Actor | None = None) -> tuple[int, str]:
    token = world.new_token("global", actor=actor) if actor else None
    headers = {"token": token} if token else {}
    reply = world.call("POST", f"/apps/{app}/domains", {"hostname": hostname}, **headers)
    return reply.status, reply.json["hostname"] if reply.status == 201 else reply.json["message"]


def test_a_name_is_kept_in_lower_case_and_punycode(world: World) -> None:
    assert add(world, "example", "WWW.Example.COM.") == (201, "www.example.com")
    assert add(world, "example", "Bücher.example") == (201, "xn--bcher-kva.example")
    assert world.get("/apps/example/domains/bücher.example").status in (200, 404)
    listed = [entry["hostname"] for entry in world.get("/apps/example/domains").json]
    assert set(listed) == {"example.localhost", "www.example.com", "xn--bcher-kva.example"}
    assert world.call("DELETE", "/apps/example/domains/www.example.com").status == 200
    assert add(world, "example", "www.example.com")[0] == 201


def test_a_name_belongs_to_one_app_and_is_free_when_that_is_destroyed(world: World) -> None:
    world.call("POST", "/apps", {"name": "second"})
    assert add(world, "second", "www.example.com")[0] == 201
    status, message = add(world, "example", "www.example.com")
    assert status == 422 and "in use by an app" in message
    assert world.call("DELETE", "/apps/second").status == 200
    assert add(world, "example", "www.example.com")[0] == 201


def test_the_platforms_names_and_an_apps_own_are_not_to_be_had(world: World) -> None:
    for name in ("localhost.localdomain.localhost", "x.localhost", "api.localhost"):
        status, message = add(world, "example", name)
        assert status == 422 and "platform's own" in message
    assert world.call("DELETE", "/apps/example/domains/example.localhost").status == 422
    assert world.call("DELETE", "/apps/example/domains/nobody.example.com").status == 404


def test_what_everybody_has_names_under_is_nobodys(world: World) -> None:
    for name in ("*.co.uk", "*.github.io"):
        status, message = add(world, "example", name)
        assert status == 422 and "belongs to nobody" in message
    assert add(world, "example", "*.example.co.uk")[0] == 201


def test_an_app_has_a_thousand_domains_and_no_more(world: World) -> None:
    for number in range(1000):
        assert add(world, "example", f"n{number}.example.com")[0] == 201
    status, message = add(world, "example", "more.example.com")
    assert status == 422 and "at most 1000" in message
    assert len(world.call("GET", "/apps/example/domains", headers={"Range": "id ..; max=1000"}).json) == 1000


def test_nonsense_is_refused_in_words(world: World) -> None:
    for hostname in ("", "a b.com", "ex\u0000ample.com", "x" * 5000 + ".com", "\u202e.com", "☃"):
        assert add(world, "example", hostname)[0] in (400, 422), hostname
    assert world.call("POST", "/apps/example/domains", {"hostname": 7}).status in (400, 422)
    assert world.call("POST", "/apps/example/domains", {}).status == 422
