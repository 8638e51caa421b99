"""Add-ons: what can be had, what apps have, and having, changing and destroying them."""

from pathlib import Path
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.commands import addon_prices, addon_waiting
from celadon.cli.commands.addon_waiting import EXPANDED, created
from celadon.cli.connection import waiting
from celadon.cli.connection.client import Client, segment
from celadon.cli.failure import ApiFailure, Failure, UsageFailure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, hash, header, say, show_json, table

# Built-in service → its guide in `docs/guides`; third parties' are where Heroku keeps them.
_GUIDES = {
    "deployhooks": "deploy-hooks.md",
    "heroku-postgresql": "postgres.md",
    "heroku-redis": "redis-and-memcached.md",
    "logging": "logs.md",
    "memcachier": "redis-and-memcached.md",
    "pgbackups": "addons.md",
    "scheduler": "scheduler.md",
    "ssl": "domains-and-tls.md",
}
_FOLDER = Path(__file__).parents[4] / "docs" / "guides"
_DOCS = "https://devcenter.heroku.com/articles/"
_TITLES = ("Plan", "Price", "Max Price", "State")


@command(app=True, json=True)
@click.option("-A", "--all", "everywhere", is_flag=True, help="Those of all apps that you have access to.")
def list_addons(invocation: Invocation, everywhere: bool) -> None:
    """List the add-ons of an app with their attachments and prices; without an app, those of all your apps."""
    app = None if everywhere else invocation.app_if_known()
    found = invocation.client.all(f"/apps/{segment(app)}/addons" if app else "/addons", headers=EXPANDED)
    if invocation.json:
        show_json(found)
    elif app:
        _show_app(invocation.client, app, found)
    elif not found:
        say("No add-ons.")
    else:
        rows = [
            (addon["app"]["name"], addon["name"], addon["plan"]["name"], *_prices(addon))
            for addon in sorted(found, key=lambda addon: (addon["app"]["name"], addon["plan"]["name"], addon["name"]))
        ]
        table(("Owning App", "Add-on", *_TITLES), rows)
        say(f"\nEstimated monthly cost: {addon_prices.estimate(found)}")


def _show_app(client: Client, app: str, found: list[Any]) -> None:
    if not found:
        say(f"No add-ons for app {app}.")
        return
    attachments = client.all("/addon-attachments")
    rows: list[tuple[str, ...]] = []
    for addon in sorted(found, key=lambda addon: (addon["app"]["name"] != app, addon["plan"]["name"], addon["name"])):
        plan = addon["plan"]["name"].partition(":")[2]
        billed = f"(billed to {addon['app']['name']} app)"
        prices = _prices(addon) if addon["app"]["name"] == app else (billed, billed, addon_prices.state(addon["state"]))
        rows.append((f"{addon['addon_service']['name']} ({addon['name']})", plan, *prices))
        rows += [(line, "", "", "", "") for line in _attached(addon, app, attachments)]
    table(("Add-on", *_TITLES), rows)
    own = [addon for addon in found if addon["app"]["name"] == app]
    say(f"\nThe table above shows add-ons and the attachments to the current app ({app}) or other apps.")
    say(f"Estimated monthly cost: {addon_prices.estimate(own)}")


def _attached(addon: dict[str, Any], app: str, attachments: list[Any]) -> list[str]:
    return attachment_lines([one for one in attachments if one["addon"]["id"] == addon["id"]], app)


def attachment_lines(attachments: list[Any], app: str) -> list[str]:
    """One line an attachment, those of this app first."""
    own = sorted(attachments, key=lambda one: (one["app"]["name"] != app, one["app"]["name"], one["name"]))
    lines = []
    for at, one in enumerate(own, start=1):
        where = "" if one["app"]["name"] == app else f" on {one['app']['name']} app"
        lines.append(f" {'└─' if at == len(own) else '├─'} as {one['name']}{where}")
    return lines


def _prices(addon: dict[str, Any]) -> tuple[str, str, str]:
    price = addon["plan"].get("price")
    return addon_prices.hourly(price), addon_prices.monthly(price), addon_prices.state(addon["state"])


