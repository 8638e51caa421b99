"""Accounts and what proves who they are: keys, authorizations, the actor of a request."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from celadon.model.errors import InvalidParams

_EMAIL = re.compile(r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,255}\Z")

GLOBAL_SCOPE = ("global",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who: a person with an e-mail address. The operator may do everything on the platform."""

    id: str
    email: str
    name: str | None
    password_hash: str
    operator: bool
    verified: bool
    created_at: datetime
    updated_at: datetime
    last_login: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public SSH key; it belongs to one account. `fingerprint` is `SHA256:…` as ssh-keygen prints it."""

    id: str
    account_id: str
    public_key: str
    fingerprint: str
    comment: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """A token with scopes. The token itself is known only to its holder; `token_hint` is its first characters."""

    id: str
    account_id: str
    description: str
    scope: tuple[str, ...]
    token_hash: str
    token_hint: str
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks for an action, and with which scopes; `authorization_id` is None for a password or an SSH key."""

    account: Account
    scope: tuple[str, ...] = field(default=GLOBAL_SCOPE)
    authorization_id: str | None = None

    @property
    def email(self) -> str:
        return self.account.email


def check_email(email: str) -> str:
    """The address as it is kept (lower case); raises InvalidParams when it is none."""
    if not _EMAIL.match(email):
        raise InvalidParams(f"cannot use {email[:80]!r} as an e-mail address: it must look like name@host")
    return email.lower()
