"""Teams, and joining one by invitation."""

from collections.abc import Callable
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure, UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, say, show_json, table


def team_option(*, required: bool = True) -> Callable[[Any], Any]:
    """`--team`, which the environment may say."""
    return click.option(
        "-t",
        "--team",
        "-o",
        "--org",
        "team",
        metavar="TEAM",
        required=required,
        envvar=["CELADON_TEAM", "HEROKU_TEAM", "HEROKU_ORGANIZATION"],
        help="The team; CELADON_TEAM or HEROKU_TEAM if not given.",
    )


@command(json=True)
def list_teams(invocation: Invocation) -> None:
    """List the teams that you are in, and what you are there."""
    teams = invocation.client.all("/teams")
    if invocation.json:
        show_json(teams)
    elif not teams:
        say("You are in no team.")
    else:
        table(("Team", "Role"), [(team["name"], team["role"]) for team in teams])


@command(json=True, must="NAME of the team to create")
@click.argument("name")
def create(invocation: Invocation, name: str) -> None:
    """Create a team. You are its first admin."""
    with action(f"Creating team {name}", quiet=invocation.json):
        team = invocation.client.post("/teams", {"name": name})
    if invocation.json:
        show_json(team)


@command(must="NEWNAME to rename, and --team TEAM")
@click.argument("newname")
@team_option()
def rename(invocation: Invocation, newname: str, team: str) -> None:
    """Give a team another name."""
    with action(f"Renaming team {team} to {newname}"):
        invocation.client.patch(f"/teams/{segment(team)}", {"name": newname})


@command(confirm=True, must="TEAM to destroy")
@click.argument("team")
def destroy(invocation: Invocation, team: str) -> None:
    """Delete a team that has no apps."""
    found = invocation.client.get(f"/teams/{segment(team)}")
    invocation.confirm_destroy(found["name"], f"This command will delete the team {found['name']}.")
    with action(f"Destroying team {found['name']}"):
        invocation.client.delete(f"/teams/{found['id']}")


@command()
@click.argument("team", required=False)
@click.option("--personal", is_flag=True, help="No team: what is created belongs to you.")
def choose(invocation: Invocation, team: str | None, personal: bool) -> None:
    """Print your default team, or make one your default; programs that name no team create its apps."""
    if team is None:
        current = [found for found in invocation.client.all("/teams") if found["default"]]
        if personal:
            for found in current:
                invocation.client.patch(f"/teams/{segment(found['name'])}", {"default": False})
            say("Personal account is default.")
        else:
            say(f"{current[0]['name']} is the default team." if current else "Personal account is default.")
        return
    if personal:
        raise UsageFailure("Usage: celadon teams:default [TEAM]", "Specify TEAM or --personal, not both.")
    with action(f"Setting {team} as the default team"):
        invocation.client.patch(f"/teams/{segment(team)}", {"default": True})


@command()
@team_option()
def open_team(invocation: Invocation, team: str) -> None:
    """Open the page of a team in a web browser."""
    import webbrowser

    found = invocation.client.get(f"/teams/{segment(team)}")
    url = f"{invocation.platform.api_url}/dashboard/account/teams/{segment(found['name'])}"
    with action(f"Opening team {found['name']}"):
        if not webbrowser.open(url):
            raise Failure(f"cannot open a browser here; the team's page is {url}")


@command(must="TOKEN of the invitation")
@click.argument("token")
def accept(invocation: Invocation, token: str) -> None:
    """Accept an invitation into a team. Its token is in the mail that you got."""
    path = f"/teams/invitations/{segment(token)}"
    invitation = invocation.client.get(path)
    with action(f"Joining team {invitation['team']['name']} as {invitation['role']}"):
        invocation.client.post(f"{path}/accept")


