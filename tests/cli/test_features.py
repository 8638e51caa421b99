import json

from tests.cli.program import Program
from tests.cli.world import EMAIL, World

_PRIVATE = "No program of others may act for the account: OAuth grants and the sign-on to add-ons are refused."
_METADATA = "New dynos know their app, release and commit, by variables that begin with HEROKU_."
_METRICS = "Every 20 seconds the load and the memory of each dyno are lines of the log."


def test_labs_lists_those_of_the_account_and_those_of_an_app(world: World, celadon: Program) -> None:
    user = f"=== User Features ({EMAIL})\n[ ] private-account  {_PRIVATE}\n\n"
    assert celadon("labs").out == user
    assert celadon("labs", "--app", "example").out == (
        f"{user}=== App Features (example)\n[ ] log-runtime-metrics    {_METRICS}\n"
        f"[ ] runtime-dyno-metadata  {_METADATA}\n\n"
    )
    told = json.loads(celadon("labs", "--json").out)
    assert (told["app"], [feature["name"] for feature in told["user"]]) == (None, ["private-account"])


def test_a_feature_of_the_account_needs_no_app(world: World, celadon: Program) -> None:
    assert celadon("labs:enable", "private-account").out == f"Enabling private-account for {EMAIL}... done\n"
    assert "[+] private-account" in celadon("labs").out
    assert "Enabled:     true\n" in celadon("labs:info", "private-account").out
    again = celadon("features:enable", "private-account").out
    assert again == f"Enabling private-account for {EMAIL}... done\nprivate-account was on already.\n"
    assert celadon("labs:disable", "private-account").out == f"Disabling private-account for {EMAIL}... done\n"


def test_a_feature_of_an_app_is_switched_for_the_app(world: World, celadon: Program) -> None:
    enabled = celadon("features:enable", "log-runtime-metrics", "--app", "example")
    assert enabled.out == "Enabling log-runtime-metrics for example... done\n"
    assert "[+] log-runtime-metrics" in celadon("features", "--app", "example").out
    unnamed = celadon("features:enable", "preboot")
    assert unnamed.status == 2 and "No app specified." in unnamed.err
    unknown = celadon("features:enable", "nothing", "--app", "example")
    assert unknown.status == 1 and "Couldn't find that app feature" in unknown.err
