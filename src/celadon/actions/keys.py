"""SSH keys of an account."""

import uuid

import asyncssh
import sqlalchemy as sa

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model.account import Actor, Key
from celadon.model.errors import InvalidParams, NotFound
from celadon.store import events, keys

_ALLOWED = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
_MIN_RSA_BITS = 2048


def list_of(context: Context, actor: Actor) -> list[Key]:
    access.require_account_read(actor)
    with context.database.read() as tx:
        return keys.list_of(tx, actor.account.id)


def find(context: Context, actor: Actor, id_or_fingerprint: str) -> Key:
    """Raises NotFound."""
    access.require_account_read(actor)
    with context.database.read() as tx:
        key = keys.find(tx, actor.account.id, id_or_fingerprint)
    if key is None:
        raise NotFound("key")
    return key


def create(context: Context, actor: Actor, public_key: str) -> Key:
    """Add a public key (one line, as in `id_ed25519.pub`); raises InvalidParams when it is none or is taken."""
    access.require_account_write(actor)
    text, fingerprint, comment = _read(public_key)
    key = Key(
        id=str(uuid.uuid4()),
        account_id=actor.account.id,
        public_key=text,
        fingerprint=fingerprint,
        comment=comment,
        created_at=now(),
    )
    try:
        with context.database.transaction() as tx:
            keys.insert(tx, key)
            events.insert(tx, "key:create", by=actor, resource_id=key.id)
    except sa.exc.IntegrityError:
        raise InvalidParams("cannot add that key: it is in use already, and a key belongs to one account") from None
    return key


def delete(context: Context, actor: Actor, id_or_fingerprint: str) -> Key:
    """Remove a key; raises NotFound."""
    access.require_account_write(actor)
    with context.database.transaction() as tx:
        key = keys.find(tx, actor.account.id, id_or_fingerprint)
        if key is None:
            raise NotFound("key")
        keys.delete(tx, key.id)
        events.insert(tx, "key:destroy", by=actor, resource_id=key.id)
    return key


def _read(public_key: str) -> tuple[str, str, str]:
    """Normal text, fingerprint, comment."""
    text = " ".join(public_key.split())
    if "PRIVATE KEY" in text:
        raise InvalidParams("cannot add that key: it is a private key; give the public one, the file that ends in .pub")
    try:
        key = asyncssh.import_public_key(text)
    except (asyncssh.KeyImportError, ValueError, UnicodeError):
        raise InvalidParams("cannot add that key: it is no public SSH key as in ~/.ssh/id_ed25519.pub") from None
    kind = key.get_algorithm()
    if kind not in _ALLOWED:
        raise InvalidParams(f"cannot add a {kind} key: RSA, ECDSA and Ed25519 keys are accepted")
    if kind == "ssh-rsa" and _rsa_bits(key) < _MIN_RSA_BITS:
        raise InvalidParams(f"cannot add that key: an RSA key needs at least {_MIN_RSA_BITS} bits")
    return text, key.get_fingerprint(), key.get_comment() or ""


def _rsa_bits(key: asyncssh.SSHKey) -> int:
    return int(getattr(key.pyca_key, "key_size", 0))
