"""Names that people know from elsewhere and that are no commands here: gone, never needed, or not there yet.

Each says what to type instead. A name speaks for all that are below it: `ci` for `ci:run`.
"""

from collections.abc import Mapping

_TIERS = ("Apps have no tiers: the size of dynos and the plans of add-ons say what they can do.",)
_RESIZE = "Use `celadon ps:resize web=2X` and `celadon addons:upgrade ADDON PLAN`."
_SSL = ("Certificates are the app's own, without an add-on, and served by SNI.",)

_DEPLOY = (
    "Code is deployed by a push.",
    "Use `git push celadon main`; `celadon git:remote --app APP` adds the remote, `celadon builds:create` takes what is in no git.",
)

_CLONE = (
    "A repository is cloned by git itself.",
    "Use `celadon git:clone --app APP`, or `git clone` with the Git URL of `celadon apps:info`.",
)

_IMAGES = (
    "Images are built elsewhere and imported.",
    "Use `celadon container:import IMAGE` with what is in a registry, or with a file that `docker save IMAGE -o FILE.tar` has made.",
)

_REPLACED: Mapping[str, tuple[str, ...]] = {
    "apps:diff": (
        "Apps are not compared by all they have.",
        "Use `celadon pipelines:diff` for their code, `celadon config --json` for their config vars.",
    ),
    "apps:downgrade": (*_TIERS, _RESIZE),
    "apps:errors": (
        "Errors are counted in the dashboard's metrics.",
        "Use `celadon logs --explain` to see what the codes in a log mean.",
    ),
    "apps:upgrade": (*_TIERS, _RESIZE),
    "certs:rollback": (
        "A certificate that was replaced is not kept: its private key would be.",
        "Use `celadon certs:update CRT KEY` with the former files.",
    ),
    "ci": (
        "Test runs are not there yet.",
        "Use `celadon run --app APP COMMAND` to run the tests of an app that is deployed.",
    ),
    "commands": (
        "The list of commands is the help.",
        "Use `celadon help`.",
    ),
    "container:login": (
        "There is no registry here to log in to.",
        "Use `celadon container:import IMAGE --username NAME`, which asks for the password of the image's own registry.",
    ),
    "container:logout": (
        "There is no registry here to log out of: the login of an import is forgotten when that is over.",
        "Use `celadon logout` to end your login to the platform.",
    ),
    "container:pull": (
        "Images are not given back.",
        "Use `docker pull` with what `celadon releases` names: `Imported IMAGE@sha256:…`.",
    ),
    "container:push": _IMAGES,
    "container:release": (
        "An image is released by its import, after its release command has succeeded.",
        "Use `celadon container:import IMAGE`.",
    ),
    "container:rm": (
        "An image is not taken off a process type.",
        "Use `celadon ps:scale TYPE=0` to stop its dynos, `celadon rollback` for what ran before.",
    ),
    "container:run": (
        "An image that is deployed is run as any app.",
        "Use `celadon run COMMAND`.",
    ),
    "data:maintenances": (
        "Maintenance of databases has shorter names here.",
        "Use `celadon pg:maintenance`.",
    ),
    "data:pg": (
        "There is no tier beside the plans of heroku-postgresql.",
        "Use `celadon pg` and what is below it.",
    ),
    "deploy": _DEPLOY,
    "downgrade": (*_TIERS, _RESIZE),
    "notifications": (
        "Nothing is kept for you to read later.",
        "Use `celadon webhooks:add` to be told, `celadon activity` to see what happened.",
    ),
    "pg:connection-pooling": (
        "Connection pooling by the platform is not there yet.",
        "Use `celadon buildpacks:add URL` with a buildpack that brings PgBouncer, or a pool in the app.",
    ),
    "pg:extensions": (
        "Extensions are asked for in SQL.",
        "Use `celadon pg:psql -c 'SELECT * FROM pg_available_extensions'`.",
    ),
    "pg:fdwsql": (
        "Foreign tables are made in SQL.",
        "Use `celadon pg:psql` and IMPORT FOREIGN SCHEMA.",
    ),
    "pg:links": (
        "Links between data services are not there.",
        "Use `celadon pg:copy SOURCE TARGET`, or postgres_fdw from the app.",
    ),
    "pg:stats-reset": (
        "The statistics of statements can be reset, the others not.",
        "Use `celadon pg:outliers --reset`.",
    ),
    "pg:stats_reset": (
        "The statistics of statements can be reset, the others not.",
        "Use `celadon pg:outliers --reset`.",
    ),
    "pipelines:connect": (
        "Repositories elsewhere are not connected: code comes by a push.",
        "Use `celadon git:remote --app APP` and `git push`.",
    ),
    "pipelines:setup": (
        "Pipelines are made step by step.",
        "Use `celadon pipelines:create NAME` and `celadon pipelines:add NAME --app APP`.",
    ),
    "ps:autoscale": (
        "Scaling by itself is not there yet.",
        "Use `celadon ps:scale web=N`; `celadon logs --ps router` shows how long requests take.",
    ),
    "ps:copy": (
        "Copying a file out of a dyno is not there.",
        "Use `celadon ps:exec --no-tty -- cat FILE > FILE`, which reads it in the dyno itself.",
    ),
    "ps:forward": (
        "Forwarding a port of a dyno is not there.",
        "Use `celadon pg:psql` and `celadon redis:cli` for data services, and the app's own URL for the rest.",
    ),
    "ps:socks": (
        "A proxy into a dyno is not there.",
        "Use `celadon ps:exec COMMAND` for what is to run beside the dyno's process.",
    ),
    "push": _DEPLOY,
    "redis:upgrade": (
        "There is one version of Redis.",
        "Use `celadon addons:upgrade ADDON PLAN` for another plan.",
    ),
    "repo:clone": _CLONE,
    "repo:download": _CLONE,
    "repo:gc": (
        "Repositories are packed by the platform itself, when it has little to do.",
        "Use `celadon apps:repo:reset` to empty one whose history is too large.",
    ),
    "repo:rebuild": (
        "A build is made of what is pushed.",
        "Use `git commit --allow-empty -m Rebuild` and `git push celadon main`, or Deploy in the dashboard.",
    ),
    "reviewapps": (
        "Review apps are not there yet.",
        "Use `celadon fork --app APP NAME` and push the branch to it: `git push REMOTE branch:main`.",
    ),
    "spaces": (
        "There are no private spaces: the platform is your own.",
        "Use `celadon regions` to see where apps run.",
    ),
    "ssh": (
        "A shell is in a dyno.",
        "Use `celadon ps:exec` for one that is up, `celadon run bash` for one of its own.",
    ),
    "ssl": (*_SSL, "Use `celadon certs` to list them."),
    "ssl:add": (*_SSL, "Use `celadon certs:add CRT KEY`."),
    "ssl:clear": (*_SSL, "Use `celadon certs:remove`."),
    "telemetry": (
        "Telemetry is not sent by itself.",
        "Use `celadon drains:add URL` for log lines, `celadon features:enable log-runtime-metrics` for measures.",
    ),
    "trusted-ips": (
        "Addresses are not filtered for an app.",
        "Use `celadon logs --ps router` to see them; the app gets them in X-Forwarded-For.",
    ),
    "upgrade": (*_TIERS, _RESIZE),
    "usage": (
        "Use is not metered: prices are an estimate.",
        "Use `celadon addons` and `celadon ps:type` to see them.",
    ),
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
