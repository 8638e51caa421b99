"""`fork` at the command line; that code and rows arrive is a journey's."""

import json
from pathlib import Path

import pytest
from tests.addons.sample import Sample
from tests.cli.people import collaborator
from tests.cli.program import Program
from tests.cli.test_addons import provider
from tests.cli.world import OTHER, World

from celadon.actions import apps
from celadon.store import addons

__all__ = ["provider"]


@pytest.fixture
def plain(world: World, celadon: Program) -> Program:
    """The program of the owner of an app without code."""
    apps.create(world.context, world.actor, name="plain")
    celadon("config:set", "A=1", "B=two words", "-a", "plain")
    celadon("buildpacks:set", "heroku/python", "-a", "plain")
    celadon("domains:add", "www.example.com", "-a", "plain")
    return celadon


def found(celadon: Program, *words: str) -> object:
    return json.loads(celadon(*words, "--json").out)


def test_each_step_is_said_and_domains_stay(world: World, plain: Program) -> None:
    plain.repository()
    shown = plain("fork", "-a", "plain", "copy")
    assert (shown.out, shown.err, shown.status) == (
        "Creating fork copy... done\n"
        "Copying slug... skipped (nothing has been deployed to plain)\n"
        "Copying buildpacks... done\n"
        "Copying config vars... done\n"
        f"Fork complete, view it at http://copy.localhost:{world.context.settings.http_port}/\n",
        "",
        0,
    )
    assert found(plain, "config", "-a", "copy") == {"A": "1", "B": "two words"}
    assert plain("buildpacks", "-a", "copy").out == plain("buildpacks", "-a", "plain").out.replace("plain", "copy")
    assert plain("domains", "-a", "copy").out == "copy has no domain names.\n"
    assert plain.git("remote") == ""


def test_the_names_that_herokus_plugin_had(plain: Program) -> None:
    assert plain("fork", "--from", "plain", "--to", "copy").out.startswith("Creating fork copy... done\n")
    refused = plain("fork", "-a", "plain", "--from", "other")
    assert (refused.err, refused.status) == (" !    --app says plain and --from says other: give one of them.\n", 2)


def test_a_name_is_made_of_the_old_one(plain: Program) -> None:
    assert plain("fork", "-a", "plain").out.startswith("Creating fork plain-")


def test_who_forks_owns_it(world: World, plain: Program, tmp_path: Path) -> None:
    plain("access:add", OTHER, "-a", "plain")
    grace = collaborator(world, tmp_path)
    assert grace("fork", "-a", "plain", "copy").status == 0
    assert found(grace, "info", "copy")["app"]["owner"]["email"] == OTHER  # type: ignore[index]
    assert plain("info", "copy").status == 0, "an operator sees it"
    assert plain("fork", "-a", "plain", "copy").err == (
        " !    cannot fork to copy: that name is taken by another app; give another one\n"
    )


@pytest.mark.parametrize(
    ("target", "err"),
    [
        ("plain", " !    cannot fork plain to itself: give another name\n"),
        (
            "example",
            " !    cannot fork to example: it is there already and no half-made copy of plain: example has code already.\n"
            " !    Give another name.\n",
        ),
    ],
)
def test_what_is_there_is_not_replaced(plain: Program, target: str, err: str) -> None:
    shown = plain("fork", "-a", "plain", target)
    assert (shown.out, shown.err, shown.status) == ("", err, 1)


def test_an_interrupted_fork_goes_on(plain: Program) -> None:
    plain("create", "copy", "--no-remote")
    plain("config:set", "A=1", "-a", "copy")
    assert plain("fork", "-a", "plain", "copy").out.startswith("Going on with copy, which is half-made.\n")
    assert found(plain, "config", "-a", "copy") == {"A": "1", "B": "two words"}
    plain("config:set", "A=other", "-a", "copy")
    refused = plain("fork", "-a", "plain", "copy")
    assert refused.status == 1 and "config vars of its own (A)" in refused.err


def test_addons_are_made_anew_with_the_same_plans_and_names(world: World, provider: Sample, plain: Program) -> None:
    plain("addons:create", "notes:basic", "-a", "plain", "--wait")
    (addon,) = found(plain, "addons", "-a", "plain")  # type: ignore[misc]
    plain("addons:attach", addon["name"], "--as", "SECOND", "-a", "plain")
    plain("addons:create", "notes:free", "-a", "example", "--as", "SHARED", "--wait")
    (other,) = found(plain, "addons", "-a", "example")  # type: ignore[misc]
    plain("addons:attach", other["name"], "--as", "SHARED", "-a", "plain")
    shown = plain("fork", "-a", "plain", "copy")
    assert "Adding notes:basic... done\n" in shown.out
    assert shown.err == " !    SHARED is another app's add-on and not attached: celadon addons:attach attaches it\n"
    config = found(plain, "config", "-a", "copy")
    theirs = found(plain, "config", "-a", "plain")
    assert isinstance(config, dict) and isinstance(theirs, dict)
    assert set(config) == {name for name in theirs if not name.startswith("SHARED")}
    assert any(config[name] != theirs[name] for name in config), "the add-on is one of its own"
    again = plain("fork", "-a", "plain", "copy")
    assert "Adding" not in again.out and again.status == 0


def test_a_plan_that_is_gone_fails_with_advice_and_the_rest_can_be_destroyed(
    world: World, provider: Sample, plain: Program
) -> None:
    plain("addons:create", "notes:basic", "-a", "plain", "--wait")
    with world.context.database.transaction() as tx:
        app = apps.find(world.context, world.actor, "plain")
        (addon,) = addons.list_of_app(tx, app.id)
        addons.update(tx, addon.id, now=addon.updated_at, plan="gone")
    shown = plain("fork", "-a", "plain", "copy")
    assert shown.status == 1
    assert shown.out.endswith("Adding notes:gone... failed\n")
    assert shown.err == (
        " !    cannot add notes:gone: there is no such plan any more.\n"
        f" !    Move {addon.name} to another one first: celadon addons:upgrade {addon.name} notes:PLAN\n"
        " !    The plans there are: celadon addons:plans notes\n"
        " !    Failed to fork app plain to copy.\n"
        " !    To go on with it: celadon fork --app plain copy\n"
        " !    To destroy what is half-made: celadon apps:destroy --app copy\n"
    )
    destroyed = plain("fork", "-a", "plain", "copy", "--confirm", "copy")
    assert destroyed.out.endswith("Destroying copy... done\n") and destroyed.status == 1
    assert plain("info", "-a", "copy").status == 1
    asked = plain.terminal("fork", "-a", "plain", "copy")
    asked.expect_exact('To proceed, type "copy" or re-run this command with --confirm copy')
    asked.sendline("no")
    asked.expect_exact("Confirmation did not match copy. Aborted.")
    asked.close()
    plain("addons:upgrade", addon.name, "notes:free", "-a", "plain")
    assert "Adding notes:free... done\n" in plain("fork", "-a", "plain", "copy").out
