"""The outbox: letters of the platform, for its operator."""

from typing import Any

from celadon.cli.command import command
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import hash, header, say, show_json, time_ago
from celadon.model.text import plain


@command(json=True)
def outbox(invocation: Invocation) -> None:
    """Show the letters that the platform has written, with the links in them. For its operator."""
    mails = invocation.client.all("/platform/mails")
    if invocation.json:
        show_json(mails)
    elif not mails:
        say("The outbox is empty.")
    for mail in [] if invocation.json else mails:
        _show(mail)


def _show(mail: dict[str, Any]) -> None:
    header(mail["subject"])
    hash(
        {
            "To": mail["recipient"],
            "Written": time_ago(mail["created_at"]),
            "Sent": time_ago(mail["sent_at"]) if mail["sent_at"] else "not yet",
            "Error": plain(mail["error"]) if mail["error"] else None,
        },
        in_order=False,
    )
    say()
    say(mail["text"])