@command(json=True, must="--team TEAM")
@team_option()
@click.option("-r", "--role", metavar="ROLE", help="Only those with this role.")
@click.option("--pending", is_flag=True, help="Only those who are invited.")
def list_members(invocation: Invocation, team: str, role: str | None, pending: bool) -> None:
    """List the members of a team, and those who are invited into it."""
    path = f"/teams/{segment(team)}"
    invited = _invited(invocation, path)
    members = [{**entry, "status": ""} for entry in invocation.client.all(f"{path}/members")]
    found = [*([] if pending else members), *invited]
    found = sorted((entry for entry in found if role in (None, entry["role"])), key=lambda entry: str(entry["email"]))
    if invocation.json:
        show_json(found)
    elif not found:
        say(f"No {'invited ' if pending else ''}members in {team}{f' with role {role}' if role else ''}")
    elif invited:
        table(("Email", "Role", "Status"), [(entry["email"], entry["role"], entry["status"]) for entry in found])
    else:
        table(("Email", "Role"), [(entry["email"], entry["role"]) for entry in found])


def _invited(invocation: Invocation, path: str) -> list[dict[str, Any]]:
    invitations = invocation.client.all(f"{path}/invitations")
    return [{**entry, "email": entry["user"]["email"], "status": "pending"} for entry in invitations]


_ROLE = click.option("-r", "--role", required=True, metavar="ROLE", help="admin, member or viewer.")


@command(must="EMAIL to add, --role ROLE and --team TEAM")
@click.argument("email")
@_ROLE
@team_option()
def add(invocation: Invocation, email: str, role: str, team: str) -> None:
    """Invite somebody into a team: they get a mail, and are in the team when they accept."""
    with action(f"Inviting {email} to {team} as {role}"):
        invocation.client.put(f"/teams/{segment(team)}/invitations", {"email": email, "role": role})


@command(must="EMAIL to change, --role ROLE and --team TEAM")
@click.argument("email")
@_ROLE
@team_option()
def set_role(invocation: Invocation, email: str, role: str, team: str) -> None:
    """Change what a member of a team is: admin, member or viewer."""
    with action(f"Adding {email} to {team} as {role}"):
        invocation.client.patch(f"/teams/{segment(team)}/members", {"email": email, "role": role})


@command(must="EMAIL to remove, and --team TEAM")
@click.argument("email")
@team_option()
def remove(invocation: Invocation, email: str, team: str) -> None:
    """Take somebody out of a team, or take back an invitation. All their access to its apps ends at once."""
    path = f"/teams/{segment(team)}"
    if email.lower() in [entry["email"] for entry in _invited(invocation, path)]:
        with action(f"Revoking invite for {email} in {team}"):
            invocation.client.delete(f"{path}/invitations/{segment(email)}")
    else:
        with action(f"Removing {email} from {team}"):
            invocation.client.delete(f"{path}/members/{segment(email)}")


@command(app=True)
def join(invocation: Invocation) -> None:
    """Put yourself on an app of a team that you are in: you keep access when it is locked."""
    with action(f"Joining {invocation.app}"):
        me = invocation.client.get("/account")["email"]
        invocation.client.post(f"/teams{invocation.app_path}/collaborators", {"user": me})


@command(app=True)
def leave(invocation: Invocation) -> None:
    """Take yourself off an app of a team."""
    with action(f"Leaving {invocation.app}"):
        me = invocation.client.get("/account")["email"]
        invocation.client.delete(f"/teams{invocation.app_path}/collaborators/{segment(me)}")


@command(app=True)
def lock(invocation: Invocation) -> None:
    """Lock an app: members of its team who did not join it have no access until they are given some."""
    _lock(invocation, True)


@command(app=True)
def unlock(invocation: Invocation) -> None:
    """Open a locked app to all members of its team again."""
    _lock(invocation, False)


def _lock(invocation: Invocation, locked: bool) -> None:
    path = f"/teams{invocation.app_path}"
    app = invocation.client.get(path)
    if app["locked"] is locked:
        verb, state = ("lock", "already locked") if locked else ("unlock", "not locked")
        raise Failure(f"cannot {verb} {app['name']}: this app is {state}.")
    with action(f"{'Locking' if locked else 'Unlocking'} {app['name']}"):
        invocation.client.patch(path, {"locked": locked})
