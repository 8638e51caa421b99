"""What pg_dump and pg_restore say when they fail, and what that means."""

# What libpq and a server say when it is not the archive that is wrong.
_OF_SERVER = (
    "server closed the connection",
    "connection to server",
    "terminating connection",
    "No space left on device",
)


def said_by_server(said: list[str]) -> bool:
    """Whether the server is to blame, and not the archive."""
    return any(words in line for line in said for words in _OF_SERVER)


def refused(said: list[str]) -> bool:
    """Whether the server did not take the password (28P01): it is another one since the program was started."""
    return any("password authentication failed" in line for line in said)


def locked_out(said: list[str]) -> bool:
    """Whether pg_dump gave up on the lock of a table; no other of its statements has a limit."""
    return any("due to statement timeout" in line or "due to lock timeout" in line for line in said)


def reason(said: list[str]) -> str:
    """The line that says why."""
    errors = [line for line in said if "error" in line.lower() or "detail" in line.lower()]
    return " ".join((errors or said or ["it said nothing"])[:3])[:800]
