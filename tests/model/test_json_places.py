"""Where in a JSON text a value is, however the text is laid out."""

import json
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from celadon.model import json_places

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    yield path, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, (*path, name))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from paths(inner, (*path, number))


@given(_JSON, st.sampled_from([None, 0, 1, 4, "\t", "\r\n "]), st.booleans(), st.sampled_from(["", " ", "\n\n"]))
def test_every_value_is_found_where_it_is(content: object, indent: int | str | None, ascii: bool, before: str) -> None:
    text = before + json.dumps(content, indent=indent, ensure_ascii=ascii)
    lines = text.split("\n")
    for path, value in paths(content):
        line, column = json_places.find(text, path)
        rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]])
        assert json.JSONDecoder().raw_decode(rest)[0] == value


def test_what_is_not_there_is_missed_where_it_should_be() -> None:
    text = '{"a": [{"b": 1},\n {"c": 2}]}'
    assert json_places.find(text, ("a", 1, "b", "deeper")) == (2, 2)
    assert json_places.find(text, ("a", 0, "b", "deeper")) == (1, 14)
    assert json_places.find(text, ("nothing",)) == (1, 1)
