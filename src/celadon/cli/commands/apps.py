"""Apps: list, create, show, rename, open, destroy."""

import shlex
from typing import TYPE_CHECKING, Any

import click

from celadon.cli import repository
from celadon.cli.command import command
from celadon.cli.commands import git
from celadon.cli.commands.teams import team_option
from celadon.cli.connection.client import Client, segment
from celadon.cli.failure import ApiFailure, Failure, UsageFailure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, hash, header, listing, say, show_json, size

if TYPE_CHECKING:
    from celadon.cli.commands.app_json import Manifest

_DEFAULT_REGION = "us"


@command(json=True)
@team_option(required=False)
@click.option("-A", "--all", "everywhere", is_flag=True, help="All that you have access to, also those of your teams.")
@click.option("-p", "--personal", is_flag=True, help="Not those of a team, whatever the environment says.")
def list_apps(invocation: Invocation, team: str | None, everywhere: bool, personal: bool) -> None:
    """List your apps and those that others share with you, or the apps of a team."""
    team = None if personal else team
    path = f"/teams/{segment(team)}/apps" if team else "/apps" if everywhere else "/users/~/apps"
    apps = invocation.client.all(path)
    if invocation.json:
        show_json(apps)
    elif not apps:
        say(f"There are no apps in team {team}." if team else "You have no apps.")
    elif team:
        header(f"Apps in team {team}")
        listing([_with_region(app) for app in apps])
    else:
        _list_mine(invocation, apps)


def _list_mine(invocation: Invocation, apps: list[dict[str, Any]]) -> None:
    me = invocation.client.get("/account")["email"]
    mine = [_with_region(app) for app in apps if app["owner"]["email"] == me]
    shared = [(_with_region(app), app["owner"]["email"]) for app in apps if app["owner"]["email"] != me]
    if mine:
        header("My Apps")
        listing(mine)
    if shared:
        header("Collaborated Apps")
        listing(shared)


@command(json=True)
@click.argument("name", required=False)
@click.option("-a", "--app", "named", metavar="NAME", help="The same as the argument.")
@click.option("--region", metavar="REGION", help="Where the app runs.")
@click.option("-s", "--stack", metavar="STACK", help="The stack to build and run on.")
@click.option("-b", "--buildpack", metavar="BUILDPACK", help="The buildpack to use, instead of detection.")
@click.option(
    "--addons", "--addon", metavar="A,B", default="", help="Comma-separated add-ons to add, such as heroku-redis:mini."
)
@click.option("-r", "--remote", metavar="REMOTE", default="celadon", show_default=True, help="The git remote to add.")
@click.option("-n", "--no-remote", is_flag=True, help="Add no git remote.")
@click.option("--ssh-git", is_flag=True, help="Let the remote use SSH instead of HTTPS.")
@team_option(required=False)
@click.option("--locked", is_flag=True, help="With --team: not open to all members of the team.")
@click.option(
    "--from-app-json",
    metavar="[PATH]",
    is_flag=False,
    flag_value="app.json",
    help="With the config vars, add-ons, buildpacks, formation and script of an app.json, by default ./app.json.",
)
@click.option(
    "-e",
    "--env",
    metavar="KEY=VALUE",
    multiple=True,
    help="With --from-app-json: a config var that it requires, or more.",
)
def create(
    invocation: Invocation,
    name: str | None,
    named: str | None,
    region: str | None,
    stack: str | None,
    buildpack: str | None,
    addons: str,
    remote: str,
    no_remote: bool,
    ssh_git: bool,
    team: str | None,
    locked: bool,
    from_app_json: str | None,
    env: tuple[str, ...],
) -> None:
    """Create a new app, with a name of your choice or a random one, and a git remote in this repository."""
    name, manifest = _manifest(name or named, from_app_json, env)
    asked = {"name": name, "region": region, "stack": stack, "team": team, "locked": locked if team else None}
    app = _create(invocation, name, {key: value for key, value in asked.items() if value}, manifest, buildpack)
    if wanted_addons := [plan.strip() for plan in addons.split(",") if plan.strip()]:
        _add_all(invocation, app["name"], wanted_addons)
    url = git.url_of(invocation.platform, app, ssh=ssh_git)
    if invocation.json:
        show_json(app)
    else:
        say(f"{app['web_url']} | {url}")
    if not no_remote:
        git.attach(invocation.platform, remote, url, quiet=invocation.json)
    if manifest is not None:
        _follow(invocation, app["name"], manifest)


