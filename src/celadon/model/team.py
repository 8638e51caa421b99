"""Teams: people with roles who own apps together."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from celadon.model import app
from celadon.model.errors import Forbidden, InvalidParams

# A team owns apps as an account does, by an account of its own that nobody logs in to. Heroku's client knows the
# owner of a team's app by this end of its address.
ADDRESS = "@herokumanager.com"
INVITATION_LASTS = timedelta(days=14)
# A mail to one address is not sent again before.
INVITATION_PAUSE = timedelta(minutes=10)
# Each team has limits of its own for apps and dynos: nobody makes teams without end.
MOST_TEAMS = 20
MOST_MEMBERS = 500

# Paths of the API that a team's name would shadow.
_RESERVED = frozenset({"apps", "invitations", "permissions"})


class TeamRole(StrEnum):
    """What somebody is in a team. Admins own its apps and say who is in it, members work on its apps, viewers look."""

    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """`account_id` is the account that owns the team's apps. `addons_controls`: its members may add to them what is
    allowed, and nothing else.
    """

    id: str
    name: str
    account_id: str
    created_at: datetime
    updated_at: datetime
    addons_controls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedAddOnService:
    """A service, by its name, that an account has allowed the members of a team."""

    id: str
    team_id: str
    service: str
    account_id: str
    added_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamMember:
    """An account in a team. `is_default`: the team that this account means when it names none."""

    id: str
    team_id: str
    account_id: str
    role: TeamRole
    is_default: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamInvitation:
    """An address that may become a member; only the mail to it has the token."""

    id: str
    team_id: str
    email: str
    role: TeamRole
    token_hash: str
    invited_by: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime


def check_name(name: str) -> str:
    """The name itself; raises InvalidParams when it cannot be a team's name: it is as apps' names are."""
    if not app.NAME.match(name):
        raise InvalidParams(
            f"cannot name a team {name[:60]!r}: Name must start with a letter, end with a letter or digit and can only "
            "contain lowercase letters, digits, and dashes, 3 to 30 of them."
        )
    if name in app.RESERVED | _RESERVED:
        raise InvalidParams(f"cannot name a team {name!r}: the platform uses that name itself, choose another")
    return name


def address(name: str) -> str:
    """The e-mail address that stands for a team of this name; no mail reaches it."""
    return f"{name}{ADDRESS}"


def role_of(text: str) -> TeamRole:
    """A role as a user names it; raises InvalidParams."""
    try:
        return TeamRole(text)
    except ValueError:
        raise InvalidParams(f"cannot give the role {text[:40]!r}: there are admin, member and viewer") from None


def check_admin_stays(team: Team, admins: int, role: TeamRole, becomes: TeamRole | None) -> None:
    """A team is never without an admin: raises Forbidden when its last one would go or be something else."""
    if role is TeamRole.ADMIN and becomes is not TeamRole.ADMIN and admins < 2:
        raise Forbidden(
            f"cannot leave {team.name} without an admin: make another member one first (members:set EMAIL --role admin)"
        )
