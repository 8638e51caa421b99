"""Webhooks of an app: who is told what happens to it, and how that went."""

from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.failure import UsageFailure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, hash, header, say, show_json, table

_MOST = 1000
_INCLUDE = "Comma-separated kinds of events."
_LEVEL = "notify: one attempt; sync: until it succeeds, for three days."
_SECRET = "What deliveries are signed with."
_AUTHORIZATION = "The Authorization header of deliveries."
_URL = "Where deliveries are sent."


@command(app=True, json=True)
def list_webhooks(invocation: Invocation) -> None:
    """List the webhooks of an app."""
    found = invocation.client.all(f"{invocation.app_path}/webhooks")
    if invocation.json:
        show_json(found)
    elif found:
        rows = [(entry["id"], entry["url"], ",".join(entry["include"]), entry["level"]) for entry in found]
        table(("Webhook ID", "URL", "Include", "Level"), rows)
    else:
        say(f"{invocation.app} has no webhooks")
        say("Use celadon webhooks:add to add one.")


@command(app=True, json=True, must="--include, --level and --url")
@click.option("-i", "--include", required=True, metavar="ENTITIES", help=_INCLUDE)
@click.option("-l", "--level", required=True, metavar="LEVEL", help=_LEVEL)
@click.option("-u", "--url", required=True, metavar="URL", help=_URL)
@click.option("-s", "--secret", metavar="TEXT", help=f"{_SECRET} One is made otherwise, and shown once.")
@click.option("-t", "--authorization", metavar="TEXT", help=_AUTHORIZATION)
def add(
    invocation: Invocation, include: str, level: str, url: str, secret: str | None, authorization: str | None
) -> None:
    """Tell a URL what happens to the app, such as `-i api:release,api:build -l notify -u https://example.com/hooks`."""
    body = {
        "authorization": authorization,
        "include": _entities(include),
        "level": level,
        "secret": secret,
        "url": url,
    }
    with action(f"Adding webhook to {invocation.app}", quiet=invocation.json):
        reply = invocation.client.request("POST", f"{invocation.app_path}/webhooks", body)
    made = reply.headers.get("heroku-webhook-secret")
    if invocation.json:
        show_json({**reply.body, "secret": made})
    elif made:
        header("Webhooks Signing Secret")
        say(made)


@command(app=True, json=True, must="the ID of the webhook")
@click.argument("webhook")
def info(invocation: Invocation, webhook: str) -> None:
    """Show a webhook of the app."""
    found = invocation.client.get(f"{invocation.app_path}/webhooks/{segment(webhook)}")
    if invocation.json:
        show_json(found)
        return
    header(found["id"])
    hash(
        {
            "Include": ",".join(found["include"]),
            "Level": found["level"],
            "URL": found["url"],
            "Webhook ID": found["id"],
        }
    )


@command(app=True, json=True, must="the ID of the webhook")
@click.argument("webhook")
@click.option("-i", "--include", metavar="ENTITIES", help=_INCLUDE)
@click.option("-l", "--level", metavar="LEVEL", help=_LEVEL)
@click.option("-u", "--url", metavar="URL", help=_URL)
@click.option("-s", "--secret", metavar="TEXT", help=_SECRET)
@click.option("-t", "--authorization", metavar="TEXT", help=_AUTHORIZATION)
def update(invocation: Invocation, webhook: str, include: str | None, **given: str | None) -> None:
    """Change a webhook of the app; what is not given stays."""
    body: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if include is not None:
        body["include"] = _entities(include)
    if not body:
        raise UsageFailure("Nothing to change: give --include, --level, --url, --secret or --authorization.")
    with action(f"Updating webhook {webhook} for {invocation.app}", quiet=invocation.json):
        changed = invocation.client.patch(f"{invocation.app_path}/webhooks/{segment(webhook)}", body)
    if invocation.json:
        show_json(changed)


@command(app=True, must="the ID of the webhook")
@click.argument("webhook")
def remove(invocation: Invocation, webhook: str) -> None:
    """Remove a webhook from the app."""
    with action(f"Removing webhook {webhook} from {invocation.app}"):
        invocation.client.delete(f"{invocation.app_path}/webhooks/{segment(webhook)}")


@command(app=True, json=True)
@click.option("-s", "--status", metavar="STATUS", help="Only those that are pending, retrying, failed, succeeded …")
def list_deliveries(invocation: Invocation, status: str | None) -> None:
    """List the deliveries of an app's webhooks, the newest last."""
    path = f"{invocation.app_path}/webhook-deliveries"
    if status is not None:
        path += f"?eq[status]={segment(status)}"
    found = invocation.client.all(path, range=f"seq ..; order=desc,max={_MOST}")[::-1]
    if invocation.json:
        show_json(found)
        return
    if not found:
        say(f"{invocation.app} has no deliveries")
        return
    if len(found) == _MOST:
        warn([f"Only showing the {_MOST} most recent deliveries; --status shows those of a status."])
    titles = ("Delivery ID", "Created", "Status", "Include", "Level", "Attempts", "Code", "Error", "Next Attempt")
    table(titles, [_row(entry) for entry in found])


def _row(delivery: dict[str, Any]) -> tuple[object, ...]:
    last = delivery["last_attempt"] or {}
    return (
        delivery["id"],
        delivery["created_at"],
        delivery["status"],
        delivery["event"]["include"],
        delivery["webhook"]["level"],
        delivery["num_attempts"],
        str(last.get("code") or ""),
        last.get("error_class") or "",
        delivery["next_attempt_at"] or "",
    )


@command(app=True, json=True, must="the ID of the delivery")
@click.argument("delivery")
def delivery_info(invocation: Invocation, delivery: str) -> None:
    """Show a delivery, and what it tells."""
    found = invocation.client.get(f"{invocation.app_path}/webhook-deliveries/{segment(delivery)}")
    event = invocation.client.get(f"{invocation.app_path}/webhook-events/{found['event']['id']}")
    if invocation.json:
        show_json({"delivery": found, "event": event})
        return
    last = found["last_attempt"] or {}
    header(found["id"])
    hash(
        {
            "Attempts": str(found["num_attempts"]),
            "Code": str(last["code"]) if last.get("code") else None,
            "Created": found["created_at"],
            "Error": last.get("error_class"),
            "Event": found["event"]["id"],
            "Include": found["event"]["include"],
            "Level": found["webhook"]["level"],
            "Next Attempt": found["next_attempt_at"],
            "Status": found["status"],
            "Webhook": found["webhook"]["id"],
        }
    )
    header("Event Payload")
    show_json(event["payload"])


@command(app=True, json=True)
def list_events(invocation: Invocation) -> None:
    """List what an app's webhooks were to be told."""
    found = invocation.client.all(f"{invocation.app_path}/webhook-events")
    if invocation.json:
        show_json(found)
    elif found:
        rows = [
            (entry["id"], entry["payload"]["resource"], entry["payload"]["action"], entry["created_at"])
            for entry in found
        ]
        table(("Event ID", "Resource", "Action", "Published At"), rows)
    else:
        say(f"{invocation.app} has no events")


@command(app=True, json=True, must="the ID of the event")
@click.argument("event")
def event_info(invocation: Invocation, event: str) -> None:
    """Show what an app's webhooks were to be told."""
    found = invocation.client.get(f"{invocation.app_path}/webhook-events/{segment(event)}")
    if invocation.json:
        show_json(found)
        return
    header(found["id"])
    show_json(found["payload"])


def _entities(text: str) -> list[str]:
    return [entity.strip() for entity in text.split(",") if entity.strip()]