def _manifest(name: str | None, value: str | None, env: tuple[str, ...]) -> "tuple[str | None, Manifest | None]":
    """The app's name, and the app.json that it is to be made from, if one was asked for."""
    if value is None:
        if env:
            raise UsageFailure("--env goes with --from-app-json; of an app that is there: celadon config:set KEY=VALUE")
        return name, None
    from celadon.cli.commands import app_json

    path, name = app_json.split(value, name)
    return name, app_json.read(path, env)


def _create(
    invocation: Invocation,
    name: str | None,
    asked: dict[str, Any],
    manifest: "Manifest | None",
    buildpack: str | None,
) -> dict[str, Any]:
    with action(f"Creating {name or 'app'}", quiet=invocation.json or name is None) as creating:
        if manifest is not None:
            from celadon.cli.commands import app_json

            app = app_json.create(invocation, manifest, asked, buildpack)
        else:
            app = invocation.client.post("/teams/apps" if "team" in asked else "/apps", asked)
        creating.status = f"stack is {app['stack']['name']}"
    if name is None and not invocation.json:
        say(f"Creating {app['name']}... done, stack is {app['stack']['name']}")
    if manifest is not None:
        if not invocation.json:
            app_json.tell_given(manifest, buildpack)
    elif buildpack:
        with action(f"Setting buildpack to {buildpack}", quiet=invocation.json):
            path = f"/apps/{segment(app['name'])}/buildpack-installations"
            invocation.client.put(path, {"updates": [{"buildpack": buildpack}]})
    return app


def _follow(invocation: Invocation, app: str, manifest: "Manifest") -> None:
    from celadon.cli.commands import app_json

    app_json.await_addons(invocation, app)
    if not invocation.json:
        app_json.tell_rest(manifest.wanted)


def _add_all(invocation: Invocation, app: str, plans: list[str]) -> None:
    """Add these add-ons to an app that is new."""
    from celadon.cli.commands import addon_waiting, addons

    invocation.choose(app)
    for plan in plans:
        made = addons.add(invocation, plan)
        if not invocation.json:
            say(addon_waiting.created(made))


@command(confirm=True)
@click.argument("name", required=False)
@click.option("-a", "--app", "named", metavar="APP", help="The app to destroy.")
def destroy(invocation: Invocation, name: str | None, named: str | None) -> None:
    """Permanently destroy an app with all that belongs to it.

    The app must be named: neither git remotes nor the environment choose it.
    """
    app_name = name or named or invocation.confirm
    if app_name is None:
        raise UsageFailure("Usage: celadon apps:destroy --app APP", "Must specify APP to destroy.")
    invocation.choose(app_name)
    path = f"/apps/{segment(app_name)}"
    app = invocation.client.get(path)
    invocation.confirm_destroy(app["name"], f"This command will destroy {app['name']} (including all add-ons).")
    with action(f"Destroying {app['name']} (including all add-ons)"):
        invocation.client.delete(path)
    for remote in git.remotes_of(invocation.platform, app["name"]):
        repository.remove_remote(remote.name)


@command(app=True, json=True)
@click.argument("name", required=False)
@click.option("-s", "--shell", is_flag=True, help="Print lines that a shell can read.")
def info(invocation: Invocation, name: str | None, shell: bool) -> None:
    """Show the details of an app: URLs, owner, stack, sizes, collaborators."""
    if name:
        invocation.choose(name)
    app = invocation.client.get(invocation.app_path)
    addons = [entry["plan"]["name"] for entry in _optional(invocation.client, f"{invocation.app_path}/addons")]
    people = [entry["user"]["email"] for entry in _optional(invocation.client, f"{invocation.app_path}/collaborators")]
    others = [email for email in people if email != app["owner"]["email"]]
    if invocation.json:
        show_json({"app": app, "addons": addons, "collaborators": others})
    elif shell:
        formation = _optional(invocation.client, f"{invocation.app_path}/formation")
        for key, value in sorted(_shell(app, addons, others, formation).items()):
            say(f"{key}={shlex.quote(value) if value else ''}")
    else:
        header(app["name"])
        folder = _source_path(invocation.client, f"{invocation.app_path}/repository")
        hash(_details(app, addons, others) | {"Source Path": folder})


