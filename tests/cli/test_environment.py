import dataclasses
import json
import subprocess
from pathlib import Path

import pytest
from tests.cli.program import Program
from tests.cli.world import World

from celadon.platform import settings as platform_settings


def test_the_lines_set_the_environment_of_a_shell(bare_world: World, celadon: Program) -> None:
    shown = celadon("client:env")
    assert shown.status == 0
    done = subprocess.run(
        ["sh", "-c", f"{shown.out}env"], capture_output=True, text=True, check=True, env={"PATH": celadon.env["PATH"]}
    )
    seen = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    api = f"http://{bare_world.machine}"
    assert seen["HEROKU_HOST"] == api
    assert seen["HEROKU_GIT_HOST"] == "localhost:8843"
    assert seen["HEROKU_DATA_HOST"] == "localhost"
    assert seen["NODE_EXTRA_CA_CERTS"] == seen["GIT_SSL_CAINFO"] == str(bare_world.context.settings.ca_file)
    assert seen["DISABLE_TELEMETRY"] == "true"
    for name in ("PARTICLEBOARD_URL", "LOGIN_HOST", "STATUS_HOST", "BUILDPACK_REGISTRY_URL"):
        assert seen[f"HEROKU_{name}"] == api
    variables = json.loads(celadon("client:env", "--json").out)
    assert variables["HEROKU_HOST"] == api
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "heroku-client.md").read_text("utf-8")
    assert [name for name in variables if f"`{name}`" not in guide] == []


@pytest.mark.parametrize("domain", ["paas.example", "paas.localhost"])
def test_on_the_platforms_own_machine_its_api_is_localhost_whatever_its_domain(
    bare_world: World, celadon: Program, domain: str
) -> None:
    settings = bare_world.context.settings
    platform_settings.save(dataclasses.replace(settings, domain=domain))
    shown = json.loads(celadon("client:env", "--json").out)
    assert shown["HEROKU_HOST"] == shown["HEROKU_LOGIN_HOST"] == f"http://localhost:{settings.http_port}"
    assert shown["HEROKU_DATA_HOST"] == "localhost"
    assert shown["HEROKU_GIT_HOST"] == f"api.{domain}:8843"


def test_a_platform_elsewhere_needs_a_tunnel(stranger: Program) -> None:
    shown = stranger("client:env", "--platform", "https://api.example.com")
    assert "export HEROKU_HOST=https://api.example.com\n" in shown.out
    assert "ssh -N -L 8443:localhost:443 USER@api.example.com\n" in shown.err
    assert "CELADON_CA_FILE=CA.pem celadon login --platform https://localhost:8443" in shown.err


def test_where_git_is_behind_a_tunnel_only_a_login_tells(stranger: Program) -> None:
    shown = stranger("client:env", "--platform", "http://localhost:9")
    assert (shown.status, shown.out) == (1, "")
    assert "cannot tell where git is: log in first" in shown.err


def test_platform_info_of_a_platform_that_is_down_exits_with_1(bare_world: World, celadon: Program) -> None:
    shown = celadon("platform:info", "--json")
    found = json.loads(shown.out)
    assert shown.status == 1
    assert (found["running"], found["home"]) == (False, str(bare_world.context.settings.home))
    assert celadon("platform:info").out.startswith(f"=== {bare_world.context.settings.home}\n")


def test_platform_info_of_another_machine_is_an_error(stranger: Program) -> None:
    shown = stranger("platform:info", "--platform", "https://api.example.com")
    assert shown.status == 1
    assert shown.err.startswith(" !    https://api.example.com is no platform of this machine.")
