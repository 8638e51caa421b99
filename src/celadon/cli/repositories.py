"""The git repository of an app on the platform."""

from celadon.cli.commands import command
from celadon.cli.invocation import Invocation
from celadon.cli.output import action, say


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
