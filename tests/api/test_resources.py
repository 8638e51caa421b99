"""What clients rely on beyond the types of the schema: values, defaults, side effects."""

import re
from collections.abc import Callable

import pytest
from tests.api.world import PUBLIC_KEY, World

from celadon.actions import context
from celadon.model.dyno import DynoState
from celadon.store import dynos as stored_dynos
from celadon.store import events, log_sessions


def test_app_without_a_name_gets_one_and_its_first_releases(empty: World) -> None:
    app = empty.call("POST", "/apps", {}).json
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d{5}", app["name"])
    assert app["web_url"] == f"http://{app['name']}.localhost:8080/"
    assert app["git_url"] == f"https://localhost:8443/{app['name']}.git"
    assert (app["stack"]["name"], app["generation"]["name"], app["acm"]) == ("cedar", "cedar", False)
    releases = empty.get(f"/apps/{app['name']}/releases").json
    assert [release["description"] for release in releases] == ["Initial release", "Enable Logplex"]
    assert [release["current"] for release in releases] == [False, True]


def test_limit_of_apps_is_told(new_world: Callable[..., World]) -> None:
    world = new_world(app_limit=1)
    reply = world.call("POST", "/apps", {})
    assert (reply.status, reply.error) == (403, "forbidden")
    assert "the limit" in reply.json["message"]


def test_renamed_app_is_found_by_its_new_name_and_its_id(world: World) -> None:
    world.call("PATCH", "/apps/example", {"name": "renamed"})
    assert world.get("/apps/example").status == 404
    assert world.get("/apps/renamed").json["id"] == world.made["app"]
    assert world.get(f"/apps/{world.made['app']}").json["name"] == "renamed"
    assert world.get("/apps/renamed/domains").json[0]["hostname"] == "renamed.localhost"


@pytest.mark.parametrize("switch", [(True, False), (1, 0)])
def test_maintenance_is_switched_by_true_and_false_or_by_one_and_zero(
    world: World, switch: tuple[object, object]
) -> None:
    assert [world.call("PATCH", "/apps/example", {"maintenance": to}).json["maintenance"] for to in switch] == [
        True,
        False,
    ]


def test_destroyed_app_is_gone(world: World) -> None:
    assert world.call("DELETE", "/apps/example").json["name"] == "example"
    assert world.get("/apps/example").status == 404
    assert world.get("/apps").json == []


def test_config_var_is_removed_by_null_and_each_change_is_a_release(world: World) -> None:
    assert world.call("PATCH", "/apps/example/config-vars", {"A": "1", "B": "2"}).json == {"A": "1", "B": "2"}
    assert world.call("PATCH", "/apps/example/config-vars", {"A": None}).json == {"B": "2"}
    assert world.call("PATCH", "/apps/example/config-vars", {"B": "2"}).json == {"B": "2"}
    releases = world.get("/apps/example/releases").json
    assert [release["description"] for release in releases[-2:]] == ["Set A, B config vars", "Remove A config vars"]
    assert world.get("/apps/example/releases/5/config-vars").json == {"A": "1", "B": "2"}


@pytest.mark.parametrize("quantity", ["3", 3, "+2"])
def test_quantity_is_a_number_a_string_or_relative(world: World, quantity: object) -> None:
    body = {"updates": [{"type": "web", "quantity": quantity, "size": None}]}
    found = {entry["type"]: entry for entry in world.call("PATCH", "/apps/example/formation", body).json}
    assert (found["web"]["quantity"], found["web"]["size"]) == (3, "1X")
    assert found["worker"]["quantity"] == 0


@pytest.mark.parametrize(
    "change",
    [{"size": "Standard-2X"}, {"size": "2x"}, {"dyno_size": "2X"}, {"dyno_size": {"name": "standard-2x"}}],
)
def test_size_is_named_in_old_and_new_words(world: World, change: dict[str, object]) -> None:
    entry = world.call("PATCH", "/apps/example/formation/web", change).json
    assert (entry["size"], entry["dyno_size"]["name"], entry["quantity"]) == ("2X", "2X", 1)


def test_formation_may_be_named_by_id(world: World) -> None:
    web = world.get("/apps/example/formation/web").json
    assert world.get(f"/apps/example/formation/{web['id']}").json == web
    body = {"updates": [{"type": web["id"], "quantity": 4}]}
    assert world.call("PATCH", "/apps/example/formation", body).json[0]["quantity"] == 4


