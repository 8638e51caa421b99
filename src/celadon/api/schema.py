"""The API described by itself: what Heroku's published schema says of the endpoints that this platform has."""

import functools
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec

from celadon.api.answer import Answer
from celadon.api.request import Call

Schema = dict[str, Any]

# (resource, property): why the schema's `pattern` or `enum` is not held.
DEVIATIONS = {
    ("app", "git_url"): "the pattern names git.heroku.com; ours is this platform's own host",
    ("app", "web_url"): "the pattern names herokuapp.com; ours is the platform's domain",
    ("team", "role"): "the enum has no viewer, which `team-member` says a member may be",
}
# Fields that Heroku's schema has not, as ours describes them.
EXTRAS: dict[tuple[str, str], Schema] = {
    ("app", "create_status"): {
        "description": "always complete; the official client's `apps:info --shell` prints it",
        "example": "complete",
        "readOnly": True,
        "type": ["string"],
    },
    ("app", "repository_url"): {
        "description": "where people look at its code; commits are linked to it",
        "example": "https://github.com/example/shop",
        "readOnly": False,
        "type": ["null", "string"],
    },
    ("build", "error"): {
        "description": "why a build failed",
        "example": "The build was cancelled.",
        "readOnly": True,
        "type": ["null", "string"],
    },
    ("build", "image"): {
        "description": "what an import imports: an image's name, or what its archive is called; null for other builds",
        "example": "registry.example.com/me/app:1",
        "readOnly": True,
        "type": ["null", "string"],
    },
    ("dyno", "crashes"): {
        "description": "how many of its starts in a row have ended in a crash",
        "example": 1,
        "readOnly": True,
        "type": ["integer"],
    },
    ("dyno", "exit_status"): {
        "description": "how its last process ended; null when none has, or nobody saw it",
        "example": 127,
        "readOnly": True,
        "type": ["null", "integer"],
    },
    ("slug", "image"): {
        "description": "what an imported image said of itself; null for a slug that was built",
        "example": None,
        "readOnly": True,
        "type": ["null", "object"],
    },
}
_THEIR_TITLE = "Heroku Platform API"
_OUR_TITLE = "Platform API"
# What a link of a method is, where the schema forgets to say.
_RELS = {"GET": "self", "PATCH": "update"}
# A resource as a `$ref` or a path's variable names it.
_REFERENCE = re.compile(r"(?:#/definitions/|%23%2Fdefinitions%2F)([a-z-]+)")


def show(call: Call) -> Answer:
    """The schema of this platform, as the client reaches it."""
    return Answer(value=_encoded(call.api_url))


# A platform has two addresses: with TLS and without.
@functools.lru_cache(maxsize=2)
def _encoded(api_url: str) -> msgspec.Raw:
    # The table of routes has this module's route in it.
    from celadon.api.routes import ROUTES

    served = {endpoint(route.method, route.path) for route in ROUTES}
    return msgspec.Raw(msgspec.json.encode(of_platform(api_url, served)))


def of_platform(api_url: str, served: Collection[str]) -> Schema:
    """The schema with the links among `served` (`endpoint` of each), and the resources that these speak of."""
    schema = adapted()
    definitions = schema["definitions"]
    for resource in definitions.values():
        resource["links"] = [link for link in resource.get("links", ()) if of_link(link) in served]
        resource["title"] = resource["title"].replace(_THEIR_TITLE, _OUR_TITLE)
    kept = _reached(definitions)
    (index, own) = schema["links"]
    return {
        **schema,
        "id": f"{api_url}/schema#",
        "title": f"Celadon {_OUR_TITLE}",
        "description": "The part of Heroku's Platform API that this Celadon platform has,"
        " by the schema that Heroku publishes.",
        "definitions": {name: definition for name, definition in definitions.items() if name in kept},
        "properties": {name: reference for name, reference in schema["properties"].items() if name in kept},
        "links": [{**index, "href": api_url}, own],
    }


def _reached(definitions: Schema) -> set[str]:
    """The resources that have links, and those that they refer to."""
    reached: set[str] = set()
    waiting = [name for name, resource in definitions.items() if resource["links"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _REFERENCE.findall(json.dumps(definitions[name]))
    return reached


def published() -> Schema:
    """Heroku's schema, mended where generators stop: two references lead nowhere, and three links do not say their `rel`."""
    text = Path(__file__).with_name("heroku-schema.json").read_text("utf-8")
    found: Schema = json.loads(text.replace("#/definitions/dyno_size/", "#/definitions/dyno-size/"))
    for _, link in links(found):
        if "rel" not in link:
            link["rel"] = _RELS[link["method"]]
    return found


def adapted() -> Schema:
    """Heroku's schema with this platform's deviations and extras."""
    schema = published()
    for resource, name in DEVIATIONS:
        attribute = schema["definitions"][resource]["definitions"][name]
        del attribute["pattern" if "pattern" in attribute else "enum"]
    for (resource, name), extra in EXTRAS.items():
        schema["definitions"][resource]["properties"][name] = extra
    return schema


def links(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Each resource's links, with its name."""
    for name, resource in schema["definitions"].items():
        for link in resource.get("links", ()):
            yield name, link


def of_link(link: Schema) -> str:
    """The endpoint of a link."""
    return endpoint(link["method"], link["href"])


def endpoint(method: str, path: str) -> str:
    """`GET /apps/:/builds`, of a route's path or a link's `href`: whatever the variables are called."""
    return f"{method} {re.sub(r':[a-z_]+|{[^}]*}', ':', path)}"
