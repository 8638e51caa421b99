"""Names of former times, and of what is not there: each works or says what to use."""

import json
from pathlib import Path

import pytest
from tests import certified
from tests.cli import people
from tests.cli.program import Program
from tests.cli.world import EMAIL, World
from tests.official_cli import install

from celadon.actions import apps
from celadon.actions import releases as actions
from celadon.cli import group, replaced, table
from celadon.store import releases


@pytest.mark.parametrize("name", replaced.names())
def test_a_name_that_is_no_command_says_what_to_use(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert name not in table.COMMANDS and name not in table.ALIASES
    assert group.run([name, "-a", "x"]) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith(f" !    cannot run {name}: ") and "Use `" in told.err
    for words in ([name, "--help"], ["help", name]):
        assert group.run(words) == 0
        assert "Use `" in capsys.readouterr().out


@pytest.mark.parametrize("name", replaced.names())
def test_what_is_to_be_used_is_there(name: str) -> None:
    for line in replaced.explanation(name):
        for quoted in line.split("`celadon ")[1:]:
            called = quoted.split("`")[0].split()[0]
            assert called in table.COMMANDS or called in table.ALIASES, called


def test_a_name_speaks_for_those_below_it_and_for_no_others() -> None:
    assert replaced.explanation("ci:run") == replaced.explanation("ci")
    assert replaced.explanation("ps:autoscale:enable") == replaced.explanation("ps:autoscale")
    assert replaced.explanation("ps:stp") == replaced.explanation("cis") == ()


def test_dynos_and_workers_of_former_times(world: World, celadon: Program) -> None:
    assert celadon("ps:dynos", "-a", "example").out == (
        "~ `celadon ps:dynos QTY` has been deprecated and replaced with `celadon ps:scale web=QTY`\n"
        "example is running 1 dyno\n"
    )
    assert celadon("workers", "5", "-a", "example").out == (
        "~ `celadon ps:workers QTY` has been deprecated and replaced with `celadon ps:scale worker=QTY`\n"
        "Scaling workers... done, now running 5\n"
    )
    assert celadon("ps:workers", "-a", "example").out.endswith("example is running 5 workers\n")
    assert celadon("dynos", "-a", "exmaple").status == 1


def test_drains_below_logs(world: World, celadon: Program) -> None:
    celadon("drains:add", "syslog://logs.example.com:514", "-a", "example")
    shown = celadon("logs:drains", "-a", "example").out.splitlines()
    assert shown[0] == "~ `celadon logs:drains` has been deprecated and replaced with `celadon drains`"
    assert shown[1:] == celadon("drains", "-a", "example").out.splitlines()


def test_auth_prints_the_token_and_whose_it_is(bare_world: World, celadon: Program) -> None:
    assert celadon("auth").out == f"Token: {bare_world.token}\nUser:  {EMAIL}\n"


def test_there_is_nothing_to_pay(bare_world: World, celadon: Program) -> None:
    assert celadon("account:confirm-billing").out.startswith(f"Nothing is charged to {EMAIL}")


def test_the_default_team(bare_world: World, celadon: Program) -> None:
    assert celadon("orgs:default").out == "Personal account is default.\n"
    celadon("teams:create", "widgets")
    assert celadon("teams:default", "widgets").out == "Setting widgets as the default team... done\n"
    assert celadon("orgs:default").out == "widgets is the default team.\n"
    assert celadon("teams:default", "widgets", "--personal").status == 2
    assert celadon("teams:default", "--personal").out == "Personal account is default.\n"
    assert celadon("teams:default").out == "Personal account is default.\n"


def test_the_page_of_a_team_is_opened(bare_world: World, celadon: Program) -> None:
    celadon("teams:create", "widgets")
    seen = people.browser(celadon)
    assert celadon("orgs:open", "--org", "widgets").out == "Opening team widgets... done\n"
    assert seen.read_text() == f"http://{bare_world.machine}/dashboard/account/teams/widgets"


# Of Heroku's own client alone: what it is made of, and how it amuses.
OF_THAT_CLIENT = {
    "dashboard",
    "mcp:start",
    "pg:mandelbrot",
    "pg:settings:data-connector-details-logs",
    "pg:settings:explain-data-connector-details",
    "repl",
    "version:info",
}


def test_every_name_of_herokus_own_client_is_known_and_says_something() -> None:
    argv = install.install()
    listed = json.loads(Path(argv[1]).parents[1].joinpath("oclif.manifest.json").read_text())["commands"]
    names = {word for name, one in listed.items() for word in (name, *one["aliases"], *one["hiddenAliases"])}
    known = set(table.COMMANDS) | set(table.ALIASES)
    unknown = {name for name in names - known if not replaced.explanation(name)}
    # Completion, work on one's own machine and in a running dyno have tests of their own.
    unknown = {name for name in unknown if table.topic_of(name) not in ("autocomplete", "local")}
    unknown -= {"console", "ps:exec", "rake", "run:inside"}
    # Those of a space have an alias without it.
    unknown -= {alias for name, one in listed.items() if name.startswith("spaces:") for alias in one["aliases"]}
    assert unknown <= OF_THAT_CLIENT


def test_a_domain_gets_another_certificate(world: World, celadon: Program) -> None:
    celadon("domains:add", "www.example.com", "-a", "example")
    issuer = certified.root()
    leaf = issuer.issue("www.example.com", "www.example.com")
    (celadon.work / "crt").write_text(leaf.pem + issuer.pem)
    (celadon.work / "key").write_text(leaf.key)
    made = json.loads(celadon("certs:add", "crt", "key", "-a", "example", "--json").out)
    shown = celadon("domains:update", "www.example.com", "--cert", made["name"], "-a", "example")
    assert shown.out == f"Updating www.example.com to use {made['name']} certificate... done\n", shown.err
    assert f"Certificate: {made['name']}" in celadon("domains:info", "www.example.com", "-a", "example").out
    assert celadon("domains:update", "www.example.com", "-a", "example").status == 2


def test_a_release_phase_is_retried(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"
    assert celadon("releases:retry").err == " !    cannot retry v3: its code has no process type `release`\n"
    world.deploy("example", {"web": "x", "release": "migrate"})
    with world.context.database.read() as tx:
        app = apps.find(world.context, world.actor, "example")
        newest = releases.newest(tx, app.id)
    assert newest is not None
    actions.finish(world.context, newest.id, succeeded=False)
    # The output of the phase is another role's.
    assert celadon("releases:retry").out.startswith("Retrying v4 on example... done, v5\n")
    assert "v5  Retry of v4: Deploy 3063626d (release co" in celadon("releases").out


def test_the_page_of_a_pipeline_is_opened(world: World, celadon: Program) -> None:
    celadon("pipelines:create", "shop", "--stage", "staging", "-a", "example")
    seen = people.browser(celadon)
    assert celadon("pipelines:open", "shop").out == "Opening shop pipeline... done\n"
    assert seen.read_text() == f"http://{world.machine}/dashboard/pipelines/shop"