def test_nothing_is_scaled_when_one_update_is_wrong(world: World) -> None:
    body = {"updates": [{"type": "worker", "quantity": 2}, {"type": "clock", "quantity": 1}]}
    assert world.call("PATCH", "/apps/example/formation", body).status == 422
    assert world.get("/apps/example/formation/worker").json["quantity"] == 0


def test_attached_one_off_has_a_rendezvous_that_only_its_creator_sees(world: World) -> None:
    body = {"attach": True, "command": "bash", "env": {"COLUMNS": 80, "TERM": "xterm"}, "type": "web"}
    made = world.call("POST", "/apps/example/dynos", body).json
    assert re.fullmatch(r"rendezvous://localhost:5000/[\w-]{43}", made["attach_url"])
    assert re.fullmatch(r"run\.\d{4}", made["name"])
    assert (made["state"], made["type"], made["size"]) == ("starting", "run", "1X")
    assert world.get(f"/apps/example/dynos/{made['name']}").json["attach_url"] is None
    with world.context.database.read() as tx:
        stored = stored_dynos.find_by_id(tx, made["id"])
    assert stored is not None
    assert stored.env == {"COLUMNS": "80", "TERM": "xterm"}


def test_client_that_wants_no_terminal_gets_none_though_it_tells_its_kind(world: World) -> None:
    body = {"attach": True, "command": "cat", "env": {"A": "1", "TERM": "xterm"}, "force_no_tty": True}
    made = world.call("POST", "/apps/example/dynos", body).json
    with world.context.database.read() as tx:
        dyno = stored_dynos.find_by_id(tx, made["id"])
    assert dyno is not None
    assert dyno.env == {"A": "1"}


def test_detached_one_off_has_no_rendezvous(world: World) -> None:
    made = world.call("POST", "/apps/example/dynos", {"command": "web --flag"}).json
    assert (made["attach_url"], made["command"]) == (None, "gunicorn app:app --flag")


@pytest.mark.parametrize(
    ("state", "shown"),
    [(DynoState.CREATED, "starting"), (DynoState.STOPPING, "down"), (DynoState.CRASHED, "crashed")],
)
def test_dyno_states_are_those_of_the_api(world: World, state: DynoState, shown: str) -> None:
    with world.context.database.transaction() as tx:
        stored_dynos.update(tx, world.made["dyno"], now=context.now(), state=state)
    assert world.get("/apps/example/dynos/web.1").json["state"] == shown


def test_a_dyno_that_is_started_again_tells_of_its_crash(world: World) -> None:
    found = world.get("/apps/example/dynos/web.1").json
    assert (found["crashes"], found["exit_status"]) == (0, None)
    with world.context.database.transaction() as tx:
        starting = {"state": DynoState.STARTING, "crashes": 1, "exit_status": 127}
        stored_dynos.update(tx, world.made["dyno"], now=context.now(), **starting)
    found = world.get("/apps/example/dynos/web.1").json
    assert (found["state"], found["crashes"], found["exit_status"]) == ("starting", 1, 127)


@pytest.mark.parametrize(
    ("method", "path", "request_word"),
    [
        ("DELETE", "/apps/example/dynos", "restart"),
        ("DELETE", "/apps/example/dynos/web.1", "restart"),
        ("DELETE", "/apps/example/formations/web", "restart"),
        ("POST", "/apps/example/dynos/web.1/actions/stop", "stop"),
        ("POST", "/apps/example/formations/web/actions/stop", "stop"),
    ],
)
def test_restart_and_stop_are_accepted_and_written_down(
    world: World, method: str, path: str, request_word: str
) -> None:
    reply = world.call(method, path)
    assert (reply.status, reply.json) == (202, {})
    with world.context.database.read() as tx:
        dyno = stored_dynos.find_by_id(tx, world.made["dyno"])
    assert dyno is not None
    assert dyno.request == request_word


def test_release_phase_has_an_output_stream_and_others_none(world: World) -> None:
    plain, phase = world.get("/apps/example/releases/3").json, world.get("/apps/example/releases/v4").json
    assert (plain["status"], plain["output_stream_url"], plain["current"]) == ("succeeded", None, True)
    assert (phase["status"], phase["current"], phase["eligible_for_rollback"]) == ("pending", False, False)
    assert phase["output_stream_url"].startswith(f"http://localhost:8080/builds-output/release/{phase['id']}/")


