import json

import pexpect
from tests.cli.program import Program
from tests.cli.world import OTHER, World

from celadon.actions import apps


def web(world: World, name: str) -> str:
    return f"http://{name}.localhost:{world.context.settings.http_port}/"


def test_create_prints_stack_urls_and_remote(bare_world: World, celadon: Program) -> None:
    celadon.repository()
    shown = celadon("apps:create", "example")
    assert (shown.out, shown.err, shown.status) == (
        "Creating example... done, stack is cedar\n"
        f"{web(bare_world, 'example')} | https://localhost:8843/example.git\n"
        "Git remote celadon added\n",
        "",
        0,
    )
    assert celadon.git("remote", "get-url", "celadon") == "https://localhost:8843/example.git\n"


def test_create_outside_a_repository_adds_no_remote(celadon: Program) -> None:
    assert "Git remote" not in celadon("create", "example").out


def test_create_makes_up_a_name(bare_world: World, celadon: Program) -> None:
    lines = celadon("create").out.splitlines()
    ((app, *_),) = apps.list_visible(bare_world.context, bare_world.actor)
    assert lines == [
        f"Creating {app.name}... done, stack is cedar",
        f"{web(bare_world, app.name)} | https://localhost:8843/{app.name}.git",
    ]


def test_create_options(bare_world: World, celadon: Program) -> None:
    celadon.repository()
    assert "Git remote" not in celadon("create", "-a", "quiet-one", "--no-remote").out
    assert celadon("create", "alternate", "--remote", "other").out.endswith("Git remote other added\n")
    assert "ssh://git@localhost:2822/by-ssh.git" in celadon("create", "by-ssh", "-r", "third", "--ssh-git").out
    shown = celadon("create", "packed", "-r", "fourth", "--buildpack", "heroku/python").out
    assert "Setting buildpack to heroku/python... done\n" in shown
    assert json.loads(celadon("create", "as-json", "-n", "--json").out)["name"] == "as-json"


def test_create_leaves_a_remote_that_is_there_and_says_how_to_change_it(celadon: Program) -> None:
    celadon.repository(celadon="https://localhost:8843/older.git")
    shown = celadon("create", "example")
    assert shown.status == 0
    assert shown.err == (
        " !    Git remote celadon is left as it is: it points to https://localhost:8843/older.git\n"
        " !    To change it: celadon git:remote --app example --remote celadon\n"
    )


def test_create_says_failed_and_why(world: World, celadon: Program) -> None:
    shown = celadon("create", "example")
    assert shown.out == "Creating example... failed\n"
    assert shown.err == " !    Name example is already taken\n"
    assert shown.status == 1


def test_apps_are_mine_and_those_shared_with_me(world: World, celadon: Program) -> None:
    apps.create(world.context, world.actor, name="another")
    assert celadon("apps").out == "=== My Apps\nanother\nexample\n\n"
    assert celadon("list").out == celadon("apps").out
    assert sorted(app["name"] for app in json.loads(celadon("apps", "--json").out)) == ["another", "example"]


def test_shared_apps_name_their_owner(world: World, celadon: Program) -> None:
    shown = celadon("apps", env={"CELADON_API_KEY": world.new_token(OTHER)})
    assert shown.out == "=== Collaborated Apps\nexample  ada@example.com\n\n"


def test_no_apps(celadon: Program) -> None:
    assert celadon("apps").out == "You have no apps.\n"


def test_info(world: World, celadon: Program) -> None:
    assert celadon("apps:info", "--app", "example").out == (
        "=== example\n"
        "Collaborators: grace@example.com\n"
        "Git URL:       https://localhost:8843/example.git\n"
        "Owner Email:   ada@example.com\n"
        "Region:        us\n"
        "Slug Size:     2k\n"
        "Stack:         cedar\n"
        f"Web URL:       {web(world, 'example')}\n"
    )
    shell = dict(line.split("=", 1) for line in celadon("info", "example", "--shell").out.splitlines())
    app = apps.find(world.context, world.actor, "example")
    assert shell == {
        "addons": "",
        "collaborators": "grace@example.com",
        "create_status": "complete",
        "created_at": app.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "dynos": "1",
        "git_url": "https://localhost:8843/example.git",
        "id": app.id,
        "maintenance": "false",
        "name": "example",
        "owner_email": "ada@example.com",
        "region": "us",
        "released_at": shell["released_at"],
        "repo_size": "",
        "slug_size": "2048",
        "stack": "cedar",
        "web_url": web(world, "example"),
        "workers": "0",
    }
    assert json.loads(celadon("info", "-a", "example", "--json").out)["app"]["name"] == "example"


def test_rename_changes_the_remotes_here_and_says_so(world: World, celadon: Program) -> None:
    celadon.repository(celadon="https://localhost:8843/example.git", ssh="ssh://git@localhost:2822/example.git")
    shown = celadon("apps:rename", "example2")
    assert shown.out == (
        "Renaming example to example2... done\n"
        f"{web(world, 'example2')} | https://localhost:8843/example2.git\n"
        "Git remote celadon updated\n"
        "Git remote ssh updated\n"
    )
    assert shown.err == " !    Don't forget to update the git remotes of other checkouts.\n"
    assert celadon.git("remote", "get-url", "ssh") == "ssh://git@localhost:2822/example2.git\n"


def test_destroy_wants_the_name_typed(world: World, celadon: Program) -> None:
    asked = celadon.terminal("destroy", "example")
    asked.expect_exact(
        " !    WARNING: Potentially Destructive Action\r\n"
        " !    This command will destroy example (including all add-ons).\r\n"
        ' !    To proceed, type "example" or re-run this command with --confirm example\r\n'
        "\r\n"
        "> "
    )
    asked.sendline("example")
    asked.expect_exact("Destroying example (including all add-ons)... ")
    asked.expect_exact("done\r\n")
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 0
    assert apps.list_visible(world.context, world.actor) == []


def test_destroy_with_another_name_destroys_nothing(world: World, celadon: Program) -> None:
    for shown in (
        celadon("destroy", "example", "--confirm", "exmaple"),
        celadon("destroy", "example", input="no\n"),
    ):
        assert shown.status == 1
        assert shown.err.endswith(" !    Confirmation did not match example. Aborted.\n")
    assert "Aborted." in celadon("destroy", "example").err
    assert len(apps.list_visible(world.context, world.actor)) == 1


def test_destroy_takes_the_remotes_with_it_and_is_never_guessed(world: World, celadon: Program) -> None:
    celadon.repository(celadon="https://localhost:8843/example.git", origin="https://github.com/x/y.git")
    assert celadon("destroy", env={"CELADON_APP": "example"}).status == 2
    shown = celadon("apps:destroy", "--confirm", "example")
    assert (shown.out, shown.status) == ("Destroying example (including all add-ons)... done\n", 0)
    assert celadon.git("remote") == "origin\n"


def test_open_calls_the_browser_with_the_apps_address(world: World, celadon: Program) -> None:
    note = celadon.home / "opened"
    browser = celadon.home / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {note}\n')
    browser.chmod(0o755)
    shown = celadon("open", "-a", "example", "/login", env={"BROWSER": str(browser)})
    assert shown.out == "Opening example... done\n"
    assert note.read_text() == f"{web(world, 'example')}login"
