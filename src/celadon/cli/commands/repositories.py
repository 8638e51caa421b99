"""The git repository of an app on the platform."""

import click

from celadon.cli.command import command
from celadon.cli.failure import UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, say


@command(app=True)
@click.argument("path", required=False)
@click.option("--clear", is_flag=True, help="Build all of the source again.")
def path(invocation: Invocation, path: str | None, clear: bool) -> None:
    """Show or set the folder of the source that is built, where a repository has several apps."""
    place = f"{invocation.app_path}/repository"
    if path is not None and clear:
        raise UsageFailure("Usage: celadon apps:repo:path [PATH|--clear]", "Give a folder, or --clear, not both.")
    if path is None and not clear:
        found = invocation.client.get(place)["source_path"]
        say(found or f"{invocation.app} is built from the whole source.")
        return
    with action(
        f"Setting the source path of {invocation.app}" if path else f"Clearing the source path of {invocation.app}"
    ):
        found = invocation.client.patch(place, {"source_path": path})["source_path"]
    say(f"The next push builds {f'the folder {found}' if found else 'the whole source'}.")


@command(app=True, confirm=True)
def reset(invocation: Invocation) -> None:
    """Empty the git repository of an app; what runs, its releases and slugs stay. The next push builds anew."""
    invocation.confirm_destroy(
        invocation.app,
        f"This command will delete all branches, tags and commits that {invocation.app} has on the platform: your own "
        "copies stay, and the next push brings what it needs again.",
    )
    with action(f"Resetting the repository of {invocation.app}"):
        invocation.client.delete(f"{invocation.app_path}/repository")
    say("Pushes and clones that run are waited for; those that come now wait for the reset.")
