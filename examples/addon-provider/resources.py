"""What the provider keeps, in a SQLite file of its own: resources by the platform's uuid, and the notes of each."""

import json
import secrets
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Plan → how many notes it holds.
LIMITS: Mapping[str, int] = {"free": 10, "basic": 1000, "slow": 1000}

_SCHEMA = """
create table if not exists resources (
    id text primary key, plan text not null, name text not null, state text not null, token text not null,
    callback_url text not null, grant_code text, log_input_url text, options text not null
);
create table if not exists notes (
    id integer primary key, resource_id text not null references resources (id), text text not null
);
"""


@dataclass(frozen=True)
class Resource:
    """`state` is pending (asked for, and not ready), ready or gone. `token` is the app's password for its notes."""

    id: str
    plan: str
    name: str
    state: str
    token: str
    callback_url: str
    grant_code: str | None
    log_input_url: str | None
    options: str


class Resources:
    """A row stays when its resource is gone: who asks for it again is told so (410)."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        self._connection.close()

    def find(self, resource_id: str) -> Resource | None:
        found = self._all("select * from resources where id = ?", resource_id)
        return Resource(**found[0]) if found else None

    def pending(self) -> list[Resource]:
        return [Resource(**row) for row in self._all("select * from resources where state = 'pending'")]

    def add(self, asked: Mapping[str, object], *, state: str) -> Resource:
        """A resource for a request to provision; the one that is there already for one that comes again."""
        grant = asked.get("oauth_grant")
        self._all(
            "insert into resources values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing",
            str(asked["uuid"]),
            str(asked["plan"]),
            str(asked.get("name", "")),
            state,
            secrets.token_urlsafe(24),
            str(asked.get("callback_url", "")),
            str(grant["code"]) if isinstance(grant, dict) and grant.get("code") else None,
            str(asked["log_input_url"]) if asked.get("log_input_url") else None,
            json.dumps(asked.get("options") or {}),
        )
        found = self.find(str(asked["uuid"]))
        assert found is not None, "rows are never removed"
        return found

    def set_plan(self, resource_id: str, plan: str) -> None:
        self._all("update resources set plan = ? where id = ?", plan, resource_id)

    def set_ready(self, resource_id: str) -> None:
        """Ready, if it has not been removed meanwhile."""
        self._all("update resources set state = 'ready' where id = ? and state = 'pending'", resource_id)

    def remove(self, resource_id: str) -> None:
        self._all("delete from notes where resource_id = ?", resource_id)
        self._all("update resources set state = 'gone', log_input_url = null, grant_code = null where id = ?", resource_id)

    def notes(self, resource_id: str) -> list[str]:
        return [row["text"] for row in self._all("select text from notes where resource_id = ? order by id", resource_id)]

    def write(self, resource: Resource, text: str) -> bool:
        """Whether the plan had room for one more note."""
        if len(self.notes(resource.id)) >= LIMITS[resource.plan]:
            return False
        self._all("insert into notes (resource_id, text) values (?, ?)", resource.id, text)
        return True

    def _all(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()
