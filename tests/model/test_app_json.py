"""app.json: what it may say, and what is said of one that says something else."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from celadon.model import addon, app_json, config
from celadon.model.app_json import AppJson, EnvVar, ManifestError, Scale, WantedAddOn


def parse(**keys: object) -> AppJson:
    return app_json.parse(json.dumps(keys).encode())


def errors(content: object) -> tuple[str, ...]:
    with pytest.raises(ManifestError) as found:
        app_json.parse(content if isinstance(content, bytes) else json.dumps(content).encode())
    return found.value.errors


def test_everything_that_is_used() -> None:
    found = parse(
        name="Small Sharp Tool",
        description="This app does one little thing.",
        keywords="not looked at",
        success_url="/welcome",
        scripts={"postdeploy": "rake bootstrap", "pr-predestroy": "rake gone"},
        env={"A": "1", "B": {"value": "2"}, "C": {"generator": "secret"}, "D": {"required": False}, "E": {}},
        formation={"web": {"quantity": 2, "size": "standard-1x"}, "worker": {}},
        buildpacks=[{"url": "heroku/python"}, {"url": "https://example.com/buildpack.tgz"}],
        addons=[
            "heroku-postgresql:mini",
            {"plan": "heroku-redis", "as": "CACHE", "options": {"maxmemory": "noeviction", "tls": True, "size": 3}},
        ],
        environments={"test": {"addons": ["heroku-postgresql"]}},
        stack="heroku-24",
        image=None,
    )
    assert found == AppJson(
        env={
            "A": EnvVar(value="1"),
            "B": EnvVar(value="2"),
            "C": EnvVar(generated=True),
            "D": EnvVar(required=False),
            "E": EnvVar(),
        },
        formation={"web": Scale(quantity=2, size="standard-1x"), "worker": Scale()},
        addons=(
            WantedAddOn(plan="heroku-postgresql:mini"),
            WantedAddOn(
                plan="heroku-redis",
                attachment="CACHE",
                options={"maxmemory": "noeviction", "tls": "true", "size": "3"},
            ),
        ),
        buildpacks=("heroku/python", "https://example.com/buildpack.tgz"),
        postdeploy="rake bootstrap",
        success_url="/welcome",
    )


@pytest.mark.parametrize("content", [b"{}", b'{"env": null, "scripts": null}', b'{"scripts": {"postdeploy": " "}}'])
def test_nothing_is_needed(content: bytes) -> None:
    assert app_json.parse(content) == AppJson()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not valid JSON in UTF-8: Expecting value, line 1"),
        (b'{"env": {"SECRET": "\xff"}}', "not valid JSON in UTF-8"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON in UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b" " * (app_json.LIMIT + 1), "larger than 256 KB"),
        ([], "must be an object, not a list"),
        ({"name": 5}, "name must be a string, not a number"),
        ({"success_url": "javascript:alert(1)"}, "success_url must be a URL, or a path"),
        ({"scripts": []}, "scripts must be an object, not a list"),
        ({"scripts": {"postdeploy": ["a"]}}, "scripts.postdeploy must be a string, or an object with `command` and"),
        ({"scripts": {"postdeploy": {"size": "2X"}}}, "scripts.postdeploy.command must be a string, not null"),
        ({"scripts": {"postdeploy": {"command": "a", "size": 2}}}, "scripts.postdeploy.size must be a string"),
        ({"scripts": {"pr-predestroy": 1}}, "scripts.pr-predestroy must be a string, or an object"),
        ({"environments": []}, "environments must be an object, not a list"),
        ({"scripts": {"postdeploy": "a\x00"}}, "scripts.postdeploy has characters that no text may have"),
        ({"scripts": {"postdeploy": "\ud800"}}, "scripts.postdeploy has characters that no text may have"),
        ({"scripts": {"postdeploy": "x" * 5000}}, "scripts.postdeploy is longer than"),
        ({"env": ["A"]}, "env must be an object, not a list"),
        ({"env": {"A": 1}}, "env.A must be an object, not a number"),
        ({"env": {"A": {"description": 1, "value": "x"}}}, "env.A.description must be a string, not a number"),
        ({"env": {"A\n\x1b[31mB": "1"}}, "env.'A\\n\\x1b[31mB': cannot set config var"),
        ({"env": {"A": {"value": True}}}, "env.A.value must be a string, not true or false"),
        ({"env": {"A": {"required": "no"}}}, "env.A.required must be true or false, not a string"),
        ({"env": {"A": {"generator": "uuid"}}}, 'env.A.generator must be "secret"'),
        ({"env": {"A B": "1"}}, "a name has letters, digits and underscores"),
        ({"env": {"PORT": {"required": False}}}, "each dyno gets its own PORT"),
        ({"formation": {"web": 2}}, "formation.web must be an object, not a number"),
        ({"formation": {"web": {"quantity": "2"}}}, "formation.web.quantity must be a whole number from 0 to 100"),
        ({"formation": {"web": {"quantity": True}}}, "formation.web.quantity must be a whole number"),
        ({"formation": {"web": {"quantity": 101}}}, "formation.web.quantity must be a whole number"),
        ({"formation": {"web": {"size": 1}}}, "formation.web.size must be a string"),
        ({"formation": {"a b": {}}}, "formation.'a b' is no name of a process type"),
        ({"buildpacks": "heroku/python"}, "buildpacks must be a list, not a string"),
        ({"buildpacks": [{"name": "x"}]}, "buildpacks[0].url must be a string, not null"),
        ({"buildpacks": [{"url": "a"}] * 21}, "buildpacks has 21 entries, at most 20"),
        ({"addons": "heroku-postgresql"}, "addons must be a list"),
        ({"addons": [{"as": "CACHE"}]}, "addons[0].plan must be a string, not null"),
        ({"addons": [{"plan": "a", "as": 1}]}, "addons[0].as must be a string, not a number"),
        ({"addons": [{"plan": "a", "as": "cache"}]}, "addons[0]: cannot attach as 'cache'"),
        ({"addons": [{"plan": "a", "options": [1]}]}, "addons[0].options must be an object, not a list"),
        ({"addons": [{"plan": "a", "options": {"a": []}}]}, "addons[0].options.a must be a string, not a list"),
        ({"addons": [{"plan": "a", "options": {"a b": ""}}]}, "cannot give the provider an option 'a b'"),
        ({"addons": [{"plan": "a", "as": "DB"}, {"plan": "b", "as": "DB"}]}, "more than one add-on `as` DB"),
        ({"addons": ["a"] * 51}, "addons has 51 entries, at most 50"),
        ({"stack": "container"}, "stack 'container' is not here"),
    ],
)
def test_what_is_wrong_is_said(content: object, words: str) -> None:
    (said,) = errors(content)
    assert words in said


WRONG = b"""{
  "env": {
    "KEY": {"generator": "uuid"},
    "A B": "1"
  },
  "formation": {"web": {"quantity": 1, "quantity": -1}},
  "addons": ["scheduler",
    {"as": "DB"}]
}
"""


def test_each_mistake_is_said_with_its_place_in_the_order_of_the_file() -> None:
    assert [said.partition(" must")[0].partition(": cannot")[0] for said in errors(WRONG)] == [
        "line 3, column 26: env.KEY.generator",
        "line 4, column 12: env.'A B'",
        # Of a key that is there twice, the last is what counts.
        "line 6, column 52: formation.web.quantity",
        # What is not there is missed by what should have it.
        "line 8, column 5: addons[1].plan",
    ]


def test_a_syntax_error_is_said_with_its_place() -> None:
    assert errors(b'{\n  "env": {,}\n}') == (
        "app.json is not valid JSON in UTF-8: Expecting property name enclosed in double quotes, line 2, column 11",
    )


def test_a_script_may_say_in_which_size_it_runs() -> None:
    found = parse(scripts={"postdeploy": {"command": "rake db:seed", "size": "standard-2x"}})
    assert (found.postdeploy, found.postdeploy_size) == ("rake db:seed", "standard-2x")
    assert parse(scripts={"postdeploy": {"command": " ", "size": "standard-2x"}}) == AppJson()


def test_keys_that_nobody_knows_are_told_of() -> None:
    known = {"$schema": "x", "keywords": [], "logo": "x", "repository": "x", "website": "x", "image": "x"}
    found = parse(**known, environments={"review": {}}, addon=["a"], **{"a\nb": 1})
    assert found.unknown == ("addon", "a\N{REPLACEMENT CHARACTER}b")


def test_a_file_may_begin_with_a_mark_that_it_is_utf_8() -> None:
    assert app_json.parse(b'\xef\xbb\xbf{"env": {"A": "1"}}').env == {"A": EnvVar(value="1")}


def test_everything_that_is_wrong_is_said_at_once_and_not_without_end() -> None:
    assert len(errors({"name": 1, "env": {"A": 1}, "stack": 2})) == 3
    assert len(errors({"env": {f"A{number}": number for number in range(1000)}})) == 50


def test_config_vars_come_from_overrides_then_a_generator_then_a_value() -> None:
    found = parse(env={"A": "1", "B": {"value": "x", "generator": "secret"}, "C": "3", "D": {"required": False}})
    assert found.config_vars({"C": "mine", "MORE": "4"}, lambda: "made") == {
        "A": "1",
        "B": "made",
        "C": "mine",
        "MORE": "4",
    }


def test_required_config_vars_must_come_from_somewhere() -> None:
    found = parse(env={"A": {"description": "a key"}, "B": {"required": True}, "C": {}})
    assert found.env["A"].description == "a key"
    assert found.missing({"C": ""}) == ["A", "B"]
    with pytest.raises(ManifestError) as raised:
        found.config_vars({"C": ""}, lambda: "")
    assert raised.value.errors == tuple(
        f"config var {name} is required: give its value in overrides.env" for name in ("A", "B")
    )


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def _near(key: str) -> st.SearchStrategy[object]:
    """Values that look like the right ones."""
    entry = st.dictionaries(
        st.sampled_from(
            ["value", "required", "generator", "quantity", "size", "url", "plan", "as", "options", "postdeploy"]
        ),
        _JSON,
    )
    return _JSON | st.dictionaries(st.text(max_size=5) | st.just("web"), entry | _JSON) | st.lists(entry | _JSON)


# On a busy machine the first draws take long; what they find is asked all the same.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({}, optional={key: _near(key) for key in app_json._RULES}))
def test_any_json_is_an_app_json_or_said_to_be_none(content: dict[str, object]) -> None:
    try:
        found = app_json.parse(json.dumps(content).encode())
    except ManifestError as error:
        assert error.errors
        assert all(said.isprintable() and said.encode() for said in error.errors)
        return
    for name, var in found.env.items():
        config.check(name, var.value)
    for one in found.addons:
        addon.check_options(one.options)


@given(st.binary())
def test_any_bytes_are_an_app_json_or_said_to_be_none(content: bytes) -> None:
    try:
        app_json.parse(content)
    except ManifestError as error:
        assert error.errors


@given(st.text(min_size=8, alphabet="!?#%"))
def test_no_value_of_env_is_in_what_is_said(value: str) -> None:
    entries = {
        "A": {"value": [value]},
        "B": {"value": value, "required": value},
        "C": {"generator": value},
        "A B": value,
    }
    assert not any(value in said for said in errors({"env": {**entries, "D": f"{value}\x00"}}))
    assert value not in repr(parse(env={"A": value}))
