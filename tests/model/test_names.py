"""What may be a name of an app, a config var, a process type, an address."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.model import account, app, config, procfile
from celadon.model.errors import InvalidParams


@pytest.mark.parametrize("name", ["abc", "my-app-2", "a1b", "a" * 30])
def test_app_names(name: str) -> None:
    assert app.check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a" * 31,
        "1ab",
        "abc-",
        "-abc",
        "Abc",
        "a_b",
        "a.b",
        "../etc",
        "abc\n",
        "abc\x00",
        "ａｂｃ",
        "--upload-pack",
    ],
)
def test_what_is_no_app_name_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(InvalidParams, match="lowercase letters, digits, and dashes"):
        app.check_name(name)


@pytest.mark.parametrize("name", ["api", "www", "localhost", "git"])
def test_names_of_the_platform_itself_are_refused(name: str) -> None:
    with pytest.raises(InvalidParams, match=r"platform uses that name|dashes, 3 to 30"):
        app.check_name(name)


@given(st.integers())
def test_random_names_are_names(seed: int) -> None:
    assert app.check_name(app.random_name(random.Random(seed)))


@pytest.mark.parametrize("name", ["A", "_x", "a1", "PATH"])
def test_config_names(name: str) -> None:
    assert config.merge({}, {name: "v"}, 100) == {name: "v"}


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "A\n", "É", "PORT", "DYNO"])
def test_what_is_no_config_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidParams):
        config.merge({}, {name: "v"}, 100)


@pytest.mark.parametrize("value", ["\x00", "\ud800"])
def test_values_no_process_could_read_are_refused(value: str) -> None:
    with pytest.raises(InvalidParams):
        config.merge({}, {"A": value}, 100)


def test_config_over_the_limit_is_refused_whole() -> None:
    with pytest.raises(InvalidParams, match="64 are allowed"):
        config.merge({"A": "1"}, {"B": "x" * 63}, 64)


@given(st.dictionaries(st.from_regex(r"[A-Z]{1,5}", fullmatch=True), st.one_of(st.none(), st.text("ab", max_size=5))))
def test_merge_removes_what_is_none_and_sets_the_rest(changes: dict[str, str | None]) -> None:
    changes = {name: value for name, value in changes.items() if name not in config.RESERVED}
    merged = config.merge({"KEEP": "1"}, changes, 10_000)
    expected = {"KEEP": "1"} | {name: value for name, value in changes.items() if value is not None}
    assert merged == {name: value for name, value in expected.items() if changes.get(name, "") is not None}


@given(st.text(max_size=300))
def test_any_text_is_a_procfile_or_a_clear_error(text: str) -> None:
    try:
        types = procfile.parse(text)
    except procfile.ProcfileError as error:
        assert str(error).startswith("cannot read Procfile")
    else:
        assert all(procfile.PROCESS_TYPE.match(name) and command for name, command in types.items())


@pytest.mark.parametrize("email", ["", "a", "a@", "@b", "a b@c", "a@b\n", "a@b@c"])
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidParams):
        account.check_email(email)
