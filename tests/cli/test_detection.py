"""Which app and platform are meant, in real repositories."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests import ports
from tests.cli.inside import Inside
from tests.cli.program import Program
from tests.cli.world import World

from celadon.actions import apps
from celadon.cli.connection import platforms


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


def commit(program: Program) -> None:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
    program.git(*who, "commit", "-q", "--allow-empty", "-m", "first")


def in_a_directory_below(program: Program) -> None:
    program.repository(celadon=HTTPS.format("alpha"))
    program.work = program.work / "deep" / "down"
    program.work.mkdir(parents=True)


def in_a_worktree(program: Program) -> None:
    program.repository(celadon=HTTPS.format("alpha"))
    commit(program)
    program.git("worktree", "add", "-q", "../second")
    program.work = program.work.parent / "second"


def in_a_submodule(program: Program) -> None:
    """Its remotes are its own, not those of the repository around it."""
    outer = program.work
    program.work = outer.parent / "inner"
    program.work.mkdir()
    program.repository()
    commit(program)
    program.work = outer
    program.repository(celadon=HTTPS.format("beta"))
    program.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../inner", "part")
    program.work = outer / "part"
    program.git("remote", "add", "celadon", HTTPS.format("alpha"))


def in_a_bare_repository(program: Program) -> None:
    program.git("init", "-q", "--bare")
    program.git("remote", "add", "celadon", HTTPS.format("alpha"))


def elsewhere_with_git_dir(program: Program) -> None:
    program.repository(celadon=HTTPS.format("alpha"))
    program.env["GIT_DIR"] = str(program.work / ".git")
    program.work = program.home


def with_short_urls(program: Program) -> None:
    program.git("config", "--global", "url.https://localhost:8843/.insteadOf", "paas:")
    program.git("config", "--global", "url.https://localhost:8843/wrong-.insteadOf", "pa")
    program.repository(celadon="paas:alpha.git")


@pytest.mark.parametrize(
    "place",
    [
        in_a_directory_below,
        in_a_worktree,
        in_a_submodule,
        in_a_bare_repository,
        elsewhere_with_git_dir,
        with_short_urls,
    ],
)
def test_wherever_git_knows_the_repository_the_app_is_known(program: Program, place: Callable[[Program], None]) -> None:
    place(program)
    assert app_of(program) == "alpha"


def test_a_repository_of_somebody_else_is_refused_in_gits_words(program: Program) -> None:
    program.repository(celadon=HTTPS.format("alpha"))
    for path in (program.work, program.work / ".git"):
        os.chown(path, 12345, 12345)
    shown = program("info")
    assert shown.status == 2
    assert shown.err.startswith(" !    No app specified.\n !    fatal: detected dubious ownership in repository at ")
    assert f" !    git config --global --add safe.directory {program.work}\n" in shown.err
    assert shown.err.endswith("specify which app to use with --app APP.\n")
    assert app_of(program, "-a", "beta") == "beta"


def test_a_damaged_configuration_is_said_and_an_option_works_all_the_same(program: Program) -> None:
    program.repository(celadon=HTTPS.format("alpha"))
    (program.work / ".git" / "config").write_text('[remote "celadon\nurl = x')
    shown = program("info")
    assert shown.status == 2
    assert " !    fatal: bad config line 1 in file " in shown.err
    assert "--app APP" in shown.err
    assert app_of(program, "-a", "beta") == "beta"


def test_an_app_of_a_platform_that_is_not_known_here_leads_to_a_login(program: Program) -> None:
    program.repository(production="https://api.elsewhere.test/alpha.git", hub="https://github.com/a/b.git")
    assert chosen(program) == (
        " !    No app specified.\n"
        " !    Git remote production points to api.elsewhere.test, which is no platform known here;"
        " `celadon login --platform URL` makes it known.\n"
        " !    Run this command from an app folder or specify which app to use with --app APP.\n"
    )


def test_an_app_of_another_platform_than_was_named_is_said_so(program: Program) -> None:
    program.repository(production=HTTPS.format("alpha"))
    other = ("--platform", "https://api.elsewhere.test")
    says = "Git remote production points to localhost:8843, which is not of the platform that --platform names.\n"
    assert says in chosen(program, *other)
    assert "is no app of the platform that --platform names" in chosen(program, *other, "-r", "production")
    assert says.replace("--platform", "CELADON_HOST") in chosen(program, CELADON_HOST="https://api.elsewhere.test")


def test_an_app_at_heroku_leads_to_no_login(program: Program) -> None:
    program.repository(heroku="https://git.heroku.com/alpha.git")
    assert (
        " !    Git remote heroku points to an app at Heroku: `celadon import alpha` brings it here,"
        " `celadon git:remote --app APP` adds a remote for one that is here.\n"
    ) in chosen(program)


def test_where_no_platform_is_known_nobody_is_asked_for_a_password(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(platforms, "_INSTANCES", tmp_path / "instances")
    monkeypatch.setattr(platforms, "_DEFAULT_HOME", tmp_path / "default")
    monkeypatch.setattr("celadon.cli.invocation.interactive", lambda: True)
    monkeypatch.setattr(platforms, "is_default_open", lambda: False)
    for words in (["apps"], ["login", "-i"], ["ps", "-a", "x"]):
        shown = inside(*words)
        assert (shown.err, shown.status) == (
            " !    No platform is known here.\n !    Log in to one: celadon login --platform https://api.DOMAIN\n",
            1,
        )


def test_what_listens_at_the_default_address_is_a_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    with ports.held() as (port,):
        monkeypatch.setattr(platforms, "DEFAULT_URL", f"http://localhost:{port}")
        with socket.create_server(("127.0.0.1", port)):
            assert platforms.is_default_open()
        assert not platforms.is_default_open()


def test_apps_of_several_platforms_are_candidates_each_with_its_url(program: Program, bare_world: World) -> None:
    config = program.home / ".config" / "celadon" / "config.json"
    there = '"platforms": {"https://api.elsewhere.test": {"git_host": "api.elsewhere.test"}, '
    config.write_text(config.read_text().replace('"platforms": {', there))
    program.repository(here=HTTPS.format("alpha"), there="https://api.elsewhere.test/alpha.git")
    shown = program("info")
    assert shown.status == 2
    assert " !      here         alpha                          https://localhost:8843/alpha.git\n" in shown.err
    assert " !      there        alpha                          https://api.elsewhere.test/alpha.git\n" in shown.err
    assert app_of(program, "-r", "here") == "alpha"
    assert app_of(program, "--platform", f"http://{bare_world.machine}") == "alpha"


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
    assert (
        shown.err
        == " !    Couldn't find that app.\n !    Perhaps you meant `alpha`.\n !    `celadon apps` lists what there is.\n"
    )


def test_the_name_of_an_app_is_never_part_of_a_path(program: Program) -> None:
    assert "Couldn't find" in program("info", "-a", "../account").err
