"""Values of PostgreSQL as JSON has them: numbers with all their digits, times as ISO 8601, JSON as it is; else text.

The server writes every value as text itself, so that a type nobody here knows is shown as `psql` would show it.
"""

import re
from functools import cache

import msgspec
import psycopg
from psycopg.adapt import AdaptersMap, Buffer, Loader
from psycopg.types.array import register_array

_DEEP = 300
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9:.]+)([+-][0-9:]+)?")


class Text(Loader):
    """What it is in a database of another encoding that UTF-8 cannot say is `�`."""

    def load(self, data: Buffer) -> object:
        return bytes(data).decode("utf-8", "replace")


class Boolean(Loader):
    def load(self, data: Buffer) -> object:
        return bytes(data) == b"t"


class Number(Loader):
    """NaN and infinities, which JSON does not have, are text."""

    def load(self, data: Buffer) -> object:
        text = bytes(data).decode("ascii")
        return msgspec.Raw(text.encode()) if _NUMBER.fullmatch(text) else text


class Moment(Loader):
    """`2026-01-31T12:00:00.5+00:00`; what ISO 8601 has no four digits for (`infinity`, 44 BC) is as PostgreSQL writes it."""

    def load(self, data: Buffer) -> object:
        text = bytes(data).decode("ascii")
        found = _TIME.fullmatch(text)
        if found is None:
            return text
        date, time, zone = found.groups()
        return f"{date}T{time}{zone if zone is None or ':' in zone else f'{zone}:00'}" if zone else f"{date}T{time}"


class Json(Loader):
    def load(self, data: Buffer) -> object:
        text = bytes(data)
        try:
            # So deep in others that whoever reads it has room as well.
            msgspec.json.decode(_DEEP * b"[" + text + _DEEP * b"]", type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError):
            return text.decode("utf-8", "replace")
        return msgspec.Raw(text)


_LOADERS: dict[type[Loader], tuple[str, ...]] = {
    Boolean: ("bool",),
    Number: ("int2", "int4", "int8", "oid", "float4", "float8", "numeric"),
    Moment: ("timestamp", "timestamptz"),
    Json: ("json", "jsonb"),
}


@cache
def adapters() -> AdaptersMap:
    """How each type is read; arrays of every type are lists."""
    types = psycopg.adapters.types
    found = AdaptersMap(types=types)
    found.register_loader(0, Text)
    for loader, names in _LOADERS.items():
        for called in names:
            found.register_loader(types[called].oid, loader)
    for info in types:
        if info.array_oid:
            register_array(info, _Registering(found))
    return found


class _Registering:
    connection = None

    def __init__(self, found: AdaptersMap) -> None:
        self.adapters = found


class Context:
    """What psycopg takes these adapters from."""

    connection = None

    def __init__(self) -> None:
        self.adapters = adapters()


def name(oid: int) -> str:
    """PostgreSQL's name of a type, `int4[]` for an array; `unknown` for what a database has defined itself."""
    info = psycopg.adapters.types.get(oid)
    if info is None:
        return "unknown"
    return f"{info.name}[]" if info.array_oid == oid else info.name
