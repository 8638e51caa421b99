"""Credentials of a database beside its owner's: how one may be called, what it may be told to be allowed."""

import re

from celadon.model.errors import InvalidParams
from celadon.model.postgres_database import DEFAULT_CREDENTIAL, CredentialPermission

# Of one database, the default one among them.
MOST = 50

# The name is the role's as well, so that its owner can grant it something; at the server they share one space.
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}\Z")
_OURS = frozenset({DEFAULT_CREDENTIAL, "none", "postgres", "public", "replicator", "rewinder"})
_OUR_PREFIXES = ("pg_", "celadon")
_GIVEN = tuple(one for one in CredentialPermission if one is not CredentialPermission.OWNER)


def check_name(name: str, taken: frozenset[str] = frozenset()) -> str:
    """The name of an additional credential; `taken` are the database's own roles. Raises InvalidParams."""
    if not _NAME.match(name):
        raise InvalidParams(
            f"cannot create credential {name[:60]!r}: a name begins with a letter and has up to 50 of a-z, 0-9, - and _"
        )
    if name in _OURS | taken or name.startswith(_OUR_PREFIXES):
        raise InvalidParams(f"cannot create credential {name!r}: the name is reserved; choose another")
    return name


def permission(word: str | None) -> CredentialPermission:
    """That of a new credential. Raises InvalidParams."""
    for one in _GIVEN:
        if word in (None, one):
            return one
    raise InvalidParams(f"cannot create a credential with permission {word!r:.60}: there are {', '.join(_GIVEN)}")
