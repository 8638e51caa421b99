"""Names that people know from elsewhere and that are no commands here: gone, never needed, or not there yet.

Each says what to type instead. A name speaks for all that are below it: `ci` for `ci:run`.
"""

from collections.abc import Mapping

_TIERS = ("Apps have no tiers: the size of dynos and the plans of add-ons say what they can do.",)
_RESIZE = "Use `celadon ps:resize web=2X` and `celadon addons:upgrade ADDON PLAN`."
_SSL = ("Certificates are the app's own, without an add-on, and served by SNI.",)

_REPLACED: Mapping[str, tuple[str, ...]] = {
    "apps:downgrade": (*_TIERS, _RESIZE),
    "apps:upgrade": (*_TIERS, _RESIZE),
    "certs:rollback": (
        "A certificate that was replaced is not kept: its private key would be.",
        "Use `celadon certs:update CRT KEY` with the former files.",
    ),
    "ci": (
        "Test runs are not there yet.",
        "Use `celadon run --app APP COMMAND` to run the tests of an app that is deployed.",
    ),
    "container": (
        "Deploys of images and Dockerfiles are not there yet.",
        "Use `git push celadon main` with a Procfile; `celadon buildpacks:set URL` for what no buildpack here knows.",
    ),
    "downgrade": (*_TIERS, _RESIZE),
    "pg:connection-pooling": (
        "Connection pooling by the platform is not there yet.",
        "Use `celadon buildpacks:add URL` with a buildpack that brings PgBouncer, or a pool in the app.",
    ),
    "pg:links": (
        "Links between data services are not there.",
        "Use `celadon pg:copy SOURCE TARGET`, or postgres_fdw from the app.",
    ),
    "ps:autoscale": (
        "Scaling by itself is not there yet.",
        "Use `celadon ps:scale web=N`; `celadon logs --ps router` shows how long requests take.",
    ),
    "ps:copy": (
        "Copying a file out of a dyno is not there.",
        "Use `celadon run --no-tty -- cat FILE > FILE`, in a dyno of its own with the same code.",
    ),
    "ps:forward": (
        "Forwarding a port of a dyno is not there.",
        "Use `celadon pg:psql` and `celadon redis:cli` for data services, and the app's own URL for the rest.",
    ),
    "reviewapps": (
        "Review apps are not there yet.",
        "Use `celadon fork --app APP NAME` and push the branch to it: `git push REMOTE branch:main`.",
    ),
    "spaces": (
        "There are no private spaces: the platform is your own.",
        "Use `celadon regions` to see where apps run.",
    ),
    "ssl": (*_SSL, "Use `celadon certs` to list them."),
    "ssl:add": (*_SSL, "Use `celadon certs:add CRT KEY`."),
    "ssl:clear": (*_SSL, "Use `celadon certs:remove`."),
    "upgrade": (*_TIERS, _RESIZE),
}


def explanation(name: str) -> tuple[str, ...]:
    """Why there is no such command, and what to use; nothing for a name that nobody knows."""
    above = name
    while above:
        if above in _REPLACED:
            return _REPLACED[above]
        above = above.rpartition(":")[0]
    return ()


def names() -> list[str]:
    return sorted(_REPLACED)
