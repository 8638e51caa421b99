"""Your account."""

import click

from celadon.cli.command import command
from celadon.cli.connection import netrc, platforms
from celadon.cli.failure import Failure
from celadon.cli.invocation import Invocation, ask_password
from celadon.cli.terminal.output import action, hash, header, say, show_json, time_ago


@command(json=True)
def show(invocation: Invocation) -> None:
    """Show your account."""
    account = invocation.client.get("/account")
    if invocation.json:
        show_json(account)
        return
    header(account["email"])
    hash(
        {
            "Created": time_ago(account["created_at"]),
            "ID": account["id"],
            "Last Login": time_ago(account["last_login"]) if account["last_login"] else None,
            "Name": account["name"],
            "Two-Factor": "enabled" if account["two_factor_authentication"] else "not enabled",
        }
    )


@command()
def confirm_billing(invocation: Invocation) -> None:
    """Say what there is to pay: nothing. A platform shows prices and charges nobody."""
    email = invocation.client.get("/account")["email"]
    say(f"Nothing is charged to {email}: prices are shown as an estimate, and there is no billing to confirm.")


@command()
def change_password(invocation: Invocation) -> None:
    """Change your password: asks for the present one, and twice for the new one. Every other login and token ends.

    Without a terminal they are lines of standard input.
    """
    password, new = ask_password(), ask_password("New password")
    if ask_password("New password again") != new:
        raise Failure("cannot change the password: the new one was not the same twice")
    with action("Changing password"):
        invocation.client.patch("/account", {"password": password, "new_password": new})
    say("Every other login and token of the account has ended.")


@command(must="EMAIL to use")
@click.argument("email")
def change_email(invocation: Invocation, email: str) -> None:
    """Use another e-mail address: asks for your password, and sends a link to the address that makes it yours."""
    invocation.client.patch("/account", {"email": email, "password": ask_password()})
    say(f"A link was sent to {email}: follow it, and the address is your account's.")


@command()
@click.option("--confirm", metavar="EMAIL", help="The account's address, instead of typing it.")
def delete(invocation: Invocation, confirm: str | None) -> None:
    """Delete your account for good: asks for its address and your password. It must own no apps."""
    email = str(invocation.client.get("/account")["email"])
    invocation.confirm = confirm
    invocation.confirm_destroy(email, f"This command will delete the account {email}, its keys and its tokens.")
    password = ask_password()
    with action(f"Deleting {email}"):
        invocation.client.delete("/account", {"password": password})
    netrc.remove(invocation.platform.machines, own=invocation.platform.own_entry)
    platforms.forget(invocation.platform)
