"""Where in a JSON text a value is: what a person's editor finds it by."""

import json
import re
from collections.abc import Iterator, Sequence

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def find(text: str, path: Sequence[str | int]) -> tuple[int, int]:
    """Line and column, from 1 on, of the value that names and numbers lead to in a valid JSON text.

    A path that leads nowhere stops at the last value that there is: what misses a key is where the key is missed.
    """
    at = _after_space(text, 0)
    for step in path:
        # Of a key that is there twice the last one counts, as for whoever reads the text.
        found = [place for name, place in _inside(text, at) if name == step]
        if not found:
            break
        at = found[-1]
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _inside(text: str, at: int) -> Iterator[tuple[str | int, int]]:
    """Name or number, and place, of each value right inside the one at this place."""
    opening = text[at]
    if opening not in "{[":
        return
    number = 0
    at = _after_space(text, at + 1)
    while text[at] not in "}]":
        name: str | int = number
        if opening == "{":
            name, at = _DECODER.raw_decode(text, at)
            at = _after_space(text, _after_space(text, at) + 1)
        yield name, at
        _, at = _DECODER.raw_decode(text, at)
        at = _after_space(text, at)
        if text[at] == ",":
            at = _after_space(text, at + 1)
        number += 1


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