@command(app=True)
@click.argument("path", required=False, default="")
def open_app(invocation: Invocation, path: str) -> None:
    """Open an app in a web browser."""
    import webbrowser

    app = invocation.client.get(invocation.app_path)
    url = app["web_url"].rstrip("/") + "/" + path.lstrip("/")
    with action(f"Opening {app['name']}"):
        if not webbrowser.open(url):
            raise Failure(f"cannot open a browser here; the app is at {url}")


@command(app=True, must="NEWNAME to rename")
@click.argument("newname")
def rename(invocation: Invocation, newname: str) -> None:
    """Give an app another name: its host name and its git URL change with it."""
    remotes = git.remotes_of(invocation.platform, invocation.app)
    with action(f"Renaming {invocation.app} to {newname}"):
        app = invocation.client.patch(invocation.app_path, {"name": newname})
    say(f"{app['web_url']} | {app['git_url']}")
    for remote in remotes:
        url = git.url_of(invocation.platform, app, ssh=not remote.url.startswith("http"))
        repository.set_remote(remote.name, url)
        say(f"Git remote {remote.name} updated")
    warn(["Don't forget to update the git remotes of other checkouts."])


def _with_region(app: dict[str, Any]) -> str:
    region = (app.get("region") or {}).get("name", _DEFAULT_REGION)
    name = f"{app['name']} [locked]" if app.get("locked") else str(app["name"])
    return name if region == _DEFAULT_REGION else f"{name} ({region})"


def _optional(client: Client, path: str) -> list[Any]:
    """A list that a platform may not have."""
    try:
        return client.all(path)
    except ApiFailure as failure:
        if failure.http_status in (404, 501):
            return []
        raise


def _source_path(client: Client, path: str) -> str | None:
    """The folder that is built; none on a platform that builds the whole source of every app."""
    try:
        return client.get(path).get("source_path")  # type: ignore[no-any-return]
    except ApiFailure as failure:
        if failure.http_status in (404, 501):
            return None
        raise


def _details(app: dict[str, Any], addons: list[str], collaborators: list[str]) -> dict[str, str | list[str] | None]:
    return {
        "Addons": addons,
        "Archived At": app.get("archived_at"),
        "Collaborators": collaborators,
        "Git URL": app["git_url"],
        "Maintenance": "on" if app.get("maintenance") else None,
        "Owner Email": app["owner"]["email"],
        "Region": (app.get("region") or {}).get("name"),
        "Repo Size": size(app["repo_size"]) if app.get("repo_size") else None,
        "Slug Size": size(app["slug_size"]) if app.get("slug_size") else None,
        "Stack": app["stack"]["name"],
        "Web URL": app["web_url"],
    }


def _shell(app: dict[str, Any], addons: list[str], collaborators: list[str], formation: list[Any]) -> dict[str, str]:
    quantities = {entry["type"]: entry["quantity"] for entry in formation}
    values = {
        "addons": ",".join(addons),
        "collaborators": ",".join(collaborators),
        "create_status": app.get("create_status"),
        "created_at": app["created_at"],
        "dynos": quantities.get("web", 0),
        "git_url": app["git_url"],
        "id": app["id"],
        "maintenance": str(bool(app.get("maintenance"))).lower(),
        "name": app["name"],
        "owner_email": app["owner"]["email"],
        "region": (app.get("region") or {}).get("name"),
        "released_at": app.get("released_at"),
        "repo_size": app.get("repo_size"),
        "slug_size": app.get("slug_size"),
        "stack": app["stack"]["name"],
        "web_url": app["web_url"],
        "workers": quantities.get("worker", 0),
    }
    return {key: "" if value is None else str(value) for key, value in values.items()}
