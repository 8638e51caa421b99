import json
import subprocess

import pytest
from tests import packed
from tests.cli.program import Program
from tests.cli.world import OTHER, World

from celadon.actions import accounts, apps, authorizations, pipelines, promotions
from celadon.build.promotions import Promotions
from celadon.model.pipeline import Stage
from celadon.store import changes

PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def app(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"


@pytest.fixture
def shop(world: World) -> None:
    """The pipeline `shop` with `example` in staging and `live` in production."""
    apps.create(world.context, world.actor, name="live")
    pipelines.create(world.context, world.actor, "shop")
    pipelines.couple(world.context, world.actor, "shop", "example", Stage.STAGING)
    pipelines.couple(world.context, world.actor, "shop", "live", Stage.PRODUCTION)


def test_a_pipeline_is_created_filled_shown_renamed_and_destroyed(world: World, celadon: Program) -> None:
    assert celadon("pipelines").out == "You have no pipelines.\n"
    assert celadon("pipelines:create", "shop", "-s", "staging").out == (
        "Creating shop pipeline... done\nAdding example to shop pipeline as staging... done\n"
    )
    for name in ("shop-prod", "alive"):
        apps.create(world.context, world.actor, name=name)
    added = celadon("pipelines:add", "shop", "-a", "shop-prod")
    assert added.out == "Adding shop-prod to shop pipeline as production... done\n"
    celadon("pipeline:add", "shop", "-a", "alive", "-s", "staging")
    assert celadon("pipelines").out == "=== My Pipelines\nshop\n\n"
    assert celadon("pipelines:info", "shop").out == (
        "=== shop\n"
        "owner: ada@example.com\n"
        "\n"
        "app name   stage\n"
        "---------  ----------\n"
        "alive      staging\n"
        "example    staging\n"
        "shop-prod  production\n"
    )
    shown = json.loads(celadon("pipelines:info", "shop", "--json").out)
    assert {entry["name"]: entry["pipelineCoupling"]["stage"] for entry in shown["apps"]}["alive"] == "staging"
    assert celadon("pipelines:update", "-s", "development").out == "Changing example to development... done\n"
    assert "example    development\nalive      staging\n" in celadon("pipelines:info", "shop").out
    assert celadon("pipelines:remove").out == "Removing example... done\n"
    assert celadon("pipelines:rename", "shop", "store").out == "Renaming shop pipeline to store... done\n"
    assert celadon("pipelines:destroy", "store").out == "Destroying store pipeline... done\n"
    assert celadon("pipelines", "--json").out == "[]\n"


@pytest.mark.parametrize(
    ("app_name", "pipeline", "stage"),
    [
        ("shop-staging", "shop", "staging"),
        ("shop-qa", "shop", "development"),
        ("shop-demo", "shop", "production"),
        ("shop", "shop", "production"),
    ],
)
def test_an_apps_name_says_pipeline_and_stage(
    world: World, celadon: Program, app_name: str, pipeline: str, stage: str
) -> None:
    apps.create(world.context, world.actor, name=app_name)
    assert celadon("pipelines:create", "-a", app_name).out == (
        f"Creating {pipeline} pipeline... done\nAdding {app_name} to {pipeline} pipeline as {stage}... done\n"
    )


def test_a_pipeline_whose_first_app_cannot_be_added_is_not_left_behind(celadon: Program) -> None:
    shown = celadon("pipelines:create", "shop", "-s", "prod")
    assert (shown.status, shown.out) == (
        1,
        "Creating shop pipeline... done\nAdding example to shop pipeline as prod... failed\n",
    )
    assert "cannot use stage 'prod': the stages are" in shown.err
    assert celadon("pipelines").out == "You have no pipelines.\n"


def test_what_is_not_there_is_said(world: World, celadon: Program) -> None:
    for words in (("pipelines:info", "shop"), ("pipelines:destroy", "shop"), ("pipelines:add", "shop")):
        shown = celadon(*words)
        assert (shown.status, shown.err) == (
            1,
            " !    Couldn't find that pipeline.\n !    `celadon pipelines` lists what there is.\n",
        ), words
    for name in ("pipelines:promote", "pipelines:diff", "pipelines:remove"):
        shown = celadon(name)
        assert (shown.status, "example is in no pipeline.\n" in shown.err) == (1, True), name
        assert "celadon pipelines:add PIPELINE --app example" in shown.err
    assert celadon("pipelines:update").status == 2


def test_a_pipeline_is_given_to_a_collaborator(world: World, shop: None, celadon: Program, stranger: Program) -> None:
    refused = celadon("pipelines:transfer", OTHER, "-p", "shop", "--confirm", "other")
    assert (refused.status, "Confirmation did not match shop. Aborted." in refused.err) == (1, True)
    given = celadon("pipelines:transfer", OTHER, "-p", "shop", "--confirm", "shop")
    assert given.out == f"Transferring shop pipeline to the {OTHER} account... done\n"
    owner = accounts.log_in(world.context, OTHER, PASSWORD)
    assert [found.owner_id for found in pipelines.list_visible(world.context, owner)] == [owner.account.id]
    token = authorizations.create(world.context, owner)[1]
    stranger.env |= {"CELADON_HOME": str(world.context.settings.home), "CELADON_API_KEY": token}
    # Hers now, with the one app of it that she sees; its owner tells her nothing about the other.
    assert stranger("pipelines:info", "shop").out.splitlines()[1:] == [
        f"owner: {OTHER}",
        "",
        "app name  stage",
        "--------  -------",
        "example   staging",
    ]


def promoted(world: World, celadon: Program, *words: str) -> tuple[int, str, str]:
    """A promotion, while the build role's part is done here: status and output."""
    feed = changes.Feed(world.context.database)
    program = celadon.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        seen = feed.look()
        while not (waiting := promotions.unreleased(world.context)) and program.poll() is None:
            seen = feed.wait(seen, 1)
        for target in waiting:
            Promotions(world.context, lambda: None).promote(target)
        out, err = program.communicate(timeout=60)
    finally:
        program.kill()
        feed.close()
    return program.returncode, out.decode(), err.decode()


def test_an_app_is_promoted_to_the_next_stage(world: World, shop: None, celadon: Program) -> None:
    packed.pack(world.context, apps.find(world.context, world.actor, "example").id)
    assert promoted(world, celadon, "pipelines:promote") == (
        0,
        "Fetching app info... done\n"
        "Fetching apps from shop... done\n"
        "Starting promotion to production... done\n"
        "Waiting for promotion to complete... done\n"
        "\n"
        "Promotion successful\n"
        "\n"
        "live: succeeded\n",
        "",
    )
    assert "v3  Promote example v3 3063626  ada@example.com" in celadon("releases", "-a", "live").out
    status, out, _ = promoted(world, celadon, "pipeline:promote", "--to", "live,")
    assert (status, "Starting promotion to apps: live... done\n" in out) == (0, True)
    status, out, _ = promoted(world, celadon, "pipelines:promote", "--json")
    assert (status, [target["status"] for target in json.loads(out)]) == (0, ["succeeded"])


def test_a_promotion_that_fails_says_where_and_why(world: World, shop: None, celadon: Program) -> None:
    """There is no slug on the disk."""
    status, out, err = promoted(world, celadon, "pipelines:promote")
    assert (status, err) == (1, " !    Promotion failed.\n")
    assert out.endswith("\n\nlive: failed: its slug is no longer kept; deploy it again and promote that\n")
    assert "successful" not in out


def test_what_cannot_be_promoted_is_said_before_anything_is(world: World, shop: None, celadon: Program) -> None:
    for words, message in (
        (("-a", "live"), "Cannot promote live from 'production' stage: there is none after it."),
        (("--to", "example"), "Cannot promote from an app to itself: example. Specify a different target app."),
        (("--to", "other"), "Cannot find app other in the pipeline of example."),
        (("-a", "live", "--to", "example"), "cannot promote live v2: it has no code; deploy something first"),
    ):
        shown = celadon("pipelines:promote", *words)
        assert (shown.status, shown.err) == (1, f" !    {message}\n")
    celadon("pipelines:remove", "-a", "live")
    shown = celadon("pipelines:promote")
    assert shown.err == " !    Cannot promote example: there are no downstream apps in production stage.\n"
    assert promotions.unreleased(world.context) == []


def commits(celadon: Program, *subjects: str) -> list[str]:
    """New commits in the checkout, oldest first; their hashes."""
    made = []
    for subject in subjects:
        celadon.git("-c", "user.name=Ada", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", subject)
        made.append(celadon.git("rev-parse", "HEAD").strip())
    return made


def test_diff_lists_the_commits_in_between(world: World, shop: None, celadon: Program) -> None:
    celadon.repository()
    first, second, third = commits(celadon, "First", "Second", "Third")
    head = "Fetching apps from pipeline... done\nFetching release info for all apps... done\n\n"
    world.deploy("example", {"web": "run"}, commit=first)
    assert celadon("pipelines:diff").out == (
        f"{head}example was not compared to live as live does not have any releases\n"
    )
    world.deploy("live", {"web": "run"}, commit=first)
    assert celadon("pipelines:diff").out == f"{head}example is up to date with live\n"
    world.deploy("example", {"web": "run"}, commit=third)
    shown = celadon("pipeline:diff").out.removeprefix(head).splitlines()
    assert shown[0] == "=== example is 2 commits ahead of live"
    assert shown[1].split() == ["SHA", "date", "author", "message"]
    assert [(row.split()[0], row.split()[-2:]) for row in shown[3:]] == [
        (third[:7], ["Ada", "Third"]),
        (second[:7], ["Ada", "Second"]),
    ]
    celadon.git("checkout", "-q", first)
    (other,) = commits(celadon, "Other")
    world.deploy("live", {"web": "run"}, commit=other)
    assert "=== example is 2 commits ahead of and 1 commit behind live\n" in celadon("pipelines:diff").out


def test_diff_outside_of_a_checkout_says_which_release_is_where(world: World, shop: None, celadon: Program) -> None:
    world.deploy("live", {"web": "run"}, commit="0" * 40)
    world.deploy("example", {"web": "run"}, commit="1" * 40)
    assert celadon("pipelines:diff").out.endswith(
        "\n=== example differs from live\n"
        "example: v4 1111111\n"
        "live:    v3 0000000\n"
        "Run this in a checkout that has both commits to see what lies between them.\n"
    )
    world.deploy("live", {"web": "run"}, commit="--output=/dev/null")
    assert "as the commit of one of them is not known\n" in celadon("pipelines:diff").out
    shown = celadon("pipelines:diff", "-a", "live")
    assert shown.err == " !    Cannot diff live from 'production' stage: there is none after it.\n"
