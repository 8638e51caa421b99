import pytest

from celadon.model import postgres_setting as rules
from celadon.model.errors import InvalidParams

MOST = 2**31 - 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_lock_waits", False),
        ("log_min_duration_statement", -1),
        ("log_min_duration_statement", MOST),
        ("log_statement", "ddl"),
        ("auto_explain.log_format", "json"),
    ],
)
def test_what_may_be_set_is_kept_as_it_is(name: str, value: object) -> None:
    assert rules.check({name: value}) == {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_lock_waits", "on"),
        ("log_lock_waits", 1),
        ("log_min_duration_statement", -2),
        ("log_min_duration_statement", MOST + 1),
        ("log_min_duration_statement", True),
        ("log_min_duration_statement", 1.5),
        ("log_min_duration_statement", "1"),
        ("log_statement", "everything"),
        ("log_statement", "none'\nssl = off"),
        ("log_statement", None),
        ("log_statement", ["none"]),
        ("ssl", False),
        ("log_statement'\nssl", "none"),
    ],
)
def test_nothing_else_is_set(name: str, value: object) -> None:
    with pytest.raises(InvalidParams):
        rules.check({name: value})


def test_nothing_at_all_is_no_change() -> None:
    with pytest.raises(InvalidParams, match="log_statement"):
        rules.check({})


def test_lines_say_what_was_chosen_and_load_what_that_needs() -> None:
    assert rules.lines({}) == ""
    chosen = {"log_statement": "all", "log_lock_waits": False, "auto_explain": True, "log_min_duration_statement": 0}
    assert rules.lines(chosen) == (
        "log_lock_waits = 'off'\nlog_min_duration_statement = '0'\nlog_statement = 'all'\n"
        "session_preload_libraries = 'auto_explain'\n"
    )
    assert rules.lines({"auto_explain": False}) == ""


def test_every_default_is_a_value() -> None:
    assert rules.check({name: setting.default for name, setting in rules.SETTINGS.items()})
