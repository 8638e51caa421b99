"""Heroku's published schema as validators of answers, and where this platform deviates from it and why."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema import validators

_SCHEMA = json.loads((Path(__file__).parent / "heroku-schema.json").read_text("utf-8"))

# (resource, property): why the schema's `pattern` or `enum` is not held.
DEVIATIONS = {
    ("app", "git_url"): "the pattern names git.heroku.com; ours is this platform's own host",
    ("app", "web_url"): "the pattern names herokuapp.com; ours is the platform's domain",
}
# Fields the schema has not, and why they are there.
EXTRAS = {
    ("app", "create_status"): "the official client's `apps:info --shell` prints it",
    ("build", "error"): "why a build failed, for clients that show it",
}


def _relaxed() -> dict[str, Any]:
    schema = copy.deepcopy(_SCHEMA)
    for resource, name in DEVIATIONS:
        del schema["definitions"][resource]["definitions"][name]["pattern"]
    for resource, name in EXTRAS:
        schema["definitions"][resource]["properties"][name] = {}
    del schema["id"]
    return dict(schema)


def _strict_properties(
    validator: Any, strict: bool, instance: Any, schema: Any
) -> Iterator[jsonschema.ValidationError]:
    """`strictProperties`: all of them, and no others."""
    if strict and isinstance(instance, dict):
        expected = set(schema.get("properties", {}))
        if set(instance) != expected:
            yield jsonschema.ValidationError(f"has {sorted(instance)}, must have exactly {sorted(expected)}")


_Validator: Any = validators.extend(jsonschema.Draft4Validator, {"strictProperties": _strict_properties})
_RELAXED = _relaxed()


def _links() -> dict[str, dict[str, Any]]:
    """`GET /apps/:/builds` → what the schema says of the answer."""
    found: dict[str, dict[str, Any]] = {}
    for name, resource in _SCHEMA["definitions"].items():
        for link in resource.get("links", ()):
            path = re.sub(r"\{[^}]*\}", ":", link["href"])
            target = link.get("targetSchema") or {"$ref": f"#/definitions/{name}"}
            found.setdefault(f"{link['method']} {path}", target)
    return found


LINKS = _links()


def target_of(method: str, path: str) -> dict[str, Any] | None:
    """The schema of an endpoint's answer; None when the published schema has no such endpoint."""
    return LINKS.get(f"{method} {re.sub(r':[a-z_]+', ':', path)}")


def problems(target: dict[str, Any], value: Any) -> list[str]:
    """Where a value does not fit."""
    validator = _Validator({**_RELAXED, **_without_root(), **target}, format_checker=jsonschema.FormatChecker())
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(value)]


def _without_root() -> dict[str, Any]:
    """The published root describes the whole API as one object; an answer is validated by its own part alone."""
    return {"type": ["object", "array"], "properties": {}}
