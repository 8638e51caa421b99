"""Certificates by the API: which is served for which domain, and that a bad one changes nothing."""

import pytest
from tests import certified
from tests.api.world import World

from celadon.actions import accounts

ROOT = certified.root()


def pair(*names: str, days: tuple[int, int] = (-1, 90)) -> dict[str, str]:
    leaf = ROOT.issue(names[0], *names, days=days)
    return {"certificate_chain": leaf.pem + ROOT.pem, "private_key": leaf.key}


def domain(world: World, name: str, app: str = "example") -> None:
    assert world.call("POST", f"/apps/{app}/domains", {"hostname": name, "sni_endpoint": None}).status == 201


def add(world: World, *names: str) -> str:
    reply = world.call("POST", "/apps/example/sni-endpoints", pair(*names))
    assert reply.status == 201, reply.content
    assert "PRIVATE" not in reply.content.decode()
    return str(reply.json["name"])


def served(world: World, name: str) -> str | None:
    found = world.get(f"/apps/example/domains/{name}").json["sni_endpoint"]
    return found["name"] if found else None


def test_a_certificate_is_served_for_the_domains_it_speaks_for(world: World) -> None:
    for name in ("www.example.com", "shop.example.com", "www.example.org"):
        domain(world, name)
    first = add(world, "www.example.com", "*.example.com")
    assert [served(world, f"{name}.example.com") for name in ("www", "shop")] == [first, first]
    assert served(world, "www.example.org") is None
    ids = world.get(f"/apps/example/sni-endpoints/{first}").json["domains"]
    assert len(ids) == 2


def test_a_domain_that_comes_later_takes_it_and_one_of_somebody_else_does_not(world: World) -> None:
    name = add(world, "*.example.com")
    world.call("POST", "/apps", {"name": "second"})
    domain(world, "other.example.com", app="second")
    domain(world, "www.example.com")
    assert served(world, "www.example.com") == name
    assert world.get("/apps/second/domains/other.example.com").json["sni_endpoint"] is None


def test_another_takes_over_when_one_goes(world: World) -> None:
    domain(world, "www.example.com")
    first, second = add(world, "www.example.com"), add(world, "*.example.com")
    assert served(world, "www.example.com") == first
    assert world.call("PATCH", "/apps/example/domains/www.example.com", {"sni_endpoint": second}).status == 200
    assert served(world, "www.example.com") == second
    assert world.call("DELETE", f"/apps/example/sni-endpoints/{second}").status == 200
    assert served(world, "www.example.com") == first
    assert world.call("DELETE", f"/apps/example/sni-endpoints/{first}").status == 200
    assert served(world, "www.example.com") is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (pair("www.example.org"), "not for www.example.com"),
        (pair("www.example.com", days=(-9, -1)), "expired"),
        (pair("www.example.com") | {"private_key": pair("www.example.com")["private_key"]}, "the key is not that of"),
        ({"certificate_chain": "x", "private_key": "y"}, "cannot read the key"),
        ({"certificate_chain": "x" * 20_000, "private_key": "y"}, "cannot read the key"),
        ({}, "both PEM"),
    ],
)
def test_what_cannot_be_served_leaves_the_old_one(world: World, body: dict[str, str], words: str) -> None:
    domain(world, "www.example.com")
    name = add(world, "www.example.com")
    before = world.get(f"/apps/example/sni-endpoints/{name}").json
    reply = world.call("PATCH", f"/apps/example/sni-endpoints/{name}", body)
    assert reply.status == 422, reply.content
    assert words in reply.json["message"]
    assert world.get(f"/apps/example/sni-endpoints/{name}").json == before


def test_one_for_other_names_than_the_apps_is_refused(world: World) -> None:
    domain(world, "www.example.com")
    reply = world.call("POST", "/apps/example/sni-endpoints", pair("www.example.org"))
    assert reply.status == 422
    assert "speaks for www.example.org, which example does not have" in reply.json["message"]


def test_a_domain_takes_only_a_certificate_of_its_app_that_speaks_for_it(world: World) -> None:
    domain(world, "www.example.com")
    other = world.call("POST", "/apps", {"name": "second"}).json["name"]
    reply = world.call("POST", f"/apps/{other}/sni-endpoints", pair("www.example.com"))
    path = "/apps/example/domains/www.example.com"
    assert world.call("PATCH", path, {"sni_endpoint": reply.json["name"]}).status == 404
    domain(world, "www.example.org")
    name = add(world, "www.example.org")
    refused = world.call("PATCH", path, {"sni_endpoint": name})
    assert refused.status == 422
    assert "it speaks for www.example.org" in refused.json["message"]
    assert world.call("PATCH", path, {}).status == 422
    assert world.call("PATCH", "/apps/example/domains/example.localhost", {"sni_endpoint": None}).status == 422


def test_the_key_is_never_told_and_a_stranger_is_told_nothing(world: World) -> None:
    name = add(world, "www.example.com")
    assert "private" not in world.get(f"/apps/example/sni-endpoints/{name}").content.decode().lower()
    accounts.create(world.context, world.actor, email="mallory@example.com", password="a long password")
    stranger = world.new_token(actor=accounts.log_in(world.context, "mallory@example.com", "a long password"))
    for method, path in (("GET", "sni-endpoints"), ("DELETE", f"sni-endpoints/{name}"), ("POST", "acm")):
        assert world.call(method, f"/apps/example/{path}", token=stranger).status == 404


def test_certificates_go_with_their_app(world: World) -> None:
    world.call("POST", "/apps", {"name": "second"})
    name = world.call("POST", "/apps/second/sni-endpoints", pair("www.example.com")).json["name"]
    world.call("DELETE", "/apps/second")
    world.call("POST", "/apps", {"name": "second"})
    assert world.get(f"/apps/second/sni-endpoints/{name}").status == 404


def test_automatic_certificates_are_switched_on_and_off(world: World) -> None:
    assert world.call("PATCH", "/apps/example/acm", {"acm_refresh": True}).status == 422
    assert world.call("POST", "/apps/example/acm", {}).json["acm"] is True
    assert world.get("/apps/example").json["acm"] is True
    assert world.call("DELETE", "/apps/example/acm").json["acm"] is False
