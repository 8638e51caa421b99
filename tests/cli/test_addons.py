"""Add-ons at the command line: the sample provider's, asked as the addons role asks it."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.addons import sample
from tests.addons.sample import Sample
from tests.cli.program import Program
from tests.cli.world import World

from celadon.addons.accepted import Accepted
from celadon.addons.manager import Manager
from celadon.addons.services import Providers
from celadon.cli.commands import addon_prices, addons
from celadon.cli.failure import UsageFailure
from celadon.model.addon_services import BUILT_IN


@pytest.fixture
def provider(world: World, celadon: Program, tmp_path: Path) -> Iterator[Sample]:
    """The sample provider, registered, and somebody who asks it for what add-ons wait for."""
    context = replace(world.context, settings=replace(world.context.settings, private_destinations="127.0.0.0/8"))
    bell, over = threading.Event(), threading.Event()
    manager = Manager(context, Providers(context, {"ssl": Accepted("Not needed.")}), bell.set)

    def ask() -> None:
        while not over.is_set():
            bell.clear()
            manager.ensure()
            bell.wait(0.05)

    asking = threading.Thread(target=ask)
    (tmp_path / "sample").mkdir()
    with sample.running(tmp_path / "sample") as found:
        celadon.env["CELADON_APP"] = "example"
        added = celadon("addons:providers:add", str(sample.FOLDER / "addon-manifest.json"), "--url", found.url)
        assert added.out == (
            "Adding the provider of notes... done, 3 plans\n"
            "Use celadon addons:create notes to add one of its add-ons to an app.\n"
        )
        asking.start()
        try:
            yield found
        finally:
            over.set()
            asking.join(10)
            while manager.busy():
                bell.wait(0.05)


def test_what_can_be_had(provider: Sample, celadon: Program) -> None:
    listed = celadon("addons:services").out
    assert re.search(r"^notes +Notes +ga$", listed, re.MULTILINE)
    assert listed.endswith("\nSee plans with celadon addons:plans SERVICE\n")
    assert celadon("addons:plans", "notes").out == (
        "         Slug         Name   Price         Max Price\n"
        "-------  -----------  -----  ------------  ---------\n"
        "default  notes:free   Free   free          free\n"
        "         notes:basic  Basic  ~$0.007/hour  $5/month\n"
        "         notes:slow   Slow   ~$0.007/hour  $5/month\n"
    )
    assert "notes" in celadon("addons:list", "--region", "us").out
    assert celadon("addons:docs", "notes:basic", "--show-url").out == "https://devcenter.heroku.com/articles/notes\n"


@pytest.mark.parametrize("service", sorted(BUILT_IN))
def test_each_built_in_service_has_its_guide_here(celadon: Program, service: str) -> None:
    told = celadon("addons:docs", service, "--show-url")
    assert told.err == ""
    url = told.out.strip()
    assert url.startswith("file:///") and Path(url.removeprefix("file://")).read_text().startswith("# ")


def test_an_addon_from_creation_to_destruction(provider: Sample, celadon: Program) -> None:
    assert celadon("addons").out == "No add-ons for app example.\n"
    created = celadon("addons:create", "notes:basic", "--name", "mine", "--fork", "OTHER", "--", "--name=theirs").out
    assert created == (
        "Creating notes:basic on example... ~$0.007/hour (max $5/month)\n"
        "Your notes are ready\n"
        "Created mine as NOTES_URL\n"
        "Run celadon addons:docs notes to view documentation.\n"
    )
    assert celadon("config:get", "NOTES_URL").out.startswith("http://app:")
    assert celadon("addons").out == (
        "Add-on        Plan   Price         Max Price  State\n"
        "------------  -----  ------------  ---------  -------\n"
        "notes (mine)  basic  ~$0.007/hour  $5/month   created\n"
        " └─ as NOTES                                  \n"
        "\n"
        "The table above shows add-ons and the attachments to the current app (example) or other apps.\n"
        "Estimated monthly cost: $5/month\n"
    )
    assert re.search(r"example +mine +notes:basic +~\$0.007/hour +\$5/month +created", celadon("addons", "--all").out)
    assert celadon("addons:downgrade", "notes:free").out == (
        "Changing mine on example from notes:basic to notes:free... done, free\nUp to 10 notes from now on\n"
    )
    refused = celadon("addons:upgrade", "mine", "notes:huge").err
    assert "Its plans are notes:free, notes:basic, notes:slow." in refused
    assert celadon("addons:rename", "mine", "ours").out == "mine successfully renamed to ours.\n"
    info = celadon("addons:info", "ours").out
    assert info.startswith("=== ours\nPlan:         notes:free\nPrice:        free\n")
    assert "Attachments:  example::NOTES\nOwning app:   example\n" in info
    assert "Confirmation did not match example. Aborted." in celadon("addons:destroy", "ours", "--confirm", "other").err
    assert celadon("addons:remove", "ours", "--confirm", "example").out == "Destroying ours on example... done\n"
    assert celadon("addons", "--json").out == "[]\n"
    assert celadon("addons:providers:remove", "notes").out == "Removing the provider of notes... done\n"


def test_attachments(provider: Sample, celadon: Program) -> None:
    assert celadon("create", "second", "--no-remote", "--addons", "notes:free,ssl").out.count("Creating ") == 3
    (one,) = [addon for addon in json.loads(celadon("addons", "--json", "-a", "second").out) if addon["config_vars"]]
    name = one["name"]
    attached = celadon("addons:attach", name, "--as", "SHARED").out
    assert re.fullmatch(
        rf"Attaching {name} as SHARED to example\.\.\. done\n"
        r"Setting SHARED config vars and restarting example\.\.\. done, v\d+\n",
        attached,
    )
    assert celadon("config:get", "SHARED_URL").out == celadon("config:get", "NOTES_URL", "-a", "second").out
    assert re.search(r" └─ as NOTES on second app +\n", celadon("addons").out)
    detached = celadon("addons:detach", "SHARED").out
    assert detached.startswith(f"Detaching SHARED to {name} from example... done\nUnsetting SHARED config vars and")
    assert "SHARED_URL" not in celadon("config").out


def test_the_provider_is_checked(provider: Sample, celadon: Program) -> None:
    checked = celadon("addons:providers:test", str(provider.path), "--plan", "basic").out
    assert checked.startswith("[ok]   the manifest offers notes in 3 plans\n[ok]   provisioning without the password")
    assert checked.count("[ok]") == 14
    wrong = {**provider.manifest, "api": {**provider.manifest["api"], "sso_salt": "another"}}
    provider.path.write_text(json.dumps(wrong), "utf-8")
    failed = celadon("addons:providers:test", str(provider.path))
    assert failed.status == 1
    assert "[FAIL] single sign-on with the right token shows a page\n       it answers 403" in failed.out
    assert failed.err == " !    1 of 14 checks failed.\n"


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--fork", "DATABASE", "--version=16", "--fast"], {"fork": "DATABASE", "version": "16", "fast": "true"}),
        (["--fast", "--url=a=b"], {"fast": "true", "url": "a=b"}),
        (["foo=bar"], {"foo": "bar"}),
    ],
)
def test_options_go_to_the_provider_in_any_form(words: list[str], options: dict[str, str]) -> None:
    assert addons.options_of(words) == options


def test_a_word_that_is_no_option_is_refused() -> None:
    with pytest.raises(UsageFailure):
        addons.options_of(["--fork", "DATABASE", "more"])


@pytest.mark.parametrize(
    ("cents", "said"),
    [(0, "free"), (500, "~$0.007/hour (max $5/month)"), (1050, "~$0.015/hour (max $10.50/month)")],
)
def test_prices(cents: int, said: str) -> None:
    assert addon_prices.both({"cents": cents, "unit": "month", "contract": False}) == said
