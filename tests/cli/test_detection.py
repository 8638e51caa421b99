"""Which app and platform are meant, in real repositories."""

from pathlib import Path

import pytest
from tests.cli.program import Program
from tests.cli.world import World

from celadon.actions import apps


@pytest.fixture
def program(bare_world: World, celadon: Program) -> Program:
    """Logged in, and nothing says which platform there is but git remotes and the last login."""
    for name in ("alpha", "beta"):
        apps.create(bare_world.context, bare_world.actor, name=name)
    home = celadon.env.pop("CELADON_HOME")
    file = celadon.home / ".config" / "celadon" / "config.json"
    file.parent.mkdir(parents=True)
    port = bare_world.context.settings.http_port
    file.write_text(
        f'{{"last": "http://localhost:{port}", "platforms": {{"http://localhost:{port}": {{"home": "{home}"}}}}}}'
    )
    return celadon


def chosen(program: Program, *words: str, **env: str) -> str:
    shown = program("maintenance", *words, env=env)
    return shown.out.strip() if shown.status == 0 else shown.err


def app_of(program: Program, *words: str, **env: str) -> str:
    """The app that `info` speaks of."""
    shown = program("info", "-s", *words, env=env)
    names = [line.removeprefix("name=") for line in shown.out.splitlines() if line.startswith("name=")]
    return names[0] if names else shown.err


HTTPS = "https://localhost:8843/{}.git"
SSH = "ssh://git@localhost:2822/{}.git"


@pytest.mark.parametrize("shape", [HTTPS, SSH, "https://someone@localhost:8843/{}.git"])
def test_the_only_remote_of_the_platform_is_the_app(program: Program, shape: str) -> None:
    program.repository(origin="https://github.com/someone/alpha.git", celadon=shape.format("beta"))
    assert app_of(program) == "beta"


def test_two_remotes_of_one_app_are_no_question(program: Program) -> None:
    program.repository(celadon=HTTPS.format("alpha"), heroku=SSH.format("alpha"))
    assert app_of(program) == "alpha"


def test_several_apps_are_listed(program: Program) -> None:
    program.repository(production=HTTPS.format("alpha"), staging=HTTPS.format("beta"))
    shown = program("info")
    assert (shown.out, shown.status) == ("", 2)
    assert shown.err == (
        " !    Multiple apps in folder and no app specified.\n"
        " !    Specify app with --app APP, or --remote REMOTE with one of:\n"
        " !      production   alpha                          https://localhost:8843/alpha.git\n"
        " !      staging      beta                           https://localhost:8843/beta.git\n"
        " !    To choose one for good: git config celadon.remote REMOTE\n"
    )


def test_the_order_is_option_remote_environment_git_config_only_remote(program: Program) -> None:
    program.repository(production=HTTPS.format("alpha"), staging=HTTPS.format("beta"))
    program.git("config", "heroku.remote", "staging")
    assert app_of(program) == "beta"
    program.git("config", "celadon.remote", "production")
    assert app_of(program) == "alpha"
    assert app_of(program, HEROKU_APP="beta") == "beta"
    assert app_of(program, HEROKU_APP="beta", CELADON_APP="alpha") == "alpha"
    assert app_of(program, "--remote", "staging", CELADON_APP="alpha") == "beta"
    assert app_of(program, "--remote", "staging", "--app", "alpha") == "alpha"


def test_a_remote_that_is_not_there_names_those_that_are(program: Program) -> None:
    program.repository(production=HTTPS.format("alpha"), origin="git@github.com:someone/alpha.git")
    assert chosen(program, "-r", "stagin") == (
        " !    cannot find git remote stagin here\n !    Remotes that point to apps: production\n"
    )
    assert "origin: git@github.com:someone/alpha.git is no app" in chosen(program, "-r", "origin")


def test_without_anything_the_user_is_told_what_to_say(program: Program) -> None:
    told = " !    No app specified.\n !    Run this command from an app folder or specify which app to use with --app APP.\n"
    assert chosen(program) == told
    program.repository(origin="https://github.com/someone/alpha.git")
    assert chosen(program) == told


def test_a_worktree_below_the_repository_counts(program: Program) -> None:
    program.repository(celadon=HTTPS.format("alpha"))
    program.work = program.work / "deep" / "down"
    program.work.mkdir(parents=True)
    assert app_of(program) == "alpha"


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost:1/alpha.git",
        "ssh://git@localhost:1/alpha.git",
        "https://localhost.evil.test:8843/alpha.git",
        "https://localhost:8843/../etc/alpha.git",
        "--upload-pack=x",
        "/srv/git/alpha.git",
    ],
)
def test_remotes_of_other_places_are_no_apps(program: Program, url: str) -> None:
    program.git("init", "-q")
    program.git("config", "remote.celadon.url", url)
    assert "No app specified." in chosen(program)


def test_a_remote_leads_to_its_own_platform_not_to_the_last_login(program: Program, tmp_path: Path) -> None:
    program.repository(celadon=HTTPS.format("alpha"))
    config = program.home / ".config" / "celadon" / "config.json"
    config.write_text(
        config.read_text()
        .replace('{"last": "http', '{"last": "https://api.elsewhere.test", "was": "http')
        .replace('"platforms": {', '"platforms": {"https://api.elsewhere.test": {"git_host": "api.elsewhere.test"}, ')
    )
    assert program("whoami").out == "ada@example.com\n"
    assert app_of(program) == "alpha"
    program.git("remote", "remove", "celadon")
    assert "Not logged in to https://api.elsewhere.test." in program("whoami").err


def test_the_platform_is_option_host_home_in_this_order(program: Program, bare_world: World) -> None:
    port = bare_world.context.settings.http_port
    home = str(bare_world.context.settings.home)
    assert (
        "http://localhost:1." in program("whoami", "--platform", "http://localhost:1", env={"CELADON_HOME": home}).err
    )
    assert "http://localhost:1." in program("whoami", env={"CELADON_HOST": "localhost:1", "CELADON_HOME": home}).err
    assert program("whoami", env={"CELADON_HOST": f"localhost:{port}"}).status == 0
    assert program("whoami", env={"CELADON_HOME": home}).status == 0
    assert program("whoami", "--platform", home, env={"CELADON_HOST": "localhost:1"}).status == 0


def test_an_app_that_is_nearly_called_so_is_suggested(program: Program) -> None:
    shown = program("info", "-a", "alpah")
    assert shown.status == 1
    assert shown.err == " !    Couldn't find that app.\n !    Perhaps you meant `alpha`.\n"


def test_the_name_of_an_app_is_never_part_of_a_path(program: Program) -> None:
    assert "Couldn't find" in program("info", "-a", "../account").err
