"""Request bodies: JSON objects whose values are asked for by name and type, with a clear sentence when they do not fit.

A field nobody asks for is ignored; null counts as absent.
"""

from collections.abc import Mapping

import msgspec

from celadon.model.errors import BadRequest, InvalidParams

DEPTH = 32
_TEXT_LIMIT = 64 << 10
_SHOWN = 100
_KINDS = {str: "a string", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


def parse(content: bytes) -> "Body":
    """The body as an object; an empty one stands for `{}`. Raises BadRequest."""
    if not content.strip():
        return Body({})
    try:
        read = msgspec.json.decode(content)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"cannot read the request's body: it is not valid JSON ({error})") from None
    if not isinstance(read, dict):
        raise BadRequest(f"cannot read the request's body: it must be a JSON object, not {_kind(read)}")
    if _deeper(read, DEPTH):
        raise _too_deep()
    return Body(read)


def _too_deep() -> BadRequest:
    return BadRequest(f"cannot read the request's body: it is nested more than {DEPTH} levels deep")


def _deeper(value: object, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    nested = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper(entry, levels - 1) for entry in nested)


def _kind(value: object) -> str:
    return "null" if value is None else _KINDS.get(type(value), "that")


class Body:
    """One JSON object of a request. Every method raises InvalidParams when the value is of another type."""

    def __init__(self, values: Mapping[str, object], where: str = "") -> None:
        self.values = values
        self._where = where

    def _called(self, name: str) -> str:
        """A field as messages call it: there are objects whose names are the client's."""
        return f"{self._where}{name[:_SHOWN]}"

    def _wrong(self, name: str, expected: str) -> InvalidParams:
        return InvalidParams(f"cannot use {self._called(name)}: it must be {expected}, not {_kind(self.values[name])}")

    def _missing(self, name: str) -> InvalidParams:
        return InvalidParams(f"cannot do this without {self._called(name)}: give it in the request's body")

    def raw_text(self, name: str) -> str | None:
        """Text as it is, whatever its characters and length: for values an action checks with words of its own."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "a string")
        return value

    def text(self, name: str, limit: int = _TEXT_LIMIT) -> str | None:
        value = self.raw_text(name)
        if value is not None and "\x00" in value:
            raise InvalidParams(f"cannot use {self._called(name)}: it has a NUL character")
        if value is not None and len(value) > limit:
            raise InvalidParams(f"cannot use {self._called(name)}: it is longer than {limit:,} characters")
        return value

    def needed_text(self, name: str, limit: int = _TEXT_LIMIT) -> str:
        value = self.text(name, limit)
        if value is None:
            raise self._missing(name)
        return value

    def flag(self, name: str) -> bool | None:
        """True or false; there are clients that say 1 and 0."""
        value = self.values.get(name)
        if value in (0, 1):
            return bool(value)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def integer(self, name: str) -> int | None:
        """A whole number, also one written as a string; at most 18 digits."""
        value = self.values.get(name)
        if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) <= 18:
            value = int(value)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(name, "a whole number")
        if abs(value) >= 10**18:
            raise InvalidParams(f"cannot use {self._called(name)}: the number is too large")
        return value

    def entry(self, name: str) -> "Body | None":
        """A nested object."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(name, "an object")
        return Body(value, f"{self._called(name)}.")

    def entries(self, name: str) -> list["Body"] | None:
        """A list of objects."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        for entry in value:
            if not isinstance(entry, dict):
                raise InvalidParams(f"cannot use {self._called(name)}: each of its entries must be an object")
        return [Body(entry, f"{self._called(name)}.") for entry in value]

    def needed_entries(self, name: str) -> list["Body"]:
        found = self.entries(name)
        if found is None:
            raise self._missing(name)
        return found

    def texts(self, name: str) -> list[str] | None:
        """A list of strings."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(entry, str) and "\x00" not in entry for entry in value):
            raise self._wrong(name, "a list of strings")
        return value

    def reference(self, name: str) -> str | None:
        """Something named by a string or a number, or by an object with its `name`, `id` or `email`."""
        value = self.values.get(name)
        if isinstance(value, dict):
            named = self.entry(name)
            return (named.text("name") or named.text("id") or named.text("email")) if named else None
        if isinstance(value, int) and not isinstance(value, bool):
            return str(self.integer(name))
        return self.text(name)

    def needed_reference(self, name: str) -> str:
        found = self.reference(name)
        if not found:
            raise self._missing(name)
        return found
