"""Domains: add and remove host names of an app."""

import functools
import uuid
from collections.abc import Iterable
from datetime import timedelta

import idna
import publicsuffixlist
import sqlalchemy as sa

from celadon.actions import access, sni_endpoints
from celadon.actions.context import Context, now
from celadon.model import domain as rules
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.domain import Domain, DomainStatus
from celadon.model.errors import InvalidParams, NotFound
from celadon.platform.settings import Settings
from celadon.store import apps, changes, domains, events
from celadon.store import sni_endpoints as endpoints

_LONGEST_PAUSE = timedelta(hours=1)


def list_of(context: Context, actor: Actor, app_name: str) -> tuple[App, list[Domain], dict[str, str]]:
    """The app, its domains, and SNI endpoint id → name for the certificates they are served with."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        return app, domains.list_of(tx, app.id), endpoints.names(tx, app.id)


def find(
    context: Context, actor: Actor, app_name: str, id_or_hostname: str
) -> tuple[App, Domain | None, dict[str, str]]:
    """The app, its domain of this id or name, and the names of its SNI endpoints."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        return app, domains.find(tx, app.id, named(id_or_hostname)), endpoints.names(tx, app.id)


def add(
    context: Context, actor: Actor, app_name: str, hostname: str, sni_endpoint: str | None = None
) -> tuple[App, Domain]:
    """Give the app a name; requests for it reach it at once. Raises InvalidParams.

    It is served with the certificate that is named, or the first of the app's that speaks for it.
    """
    name = normalised(hostname)
    rules.check(name, own_names(context.settings))
    below = name.removeprefix(rules.WILDCARD) if name.startswith(rules.WILDCARD) else None
    if below is not None and _suffixes().publicsuffix(below) == below:
        raise InvalidParams(f"cannot add {name}: everybody has names under {below}, it belongs to nobody")
    try:
        with context.database.transaction() as tx:
            app = access.app_for(tx, actor, app_name, "app:update")
            # Two owners may add names that exclude each other at once: one name comes after the other.
            changes.lock(tx)
            apps.lock(tx, app.id)
            if len(domains.list_of(tx, app.id)) >= rules.MOST:
                raise InvalidParams(f"cannot add {name}: an app has at most {rules.MOST} domains")
            rules.check_owner(name, app.owner_id, domains.owners(tx, [name, *rules.parents(name)], below))
            domain = Domain(id=str(uuid.uuid4()), app_id=app.id, hostname=name, created_at=now(), updated_at=now())
            domains.insert(tx, domain)
            if sni_endpoint:
                sni_endpoints.choose(tx, app, domain, sni_endpoint)
            sni_endpoints.settle(tx, app)
            events.insert(
                tx,
                "domain:create",
                line=f"Add {name} domain by user {actor.email}",
                app_id=app.id,
                by=actor,
                resource_id=domain.id,
            )
            changes.record(tx, "domain", app.id)
            return app, domains.find(tx, app.id, domain.id) or domain
    except sa.exc.IntegrityError:
        raise InvalidParams(f"cannot add {name}: it is in use by an app already; a domain belongs to one app") from None


def remove(context: Context, actor: Actor, app_name: str, id_or_hostname: str) -> tuple[App, Domain]:
    """Take a name from the app; it is free at once. Raises NotFound."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "app:update")
        domain = domains.find(tx, app.id, named(id_or_hostname))
        if domain is None:
            raise NotFound("domain", f"Couldn't find that domain: {app.name} has no {id_or_hostname[:80]}.")
        domains.delete(tx, [domain.id])
        sni_endpoints.settle(tx, app)
        events.insert(
            tx,
            "domain:destroy",
            line=f"Remove {domain.hostname} domain by user {actor.email}",
            app_id=app.id,
            by=actor,
            resource_id=domain.id,
            # The row is gone: who is told of it by a webhook learns here what it was.
            payload={"hostname": domain.hostname, "created_at": domain.created_at.isoformat()},
        )
        changes.record(tx, "domain", app.id)
        return app, domain


def to_check(context: Context, limit: int) -> list[Domain]:
    """Domains that DNS is to be asked about now."""
    with context.database.read() as tx:
        return domains.list_to_check(tx, now(), limit)


def checked(context: Context, found: Iterable[tuple[Domain, bool | None]]) -> int:
    """What DNS says of domains: whether each leads here, None when nobody answered; returns how many have changed.

    Who waits long is asked about less often, every hundredth of its age; who leads here once an hour.
    """
    changed: list[str] = []
    soonest = timedelta(seconds=context.settings.domain_check_interval)
    with context.database.transaction() as tx:
        for domain, here in found:
            if here is not None:
                status = DomainStatus.SUCCEEDED if here else DomainStatus.PENDING
                if domains.set_status(tx, domain.id, status, now()):
                    changed.append(domain.app_id)
            pause = _LONGEST_PAUSE if here else max(soonest, min((now() - domain.created_at) / 100, _LONGEST_PAUSE))
            domains.update(tx, domain.id, check_at=now() + pause)
        for app_id in sorted(set(changed)):
            changes.record(tx, "domain", app_id)
    return len(changed)


@functools.cache
def _suffixes() -> publicsuffixlist.PublicSuffixList:
    return publicsuffixlist.PublicSuffixList()


def normalised(hostname: str) -> str:
    """A name in lower case and punycode, without a dot at its end; raises InvalidParams."""
    name = hostname.strip().lower().removesuffix(".")
    star, rest = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    try:
        # As browsers do (UTS 46): `München.example` and `münchen.example` are one name.
        return star + (rest if rest.isascii() else idna.encode(rest, uts46=True).decode("ascii"))
    except idna.IDNAError as error:
        raise InvalidParams(f"cannot add {hostname[:80]!r}: it is no host name: {error}") from None


def named(id_or_hostname: str) -> str:
    """A domain as a user names it, in the form it is kept in."""
    try:
        return normalised(id_or_hostname)
    except InvalidParams:
        return id_or_hostname


def own_names(settings: Settings) -> list[str]:
    """Names that are the platform's, with all that are under them."""
    return list(dict.fromkeys([settings.domain, settings.api_host, "localhost"]))
