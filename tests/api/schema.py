"""Heroku's published schema as validators of answers (where this platform deviates: `celadon.api.schema`)."""

from collections.abc import Iterator
from typing import Any

import jsonschema
from jsonschema import validators

from celadon.api import schema as described


def _strict_properties(
    validator: Any, strict: bool, instance: Any, schema: Any
) -> Iterator[jsonschema.ValidationError]:
    """`strictProperties`: all of them, and no others."""
    if strict and isinstance(instance, dict):
        expected = set(schema.get("properties", {}))
        if set(instance) != expected:
            yield jsonschema.ValidationError(f"has {sorted(instance)}, must have exactly {sorted(expected)}")


_Validator: Any = validators.extend(jsonschema.Draft4Validator, {"strictProperties": _strict_properties})
_SCHEMA = described.adapted()
del _SCHEMA["id"]


def _targets() -> dict[str, dict[str, Any]]:
    """`GET /apps/:/builds` → what the schema says of the answer."""
    found: dict[str, dict[str, Any]] = {}
    for name, link in described.links(_SCHEMA):
        nothing = {"type": "object", "additionalProperties": False}
        target = link.get("targetSchema") or (nothing if link["rel"] == "empty" else {"$ref": f"#/definitions/{name}"})
        found.setdefault(described.of_link(link), target)
    (_, own) = _SCHEMA["links"]
    return {**found, described.of_link(own): own["targetSchema"]}


_TARGETS = _targets()


def target_of(method: str, path: str) -> dict[str, Any] | None:
    """The schema of an endpoint's answer; None when the published schema has no such endpoint."""
    return _TARGETS.get(described.endpoint(method, path))


# The endpoints of the published schema, and what it says of the body of those that take one.
ENDPOINTS = sorted(_TARGETS)
_SENT = {described.of_link(link): link["schema"] for _, link in described.links(_SCHEMA) if "schema" in link}


def sent_to(method: str, path: str) -> dict[str, Any] | None:
    """The schema of a request's body; None when the published schema says nothing of it."""
    return _SENT.get(described.endpoint(method, path))


def definition(reference: str) -> dict[str, Any]:
    """What a `$ref` of the schema points at."""
    found: Any = _SCHEMA
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def problems(target: dict[str, Any], value: Any) -> list[str]:
    """Where a value does not fit."""
    validator = _Validator({**_SCHEMA, **_without_root(), **target}, format_checker=jsonschema.FormatChecker())
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(value)]


def _without_root() -> dict[str, Any]:
    """The published root describes the whole API as one object; an answer is validated by its own part alone."""
    return {"type": ["object", "array"], "properties": {}}
