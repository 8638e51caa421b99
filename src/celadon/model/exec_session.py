"""Exec sessions: a command beside what a dyno runs already, and the terminal of whoever started it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from celadon.model.guest import Guest

# At once, in one dyno.
MOST = 5
# What a guest does here and in one-offs, in the words for one who may not do so any more.
RUN_COMMANDS = "run commands in this app"
# So long its client may take to come.
PATIENCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSession:
    """One session. `container_id` names the start of the dyno that it is in, and ends with; `secret_hash` belongs to its
    rendezvous; `env` is its client's terminal (TERM, COLUMNS, LINES), without TERM it has none; `met_at` is when its
    client came, None while that is awaited.
    """

    id: str
    app_id: str
    dyno_id: str
    container_id: str
    account_id: str
    command: str
    secret_hash: str
    env: Mapping[str, str] = field(repr=False)
    met_at: datetime | None = None
    created_at: datetime
    authorization_id: str | None = None

    @property
    def guest(self) -> Guest:
        return Guest(account_id=self.account_id, authorization_id=self.authorization_id, app_id=self.app_id)


def late(now: datetime) -> datetime:
    """The client of what was made then, or before, may not come any more."""
    return now - PATIENCE


def opened_line(dyno: str, command: str, who: str) -> str:
    return f"Starting command `{command}` in {dyno} by user {who}"


def ended_line(command: str, *, left: bool) -> str:
    """What the dyno's log says at the end; `left`: the client went first."""
    return f"Command `{command}` beside the process ended" + (" as its client left" if left else "")
