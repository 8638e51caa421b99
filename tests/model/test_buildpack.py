"""Short names of buildpacks: where they lead, who wins, what is near to one that nobody has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.model import buildpack
from celadon.model.errors import InvalidParams

APT = "https://packs.example/apt"
KNOWN = buildpack.names(
    ["python", "nodejs", "own"],
    {"node": "nodejs", "heroku/gradle": "java", "acme/apt": APT, "heroku/edge": APT},
    {"acme/apt": f"{APT}#v2", "heroku/nodejs": f"{APT}#node"},
)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("python", "python"),
        ("heroku/python", "python"),
        ("celadon/own", "own"),
        ("node", "nodejs"),
        ("acme/apt", f"{APT}#v2"),
        ("edge", APT),
        ("heroku/nodejs", f"{APT}#node"),
        ("nodejs", f"{APT}#node"),
        ("celadon/nodejs", "nodejs"),
    ],
)
def test_a_name_leads_where_the_last_list_says(name: str, target: str) -> None:
    assert buildpack.find(KNOWN, name) == target


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("heroku/pyton", "did you mean heroku/python or"),
        ("pythn", "did you mean python?"),
        # Its folder is not here.
        ("heroku/gradle", "cannot find the buildpack heroku/gradle"),
        ("other/apt", "did you mean acme/apt"),
        ("zzz", "celadon buildpacks:search lists"),
        ("z" * 9000, f"cannot find the buildpack {'z' * 80}: celadon"),
    ],
)
def test_a_name_that_nobody_has_is_refused_with_near_ones(name: str, told: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        buildpack.find(KNOWN, name)
    assert told in refused.value.message


@pytest.mark.parametrize(
    "entry",
    [
        {"../up": "python"},
        {"a": 1},
        {"a": "../python"},
        {"a": "file:///etc"},
        {"a": "https://me:hunter2@packs.example/a"},
        {"a": "-x"},
    ],
)
def test_a_list_with_what_cannot_be_used_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValueError) as refused:
        buildpack.checked_list(entry)
    assert "hunter2" not in str(refused.value)


def test_a_search_sees_each_buildpack_once() -> None:
    assert list(buildpack.listed(KNOWN)) == [
        "acme/apt",
        "heroku/edge",
        "heroku/nodejs",
        "heroku/own",
        "heroku/python",
    ]


@given(st.text())
def test_nothing_but_names_and_urls_passes(text: str) -> None:
    accepted = buildpack.is_url(text) or buildpack.is_short(text)
    assert not accepted or not any(character.isspace() or character in "'\"\\" for character in text)
