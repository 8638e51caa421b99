"""Who is logged in, in one look."""

from celadon.cli.command import command
from celadon.cli.invocation import Invocation, token
from celadon.cli.terminal.output import hash


@command()
def show(invocation: Invocation) -> None:
    """Log in if need be; print the API token in use, which can do all that you can, and whose it is."""
    # Asking the platform is what makes somebody without credentials log in.
    email = str(invocation.client.get("/account")["email"])
    hash({"Token": token(invocation.platform), "User": email})
