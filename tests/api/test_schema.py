"""Every endpoint answers what Heroku's published schema says it does."""

import pytest
from tests.api import schema
from tests.api.examples import ACCEPTED, CREATED, EXAMPLES, FILES, NOT_FOUND, UNPUBLISHED
from tests.api.world import World

from celadon.api import schema as described
from celadon.api.routes import ROUTES

_NAMES = [f"{route.method} {route.path}" for route in ROUTES]


@pytest.mark.parametrize("name", _NAMES)
def test_answer_conforms_to_the_published_schema(world: World, name: str) -> None:
    reply = EXAMPLES[name](world)
    if name in NOT_FOUND:
        assert (reply.status, reply.error, reply.json["resource"]) == (404, "not_found", NOT_FOUND[name])
        return
    expected = 201 if name in CREATED else 202 if name in ACCEPTED else 200
    assert reply.status == expected, reply.content
    assert reply.headers["content-type"] == ("application/octet-stream" if name in FILES else "application/json")
    target = schema.target_of(*name.split(" "))
    if name in UNPUBLISHED:
        assert target is None
    else:
        assert target is not None, f"{name} is neither in the schema nor listed as unpublished"
        assert schema.problems(target, reply.json) == []


def test_every_example_is_of_a_route() -> None:
    assert sorted(EXAMPLES) == sorted(_NAMES)


def test_deviations_name_what_the_schema_has_and_extras_what_it_has_not() -> None:
    definitions = described.published()["definitions"]
    for resource, name in described.DEVIATIONS:
        assert {"pattern", "enum"} & set(definitions[resource]["definitions"][name])
        assert name in definitions[resource]["properties"]
    for resource, name in described.EXTRAS:
        assert name not in definitions[resource]["properties"]


def test_validator_sees_a_wrong_type_and_a_missing_strict_property() -> None:
    target = {"$ref": "#/definitions/release"}
    assert schema.problems(target, {"version": "3"})
    assert schema.problems(target, {"user": {"id": "01234567-89ab-cdef-0123-456789abcdef"}})