@pytest.mark.parametrize("to", ["v3", "3", 3, "id"])
def test_rollback_makes_a_new_release(world: World, to: object) -> None:
    target = world.get("/apps/example/releases/3").json["id"] if to == "id" else to
    made = world.call("POST", "/apps/example/releases", {"release": target}).json
    assert (made["version"], made["description"], made["current"]) == (5, "Rollback to v3", True)


def test_slug_of_the_app_can_be_released_again(world: World) -> None:
    body = {"slug": world.made["slug"], "description": "Promote"}
    made = world.call("POST", "/apps/example/releases", body).json
    assert (made["version"], made["description"], made["slug"]["id"]) == (5, "Promote", world.made["slug"])


def test_build_from_a_source_is_pending_and_followed_by_its_secret(world: World) -> None:
    body = {"source_blob": {"url": "https://example.com/a.tgz", "version": "v1"}}
    made = world.call("POST", "/apps/example/builds", body).json
    assert (made["status"], made["source_blob"]["version"]) == ("pending", "v1")
    assert re.fullmatch(r"http://localhost:8080/builds-output/[\w-]{43}", made["output_stream_url"])
    second = world.call("POST", "/apps/example/builds", body)
    assert (second.status, second.error) == (409, "conflict")


def test_finished_build_cannot_be_cancelled(world: World) -> None:
    reply = world.call("DELETE", f"/apps/example/builds/{world.made['build']}")
    assert (reply.status, "it has succeeded already" in reply.json["message"]) == (422, True)


def test_buildpack_is_named_shortly_by_urn_or_by_url(world: World) -> None:
    updates = [
        {"buildpack": "heroku/python"},
        {"buildpack": "urn:buildpack:heroku/nodejs"},
        {"buildpack": "https://github.com/a/b#main"},
    ]
    found = world.call("PUT", "/apps/example/buildpack-installations", {"updates": updates}).json
    assert [entry["buildpack"]["name"] for entry in found] == [
        "heroku/python",
        "heroku/nodejs",
        "https://github.com/a/b#main",
    ]
    assert [entry["buildpack"]["url"] for entry in found][:2] == [
        "urn:buildpack:heroku/python",
        "urn:buildpack:heroku/nodejs",
    ]
    assert world.call("PUT", "/apps/example/buildpack-installations", {"updates": []}).json == []


def test_the_login_of_a_buildpack_is_for_who_may_see_config_vars(world: World) -> None:
    path, private, shown = (
        "/apps/example/buildpack-installations",
        "https://joe:s3cret@git.example/b#v1",
        "https://git.example/b#v1",
    )
    given = {"updates": [{"buildpack": "heroku/python"}, {"buildpack": private}]}
    found = world.call("PUT", path, given).json
    assert world.get(path).json == found
    assert found[1]["buildpack"] == {"url": private, "name": private}
    reader = world.get(path, token=world.new_token("read")).json
    assert [one["buildpack"]["name"] for one in reader] == ["heroku/python", shown]
    assert world.get(path, token=world.new_token("read-protected")).json == found
    body = {"source_blob": {"url": "https://files.example/app.tgz"}, "buildpacks": [{"url": private}]}
    assert world.call("POST", "/apps/example/builds", body).json["buildpacks"] == [{"url": shown, "name": shown}]
    assert "s3cret" not in str(world.get("/apps/example/events").json)


@pytest.mark.parametrize("field", ["dyno", "dyno_name", "type"])
def test_log_session_keeps_its_filter_and_its_url_has_no_srv(world: World, field: str) -> None:
    body = {"lines": 5, "tail": False, "source": "app", field: "web"}
    made = world.call("POST", "/apps/example/log-sessions", body).json
    assert "?" not in made["logplex_url"]
    secret = made["logplex_url"].rpartition("/")[2]
    with world.context.database.read() as tx:
        session = log_sessions.find_by_secret(tx, secret, context.now())
    assert session is not None
    assert (session.lines, session.dyno, session.source, session.tail) == (5, "web", "app", False)


def test_tail_is_in_the_url(world: World) -> None:
    made = world.call("POST", "/apps/example/log-sessions", {"tail": True}).json
    assert made["logplex_url"].endswith("?tail=true")


