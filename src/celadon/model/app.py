"""Apps: what a name may be, and the app itself."""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from celadon.model.errors import InvalidParams

NAME = re.compile(r"^[a-z][a-z0-9-]{1,28}[a-z0-9]\Z")

# Names that would shadow the platform's own hosts.
RESERVED = frozenset(
    "account accounts admin api apps auth build builds celadon dashboard data dns docs git help heroku id localhost log "
    "login logs logplex mail metrics ns operator platform postgres registry rendezvous router signup smtp ssh ssl "
    "static stats status streams support system www".split()
)

_ADJECTIVES = (
    "agile amber ancient blooming bold brave bright calm clear cold cool crisp dawn deep early fast fierce gentle glad "
    "golden green happy hidden icy jade keen kind late light lively lucky mellow mighty misty morning noble pale patient "
    "polished proud quiet rapid royal serene sharp silent silver sleepy small smooth snowy soft steady still strong "
    "sunny swift tall tidy warm wandering wild winter wise young"
).split()
_NOUNS = (
    "anchor bay bird breeze brook cedar cliff cloud coast cove creek dune dew falls feather fern field fjord flame forest "
    "frost garden glade glacier grove harbor heron hill island lagoon lake leaf ledge maple marsh meadow mesa moon "
    "mountain oak ocean orchard otter peak pebble pine plain pond prairie rain reef ridge river shore sky spring star "
    "stone stream summit sun thicket tide trail valley wave willow wind wood"
).split()


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A named unit with an owner, releases, config and a git repository.

    `number` gives the app's uid on the host (settings.uid_base + number). `repo_size` and `slug_size` are bytes.
    """

    id: str
    name: str
    number: int
    owner_id: str
    stack: str
    region: str
    maintenance: bool
    buildpack_provided_description: str | None
    repo_size: int | None
    slug_size: int | None
    created_at: datetime
    updated_at: datetime
    released_at: datetime | None = None
    deleted_at: datetime | None = None
    # Automatic certificate management: the platform gets and renews certificates for the app's domains.
    acm: bool = False
    # The build role is to remove what builds keep for the next ones.
    cache_purge_requested: bool = False
    # Members of the team that owns the app have no access to it unless they were given some.
    locked: bool = False
    # Where people look at its code, as https://github.com/example/shop; without a slash at its end.
    repository_url: str | None = None


class Permission(StrEnum):
    """What a person on an app may do; MANAGE alone is not given to collaborators of a person's app."""

    VIEW = "view"
    DEPLOY = "deploy"
    OPERATE = "operate"
    MANAGE = "manage"


COLLABORATORS = (Permission.VIEW, Permission.DEPLOY, Permission.OPERATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collaborator:
    """An account that was given access to an app of someone else; on a team's app these permissions and no others."""

    app_id: str
    account_id: str
    created_at: datetime
    permissions: tuple[str, ...] = COLLABORATORS


def check_permissions(names: Iterable[str]) -> tuple[Permission, ...]:
    """Permissions as a user names them, each once, with VIEW: nothing can be done unseen. Raises InvalidParams."""
    try:
        wanted = {Permission(name) for name in names} | {Permission.VIEW}
    except ValueError:
        raise InvalidParams(
            f"cannot give these permissions: there are {', '.join(Permission)}, separated by commas"
        ) from None
    return tuple(permission for permission in Permission if permission in wanted)


def check_name(name: str) -> str:
    """The name itself; raises InvalidParams when it cannot be an app's name."""
    if not NAME.match(name):
        raise InvalidParams(
            f"cannot name an app {name[:60]!r}: Name must start with a letter, end with a letter or digit and can only "
            "contain lowercase letters, digits, and dashes, 3 to 30 of them."
        )
    if name in RESERVED:
        raise InvalidParams(f"cannot name an app {name!r}: the platform uses that name itself, choose another")
    return name


_REPOSITORY_URL = re.compile(
    r"^https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~+-]+)+\Z", re.IGNORECASE
)


def check_repository_url(url: str) -> str | None:
    """The link as it is kept, None for an empty one; raises InvalidParams. It is shown to all who see the app: it has no
    place for a name and a password.
    """
    link = url.strip().removesuffix("/").removesuffix(".git")
    if link and (len(link) > 300 or not _REPOSITORY_URL.match(link)):
        raise InvalidParams(
            f"cannot link the repository {link[:80]!r}: give the address of its page, as https://github.com/example/shop"
        )
    return link or None


def random_adjective(rng: random.Random) -> str:
    return rng.choice(_ADJECTIVES)


def random_name(rng: random.Random) -> str:
    """A friendly name: adjective, noun, number."""
    return f"{rng.choice(_ADJECTIVES)}-{rng.choice(_NOUNS)}-{rng.randint(10000, 99999)}"
