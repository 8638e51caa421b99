"""`GET /schema` describes the API that is there: a hyper-schema, of this platform's endpoints and no others."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from tests.api.examples import UNPUBLISHED
from tests.api.world import World

from celadon.api import schema
from celadon.api.routes import ROUTES

_HYPER_SCHEMA = json.loads((Path(__file__).with_name("draft-04-hyper-schema.json")).read_text("utf-8"))


@pytest.fixture
def told(world: World) -> Any:
    """As anybody gets it, who names no version."""
    return world.call("GET", "/schema", token=None, headers={"Accept": "*/*"}).json


@pytest.fixture
def complete() -> schema.Schema:
    """What it will be when all of Heroku's endpoints are there."""
    every = {schema.of_link(link) for _, link in schema.links(schema.published())}
    return schema.of_platform("http://localhost", every)


def test_it_is_a_draft_4_hyper_schema(told: Any, complete: schema.Schema) -> None:
    assert _problems(told) == _problems(complete) == []
    told["definitions"]["app"]["links"][0].pop("href")
    assert _problems(told) == ["'href' is a required property"]


def _problems(described: Any) -> list[str]:
    return [error.message for error in jsonschema.Draft4Validator(_HYPER_SCHEMA).iter_errors(described)]


def test_every_route_of_herokus_has_its_link_and_there_is_no_other(told: Any) -> None:
    (_, own) = told["links"]
    linked = {schema.of_link(link) for _, link in schema.links(told)} | {schema.of_link(own)}
    routed = {f"{route.method} {route.path}" for route in ROUTES} - UNPUBLISHED
    assert linked == {schema.endpoint(*name.split(" ")) for name in routed}


def test_every_reference_leads_to_a_definition(told: Any) -> None:
    text = json.dumps(told)
    pointers = re.findall(r'"\$ref": "#([^"]*)"', text)
    pointers += [unquote(name).removeprefix("#") for name in re.findall(r"{\((%23[^)]*)\)}", text)]
    assert len(pointers) > 100
    for pointer in pointers:
        found = told
        for segment in pointer.strip("/").split("/"):
            found = found[segment]
    assert set(told["properties"]) == set(told["definitions"])


def test_it_speaks_of_this_platform(world: World, told: Any) -> None:
    settings = world.context.settings
    assert told["title"] == "Celadon Platform API"
    assert told["definitions"]["app"]["title"] == "Platform API - App"
    assert told["id"] == f"{settings.api_url}/schema#"
    assert told["links"][0] == {"href": settings.api_url, "rel": "self", "title": "Index"}
    secure = world.get("/schema", headers={"X-Forwarded-Proto": "https"}).json
    assert secure["links"][0]["href"] == settings.api_https_url


def test_deviations_and_extras_are_in_it(told: Any) -> None:
    definitions = told["definitions"]
    assert "pattern" not in definitions["app"]["definitions"]["web_url"]
    assert definitions["build"]["properties"]["error"]["type"] == ["null", "string"]


def test_what_is_known_already_is_not_sent_again(world: World) -> None:
    etag = world.get("/schema").headers["etag"]
    again = world.get("/schema", headers={"If-None-Match": etag})
    assert (again.status, again.content) == (304, b"")