@command(json=True)
@click.option("--region", metavar="REGION", help="Only those that are offered there.")
def services(invocation: Invocation, region: str | None) -> None:
    """List the add-on services of the platform."""
    found = invocation.client.all("/addon-services")
    if region:
        offered = invocation.client.all(f"/regions/{segment(region)}/addon-region-capabilities")
        names = {entry["addon_service"]["name"] for entry in offered}
        found = [service for service in found if service["name"] in names]
    if invocation.json:
        show_json(found)
        return
    table(("Slug", "Name", "State"), [(entry["name"], entry["human_name"], entry["state"]) for entry in found])
    say("\nSee plans with celadon addons:plans SERVICE")


@command(json=True, must="SERVICE to list the plans of")
@click.argument("service")
def plans(invocation: Invocation, service: str) -> None:
    """List the plans of an add-on service with their prices."""
    found = invocation.client.all(f"/addon-services/{segment(service)}/plans")
    found.sort(key=lambda plan: (bool(plan["price"].get("contract")), plan["price"]["cents"]))
    if invocation.json:
        show_json(found)
        return
    rows = [
        (
            "default" if plan["default"] else "",
            plan["name"],
            plan["human_name"],
            addon_prices.hourly(plan["price"]),
            addon_prices.monthly(plan["price"]),
        )
        for plan in found
    ]
    table(("", "Slug", "Name", "Price", "Max Price"), rows)


@command(app=True, json=True, confirm=True, passing=True, must="SERVICE[:PLAN] to add")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--as", "attachment", metavar="NAME", help="The name of its first attachment, such as DATABASE.")
@click.option("--name", metavar="NAME", help="The name of the add-on.")
@click.option("--wait", is_flag=True, help="Wait until it is there.")
def create(
    invocation: Invocation, words: tuple[str, ...], attachment: str | None, name: str | None, wait: bool
) -> None:
    """Add an add-on to an app.

    Options that are not listed here go to its provider, such as `--fork DATABASE` or `--version=15`; behind `--` all do.
    """
    plan, *rest = words
    if plan.startswith("-"):
        raise UsageFailure("Usage: celadon addons:create SERVICE[:PLAN]", "Must specify SERVICE[:PLAN] to add.")
    made = add(invocation, plan, attachment=attachment, name=name, options=options_of(rest))
    if made["state"] == "provisioning" and wait:
        made = addon_waiting.await_made(invocation, made)
    if invocation.json:
        show_json(made)
        return
    if made["state"] == "provisioning":
        say(f"{made['name']} is being created in the background. The app will restart when complete...")
        say(f"Run celadon addons:info {made['name']} to check creation progress.")
    else:
        say(created(made))
    say(f"Run celadon addons:docs {made['addon_service']['name']} to view documentation.")


