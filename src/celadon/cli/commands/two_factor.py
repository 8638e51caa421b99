"""The second factor: codes of an app on the phone, asked for with each login by a password."""

from celadon.cli.command import command
from celadon.cli.invocation import Invocation, ask_password
from celadon.cli.terminal.output import say, show_json


@command(json=True)
def show(invocation: Invocation) -> None:
    """Print whether two-factor authentication is enabled."""
    enabled = invocation.client.get("/account")["two_factor_authentication"]
    if invocation.json:
        show_json({"two_factor_authentication": enabled})
        return
    say(f"Two-factor authentication is {'enabled' if enabled else 'not enabled'}")


@command()
def enable(invocation: Invocation) -> None:
    """Enable two-factor authentication: asks for your password, then for a code of the app on your phone.

    Without a terminal both are lines of standard input.
    """
    begun = invocation.client.post("/account/two-factor", {"password": ask_password()})
    say("Give this secret to an app that makes codes:")
    say(f"  {begun['secret']}")
    say("or this address, as a QR code:")
    say(f"  {begun['url']}")
    invocation.client.patch("/account", {"two_factor_authentication": True})
    say("Two-factor authentication is enabled")
    say("Make codes for when the phone is gone: celadon 2fa:generate-recovery-codes")


@command()
def disable(invocation: Invocation) -> None:
    """Disable two-factor authentication: asks for your password and a code."""
    password = ask_password()
    invocation.client.patch("/account", {"two_factor_authentication": False, "password": password})
    say("Two-factor authentication is not enabled")


@command(json=True)
def generate_recovery_codes(invocation: Invocation) -> None:
    """Make ten codes that each work once in place of the phone's; those of before work no more."""
    codes: list[str] = invocation.client.post("/account/recovery-codes", {"password": ask_password()})
    if invocation.json:
        show_json(codes)
        return
    for code in codes:
        say(code)
