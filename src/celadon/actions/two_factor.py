"""A second factor: codes of an app on one's phone (TOTP, RFC 6238), and recovery codes for when the phone is gone."""

import hmac
import secrets as random
import time

import pyotp

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model.account import Account, Actor
from celadon.model.errors import InvalidParams, TwoFactorRequired, Unauthorized
from celadon.store import accounts, events, secrets
from celadon.store.database import Transaction

_STEP = 30
_RECOVERY_CODES = 10
_ISSUER = "Celadon"


def begin(context: Context, actor: Actor, password: str) -> tuple[str, str]:
    """Make a new secret, which is not on yet; returns it and its `otpauth:` URL. Raises Unauthorized, InvalidParams."""
    access.require_account_write(actor)
    check_password(context, actor, password)
    if actor.account.two_factor:
        raise InvalidParams("cannot begin: the second factor is on already; switch it off first to have another secret")
    secret = pyotp.random_base32()
    with context.database.transaction() as tx:
        accounts.update(tx, actor.account.id, now=now(), two_factor_secret=tx.secrets.encrypt(secret))
    return secret, pyotp.TOTP(secret).provisioning_uri(name=actor.email, issuer_name=_ISSUER)


def enable(context: Context, actor: Actor, code: str | None, *, recovery: bool = False) -> list[str]:
    """Switch it on, once a code shows that the phone has the secret; returns recovery codes when they are wanted.

    Raises TwoFactorRequired, InvalidParams.
    """
    access.require_account_write(actor)
    context.guesses.check_code(actor.email)
    with context.database.transaction() as tx:
        account = _fresh(tx, actor)
        if account.two_factor_secret is None:
            raise InvalidParams("cannot switch the second factor on: ask for its secret first")
        if code and _fits(tx, account, code):
            accounts.update(tx, account.id, now=now(), two_factor=True)
            events.insert(tx, "account:two-factor-on", by=actor, resource_id=account.id)
            return _make_codes(tx, actor) if recovery else []
    raise _refusal(context, account, code)


def disable(context: Context, actor: Actor, password: str, code: str | None) -> None:
    """Switch it off; raises Unauthorized, TwoFactorRequired."""
    access.require_account_write(actor)
    check_password(context, actor, password)
    if not actor.account.two_factor:
        return
    check(context, actor.account, code)
    with context.database.transaction() as tx:
        accounts.update(tx, actor.account.id, now=now(), two_factor=False, two_factor_secret=None, two_factor_step=0)
        accounts.replace_recovery_codes(tx, actor.account.id, [])
        events.insert(tx, "account:two-factor-off", by=actor, resource_id=actor.account.id)


def new_recovery_codes(context: Context, actor: Actor, password: str, code: str | None) -> list[str]:
    """Ten codes that each work once; those of before work no more. Raises Unauthorized, TwoFactorRequired."""
    access.require_account_write(actor)
    check_password(context, actor, password)
    if not actor.account.two_factor:
        raise InvalidParams("cannot make recovery codes: the second factor is not on")
    check(context, actor.account, code)
    with context.database.transaction() as tx:
        return _make_codes(tx, actor)


def _make_codes(tx: Transaction, actor: Actor) -> list[str]:
    codes = [
        "".join(random.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(16)) for _ in range(_RECOVERY_CODES)
    ]
    accounts.replace_recovery_codes(tx, actor.account.id, codes)
    events.insert(tx, "account:recovery-codes", by=actor, resource_id=actor.account.id)
    return codes


def check(context: Context, account: Account, code: str | None) -> None:
    """Take a code, once, of whoever gave the right password; raises TwoFactorRequired, RateLimited."""
    if not account.two_factor:
        return
    context.guesses.check_code(account.email)
    if code:
        with context.database.transaction() as tx:
            present = accounts.find(tx, account.id)
            if present and (_fits(tx, present, code) or accounts.take_recovery_code(tx, account.id, code.strip())):
                return
    raise _refusal(context, account, code)


def check_password(context: Context, actor: Actor, password: str) -> None:
    """Raises Unauthorized, RateLimited."""
    context.guesses.check(actor.address, actor.email)
    if not secrets.password_fits(actor.account.password_hash, password):
        context.guesses.wrong(actor.address, actor.email)
        raise Unauthorized("cannot do that: the password is wrong")


def _refusal(context: Context, account: Account, code: str | None) -> TwoFactorRequired:
    if code:
        context.guesses.wrong_code(account.email)
        return TwoFactorRequired("The code is wrong, or was used already: wait for the next one.")
    return TwoFactorRequired("A second authentication factor is required: the code of your phone, or a recovery code.")


def _fresh(tx: Transaction, actor: Actor) -> Account:
    account = accounts.find(tx, actor.account.id)
    assert account is not None, "the row of an account is never deleted"
    return account


def _fits(tx: Transaction, account: Account, code: str) -> bool:
    """Whether it is the code of now or of 30 s before or after; each is taken once."""
    assert account.two_factor_secret is not None
    totp = pyotp.TOTP(tx.secrets.decrypt(account.two_factor_secret))
    present = int(time.time()) // _STEP
    for step in (present - 1, present, present + 1):
        right = hmac.compare_digest(totp.at(step * _STEP).encode(), code.strip().encode())
        if right and accounts.take_step(tx, account.id, step):
            return True
    return False