def add(
    invocation: Invocation,
    plan: str,
    *,
    attachment: str | None = None,
    name: str | None = None,
    options: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Ask for an add-on, and for the app's name where it would take something else's; says what the provider says."""
    body: dict[str, Any] = {"attachment": {}, "config": options or {}, "plan": {"name": plan}}
    if attachment:
        body["attachment"] = {"name": attachment}
    if name:
        body["name"] = name
    try:
        made = _asked_for(invocation, plan, body)
    except ApiFailure as failure:
        if failure.id != "confirmation_required" or invocation.confirm is not None:
            raise
        invocation.confirm_change(invocation.app, *failure.lines)
        made = _asked_for(invocation, plan, {**body, "confirm": invocation.app})
    if made.get("provision_message") and not invocation.json:
        say(made["provision_message"])
    return made


def _asked_for(invocation: Invocation, plan: str, body: dict[str, Any]) -> dict[str, Any]:
    sent = {**body, "confirm": invocation.confirm} if invocation.confirm else body
    goes_on = (f"{plan} may be made all the same.", f"To look: celadon addons -a {invocation.app}")
    with (
        waiting.leaving(*goes_on),
        action(f"Creating {plan} on {invocation.app}", quiet=invocation.json) as creating,
    ):
        reply = invocation.client.request("POST", f"{invocation.app_path}/addons", sent, headers=EXPANDED)
        creating.word = addon_prices.both(reply.body["plan"].get("price"))
    found: dict[str, Any] = reply.body
    if found["state"] == "deprovisioned":
        raise Failure("The add-on was unable to be created, with status deprovisioned")
    return found


def options_of(words: list[str]) -> dict[str, str]:
    """`--k=v`, `--k v`, `k=v`; an option without a value is `true`. Raises UsageFailure."""
    found, rest = dict[str, str](), list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--"):
            if not equals or word.startswith("-"):
                raise UsageFailure(f"Unexpected argument {word}")
            warn([f"Warning: non-unix style params have been deprecated, use --{word} instead"])
        elif not equals:
            value = rest.pop(0) if rest and not rest[0].startswith("--") else "true"
        found[name] = value
    return found


@command(app=True, json=True, must="ADDON to change, and PLAN")
@click.argument("addon")
@click.argument("plan", required=False)
def upgrade(invocation: Invocation, addon: str, plan: str | None) -> None:
    """Move an add-on to another plan, up or down: `SERVICE:PLAN`, or `ADDON SERVICE:PLAN` where an app has several."""
    if plan is None:
        addon, _, plan = addon.partition(":")
    plan = plan.rpartition(":")[2]
    if not plan:
        raise UsageFailure("No plan specified.", f"For example: celadon addons:upgrade {addon}:premium-0")
    found = resolve(invocation, addon)
    service, app = found["addon_service"]["name"], found["app"]["name"]
    wanted = f"{service}:{plan}"
    message = f"Changing {found['name']} on {app} from {found['plan']['name']} to {wanted}"
    path = f"/apps/{segment(app)}/addons/{found['id']}"
    try:
        with action(message, quiet=invocation.json) as changing:
            body = {"plan": {"name": wanted}}
            changed = invocation.client.request("PATCH", path, body, headers=EXPANDED).body
            changing.status = addon_prices.both(changed["plan"].get("price"))
    except ApiFailure as failure:
        if failure.http_status == 422 and " ".join(failure.lines).startswith("Couldn't find either the add-on"):
            names = [entry["name"] for entry in invocation.client.all(f"/addon-services/{service}/plans")]
            raise Failure(*failure.lines, f"Its plans are {', '.join(names)}.") from None
        raise
    if invocation.json:
        show_json(changed)
    elif changed.get("provision_message"):
        say(changed["provision_message"])


@command(app=True, confirm=True, must="ADDON to destroy")
@click.argument("addons", nargs=-1, required=True, metavar="ADDON...")
@click.option("-f", "--force", is_flag=True, help="Also while other apps have it attached.")
@click.option("--wait", is_flag=True, help="Wait until it is gone.")
def destroy(invocation: Invocation, addons: tuple[str, ...], force: bool, wait: bool) -> None:
    """Permanently destroy add-ons, with all that is in them."""
    found = [resolve(invocation, addon) for addon in addons]
    app = invocation.app_if_known()
    for addon in found:
        owner = addon["app"]["name"]
        if app and owner != app:
            raise Failure(f"{addon['name']} is on {owner} not {app}")
    for owner in dict.fromkeys(addon["app"]["name"] for addon in found):
        own = [addon for addon in found if addon["app"]["name"] == owner]
        named = ", ".join(addon["name"] for addon in own)
        invocation.confirm_destroy(owner, f"This command will destroy {named} on {owner}.")
        for addon in own:
            _destroy(invocation, addon, force=force, wait=wait)


def _destroy(invocation: Invocation, addon: dict[str, Any], *, force: bool, wait: bool) -> None:
    path = f"/apps/{addon['app']['id']}/addons/{addon['id']}"
    with action(f"Destroying {addon['name']} on {addon['app']['name']}") as destroying:
        gone = invocation.client.delete(path, {"force": force})
        if gone["state"] == "deprovisioning":
            destroying.word = "pending"
    if gone["state"] != "deprovisioning":
        return
    if wait:
        addon_waiting.await_gone(invocation, gone)
        return
    say(f"{addon['name']} is being destroyed in the background. The app will restart when complete...")
    say(f"Run celadon addons:info {addon['name']} to check destruction progress")


@command(app=True, json=True, must="ADDON to show")
@click.argument("addon")
def info(invocation: Invocation, addon: str) -> None:
    """Show an add-on: its plan, price, attachments and state."""
    found = resolve(invocation, addon)
    attachments = invocation.client.all(f"/addons/{found['id']}/addon-attachments")
    if invocation.json:
        show_json({**found, "attachments": attachments})
        return
    header(found["name"])
    hash(
        {
            "Plan": found["plan"]["name"],
            "Price": addon_prices.hourly(found["plan"].get("price")),
            "Max Price": addon_prices.monthly(found["plan"].get("price")),
            "Attachments": [f"{one['app']['name']}::{one['name']}" for one in attachments],
            "Owning app": found["app"]["name"],
            "Installed at": found["created_at"],
            "State": addon_prices.state(found["state"]),
            "Message": found.get("provision_message") or None,
        },
        in_order=False,
    )


@command(app=True, must="SERVICE or ADDON to read about")
@click.argument("service")
@click.option("--show-url", is_flag=True, help="Print the URL, open no browser.")
def docs(invocation: Invocation, service: str, show_url: bool) -> None:
    """Open the documentation of an add-on service in a web browser."""
    # A service is no app's.
    invocation.app_if_known()
    try:
        name = invocation.client.get(f"/addon-services/{segment(service.partition(':')[0])}")["name"]
    except ApiFailure as failure:
        if failure.http_status != 404:
            raise
        name = resolve(invocation, service)["addon_service"]["name"]
    _open(_docs_of(name), show_url)


def _docs_of(service: str) -> str:
    if service not in _GUIDES:
        return f"{_DOCS}{service}"
    guide = _FOLDER / _GUIDES[service]
    if not guide.is_file():
        raise Failure(f"cannot open the guide: it is docs/guides/{guide.name} of Celadon's source, which is not here")
    return guide.as_uri()


@command(app=True, must="ADDON to open")
@click.argument("addon")
@click.option("--show-url", is_flag=True, help="Print the URL, which is good once and for a minute; open no browser.")
def open_addon(invocation: Invocation, addon: str, show_url: bool) -> None:
    """Open the page of an add-on in a web browser, signed on."""
    found = resolve(invocation, addon)
    body = {"app": invocation.app_if_known()}
    _open(invocation.client.post(f"/addons/{found['id']}/sign-ons", body)["url"], show_url)


def _open(url: str, show_url: bool) -> None:
    if show_url:
        say(url)
        return
    import webbrowser

    say(f"Opening {url}...")
    if not webbrowser.open(url):
        raise Failure(f"cannot open a browser here; the page is at {url}")


@command(app=True, must="ADDON and NEWNAME to rename")
@click.argument("addon")
@click.argument("newname")
def rename(invocation: Invocation, addon: str, newname: str) -> None:
    """Give an add-on another name."""
    found = resolve(invocation, addon)
    invocation.client.patch(f"/apps/{found['app']['id']}/addons/{found['id']}", {"name": newname})
    say(f"{addon} successfully renamed to {newname}.")


def resolve(invocation: Invocation, addon: str) -> dict[str, Any]:
    """The one that is meant: of the app by its name, an attachment or its service; else of any app. Raises Failure."""
    app = invocation.app_if_known()
    for where in dict.fromkeys((app, None)):
        try:
            body = {"addon": addon, "app": where} if where else {"addon": addon}
            found = invocation.client.request("POST", "/actions/addons/resolve", body, headers=EXPANDED).body
        except ApiFailure as failure:
            if failure.http_status != 404 or where is None:
                raise
            continue
        if len(found) > 1:
            names = ", ".join(one["name"] for one in found)
            raise Failure(f"Ambiguous identifier; multiple matching add-ons found: {names}.")
        first: dict[str, Any] = found[0]
        return first
    raise AssertionError("the last round returns or raises")
