"""The environment in which Heroku's own client and git work with a platform."""

import shlex

from celadon.cli.commands import command
from celadon.cli.failure import Failure
from celadon.cli.invocation import Invocation
from celadon.cli.output import say, show_json
from celadon.cli.platforms import Platform, is_loopback


@command(json=True)
def env(invocation: Invocation) -> None:
    """Print lines for a shell that point Heroku's own client, and git, to a platform.

    Use it as: eval "$(celadon client:env)"
    """
    variables = variables_of(invocation.platform)
    if invocation.json:
        show_json(variables)
        return
    for name, value in variables.items():
        say(f"export {name}={shlex.quote(value)}")


def variables_of(platform: Platform) -> dict[str, str]:
    """Name → value; every address that the client would ask heroku.com for is the platform's own."""
    if not is_loopback(platform.hostname) and platform.git_host is None:
        raise Failure("cannot tell where git is: log in first (celadon login)")
    api = platform.api_url
    variables = {
        "HEROKU_HOST": api,
        "HEROKU_GIT_HOST": platform.git_host or platform.host,
        "HEROKU_DATA_HOST": platform.hostname,
        "HEROKU_PARTICLEBOARD_URL": api,
        "HEROKU_LOGIN_HOST": api,
        "HEROKU_STATUS_HOST": api,
        "HEROKU_BUILDPACK_REGISTRY_URL": api,
        "HEROKU_ANALYTICS_URL": f"{api}/analytics",
        "HEROKU_NETRC_WRITE": "true",
        # It would ask registry.npmjs.org for its own newest version.
        "HEROKU_SKIP_NEW_VERSION_CHECK": "true",
        "DISABLE_TELEMETRY": "true",
    }
    if platform.ca_file is not None:
        variables |= {"NODE_EXTRA_CA_CERTS": str(platform.ca_file), "GIT_SSL_CAINFO": str(platform.ca_file)}
    return variables
