"""Domains: which host names an app may be given besides its own, and who may give them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from celadon.model.errors import InvalidParams

WILDCARD = "*."
# Of one app.
MOST = 1000
_LABEL = re.compile(r"^(?!-)[a-z0-9-]{1,63}(?<!-)\Z")
_NUMBER = re.compile(r"^(0x[0-9a-f]*|[0-9]+)\Z")
_LONGEST = 253


class DomainStatus(StrEnum):
    """Whether DNS leads the name here; `pending` until it was seen to."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"


class AcmStatus(StrEnum):
    """How far automatic certificate management is with a domain, in the words that Heroku's client knows."""

    # DNS leads here, the authority has been asked.
    VERIFIED = "verified"
    ISSUED = "cert issued"
    # It did not work, and is tried again later; `failed`: not before it is asked for.
    FAILING = "failing"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A host name of an app, in lower case and punycode; `*.example.com` stands for every name under example.com.

    `sni_endpoint_id` is the certificate that is served for it. `check_at`: when DNS is to be asked again, None for at once.
    `acm_tries` have failed in a row; the next is at `acm_next_at`.
    """

    id: str
    app_id: str
    hostname: str
    created_at: datetime
    updated_at: datetime
    sni_endpoint_id: str | None = None
    status: DomainStatus = DomainStatus.PENDING
    check_at: datetime | None = None
    acm_status: AcmStatus | None = None
    acm_status_reason: str | None = None
    acm_tries: int = 0
    acm_next_at: datetime | None = None


def check(hostname: str, own: Iterable[str]) -> None:
    """Raise InvalidParams unless this can be a domain; `own` are the platform's names, which nobody gets."""
    name = hostname.removeprefix(WILDCARD)
    labels = name.split(".")
    if len(hostname) > _LONGEST or not all(_LABEL.match(label) for label in labels) or _NUMBER.match(labels[-1]):
        raise InvalidParams(
            f"cannot add {hostname[:80]!r}: a domain is a host name such as www.example.com or *.example.com"
        )
    if len(labels) < 2:
        raise InvalidParams(f"cannot add {hostname}: a domain has at least two parts, as example.com has")
    for mine in own:
        if name == mine or name.endswith(f".{mine}") or (hostname != name and mine.endswith(f".{name}")):
            raise InvalidParams(f"cannot add {hostname}: names under {mine} are the platform's own")


def parents(hostname: str) -> list[str]:
    """The wildcards that a name is under, and that of which it is the top: `*.b.c` and `*.c` for `a.b.c`, `*.b.c` for `b.c`."""
    name = hostname.removeprefix(WILDCARD)
    labels = name.split(".")
    return [f"{WILDCARD}{'.'.join(labels[start:])}" for start in range(len(labels) - 1)]


def check_owner(hostname: str, owner_id: str, others: Iterable[tuple[str, str]]) -> None:
    """Raise InvalidParams when somebody else has a say in this name.

    `others` are those names that are the same, under it or above it, with the id of their app's owner.
    """
    for other, other_owner in others:
        if other == hostname:
            raise InvalidParams(f"cannot add {hostname}: it is in use by an app already; a domain belongs to one app")
        if other_owner == owner_id:
            continue
        if hostname.startswith(WILDCARD):
            raise InvalidParams(f"cannot add {hostname}: somebody else's app has a name under it")
        raise InvalidParams(f"cannot add {hostname}: {other} belongs to somebody else, and with it all names under it")
