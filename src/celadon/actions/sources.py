"""Sources: a place for an archive of code, whom its secrets let write to it and read it, and building from it.

The URLs hold keys that only this platform can have made; who has a URL needs no token.
"""

import hmac
import uuid
from dataclasses import replace
from pathlib import Path

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.errors import InvalidParams, NotFound, RateLimited
from celadon.model.source import LIFETIME, MOST, Source
from celadon.store import accounts, sources
from celadon.store.database import Transaction

# Where the build role serves them, below the API's URL.
PATH = "/blobs/sources"


def create(context: Context, actor: Actor, app_name: str | None = None) -> Source:
    """A place for one archive, which lasts an hour. An app, when it is named, must be one that the actor may build."""
    access.require_write(actor)
    source = Source(
        id=str(uuid.uuid4()),
        account_id=actor.account.id,
        size=None,
        checksum=None,
        created_at=now(),
        expires_at=now() + LIFETIME,
    )
    with context.database.transaction() as tx:
        if app_name is not None:
            access.app_for(tx, actor, app_name, "build:create")
        sources.insert(tx, source)
    return source


def path(context: Context, verb: str, source_id: str) -> str:
    """The path by which a source is written (`put`) or read (`get`)."""
    return f"{PATH}/{source_id}/{_key(context, verb, source_id)}"


def _key(context: Context, verb: str, source_id: str) -> str:
    return context.database.secrets.sign(f"source-{verb}", source_id)


def to_write(context: Context, source_id: str, key: str, size: int) -> Source:
    """The source that this key lets one write so many bytes to (0: not known yet); raises NotFound, RateLimited."""
    with context.database.read() as tx:
        source = _find(context, tx, "put", source_id, key)
        _check_room(context, tx, source, size)
    return source


def written(context: Context, source: Source, part: Path, size: int, checksum: str) -> Source:
    """Its archive has come, as the file `part`: take it in the place of what was there. Raises NotFound, RateLimited."""
    with context.database.transaction() as tx:
        accounts.lock(tx, source.account_id)
        if not sources.update(tx, source.id, size=size, checksum=checksum):
            raise NotFound("source")
        _check_room(context, tx, source, size)
        # Within the transaction: of two that write at once, row and file are of the same one.
        part.replace(context.blobs.upload(source.id))
    return replace(source, size=size, checksum=checksum)


def _check_room(context: Context, tx: Transaction, source: Source, size: int) -> None:
    if sources.size_of_others(tx, source, now()) + size > MOST * context.settings.source_limit:
        raise RateLimited(
            "cannot keep this source: too many wait already; each goes after an hour, try again then",
            retry_after=3600,
        )


def to_read(context: Context, source_id: str, key: str) -> Source:
    """The source that this key lets one read; raises NotFound."""
    with context.database.read() as tx:
        source = _find(context, tx, "get", source_id, key)
    if source.checksum is None:
        raise NotFound("source", "Couldn't find that source: nothing has been uploaded.")
    return source


def _find(context: Context, tx: Transaction, verb: str, source_id: str, key: str) -> Source:
    source = sources.find(tx, source_id, now())
    if source is None or not hmac.compare_digest(key.encode(), _key(context, verb, source_id).encode()):
        raise NotFound("source", "Couldn't find that source: its URL is not whole, or older than an hour.")
    return source


def of_url(context: Context, url: str) -> Source | None:
    """The source of this platform that an URL is of, None for an URL of somebody else.

    Raises InvalidParams when it cannot be built.
    """
    for ours in (context.settings.api_url, context.settings.api_https_url):
        if url.startswith(f"{ours}{PATH}/"):
            source_id, _, key = url.removeprefix(f"{ours}{PATH}/").partition("/")
            try:
                return to_read(context, source_id, key)
            except NotFound as error:
                raise InvalidParams(f"cannot build this source: {error.message}") from None
    return None