def test_preboot_can_be_switched_off_and_is_a_line_in_the_log(world: World) -> None:
    assert world.get("/apps/example/features/preboot").json["enabled"] is True
    assert world.call("PATCH", "/apps/example/features/preboot", {"enabled": False}).json["enabled"] is False
    assert world.get("/apps/example/features/preboot").json["enabled"] is False
    with world.context.database.read() as tx:
        lines = [event.line for event in events.list_after(tx, 0)]
    assert lines[-1] == "Disable preboot feature by user ada@example.com"


def test_key_is_found_by_id_and_by_fingerprint(world: World) -> None:
    (key,) = world.get("/account/keys").json
    assert (key["public_key"], key["comment"]) == (PUBLIC_KEY, "ada@laptop")
    escaped = key["fingerprint"].replace("/", "%2F").replace("+", "%2B")
    assert world.call("DELETE", f"/account/keys/{escaped}").json["id"] == key["id"]
    assert world.get("/account/keys").json == []


def test_password_is_changed_with_the_old_one(world: World) -> None:
    body = {"password": "correct horse", "new_password": "battery staple"}
    assert world.call("PATCH", "/account", body).status == 200
    assert world.call("PATCH", "/account", body).status == 401


def test_platform_tells_its_doors(world: World) -> None:
    (world.context.settings.home / "ca").mkdir()
    world.context.settings.ca_file.write_text("-----BEGIN CERTIFICATE-----\n")
    found = world.get("/platform").json
    assert (found["ssh_port"], found["domain"]) == (2222, "localhost")
    assert found["ca_certificate"].startswith("-----BEGIN")
    assert world.get("/platform", token=None).status == 401


def test_domain_names_the_apps_and_the_rendezvous(new_world: Callable[..., World]) -> None:
    world = new_world(domain="paas.example", http_port=80, https_port=443, rendezvous_port=5001)
    app = world.get("/apps/example").json
    assert (app["web_url"], app["git_url"]) == (
        "http://example.paas.example/",
        "https://api.paas.example/example.git",
    )
    made = world.call("POST", "/apps/example/dynos", {"attach": True, "command": "sh"}).json
    assert made["attach_url"].startswith("rendezvous://paas.example:5001/")


def test_short_names_of_buildpacks_are_listed_and_unknown_ones_refused_with_near_ones(world: World) -> None:
    found = {f"{one['namespace']}/{one['name']}": one for one in world.get("/buildpacks").json}
    assert found["heroku/python"]["category"] == "built-in"
    assert found["heroku-community/apt"]["description"] == "https://github.com/heroku/heroku-buildpack-apt"
    assert [one["id"] for one in world.get("/buildpacks?in[name][]=apt").json] == ["heroku-community/apt"]
    assert [one["id"] for one in world.get("/buildpacks?in[namespace][]=emk").json] == ["emk/rust"]
    assert world.get("/buildpacks?like[description]=no-such-thing").json == []
    for path in ("heroku%2Fpyton", "heroku%2Fpyton/revisions", "heroku%2Fpyton/readme"):
        refused = world.get(f"/buildpacks/{path}")
        assert (refused.status, refused.json["id"]) == (404, "not_found")
        assert "did you mean heroku/python" in refused.json["message"]
    updates = {"updates": [{"buildpack": "heroku/pyton"}]}
    refused = world.call("PUT", "/apps/example/buildpack-installations", updates)
    assert refused.status == 422
    assert "did you mean heroku/python" in refused.json["message"]


def test_the_operators_list_of_buildpacks_wins_at_once(world: World) -> None:
    listed = world.context.settings.home / "buildpacks.toml"
    listed.write_text(
        '"acme/pack" = "https://packs.example/pack#v2"\n"heroku/python" = "https://packs.example/py.tgz"\n'
    )
    assert world.get("/buildpacks/acme%2Fpack").json["description"] == "https://packs.example/pack#v2"
    assert world.get("/buildpacks/acme%2Fpack/revisions").json[0]["ref"] == "v2"
    assert world.get("/buildpacks/heroku%2Fpython").json["category"] == "third-party"
    listed.write_text('"acme/pack" = "file:///etc"\n')
    refused = world.call("PUT", "/apps/example/buildpack-installations", {"updates": [{"buildpack": "acme/pack"}]})
    assert refused.status == 422
    assert "acme/pack leads neither to a folder nor to a URL; its operator can mend it" in refused.json["message"]
