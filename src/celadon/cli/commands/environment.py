"""The environment in which Heroku's own client and git work with a platform."""

import shlex
from urllib.parse import urlsplit

from celadon.cli.command import command
from celadon.cli.connection.platforms import Platform
from celadon.cli.failure import Failure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import say, show_json

# Hosts besides heroku.com's to which the client sends its token.
_TRUSTED = frozenset({"localhost", "127.0.0.1"})
_TUNNEL = (
    "Heroku's client, from version 9 on, speaks to heroku.com and to localhost only. Open a tunnel to the platform's HTTPS port,",
    "    ssh -N -L 8443:localhost:{port} USER@{host}",
    "and log in through it, for an environment of its own:",
    "    CELADON_CA_FILE={ca_file} celadon login --platform https://localhost:8443",
)


@command(json=True)
def env(invocation: Invocation) -> None:
    """Print lines for a shell that point Heroku's own client, and git, to a platform.

    Use it as: eval "$(celadon client:env)"
    """
    variables = variables_of(invocation.platform)
    if urlsplit(variables["HEROKU_HOST"]).hostname not in _TRUSTED:
        told = {
            "port": urlsplit(f"//{variables['HEROKU_GIT_HOST']}").port or 443,
            "host": invocation.platform.hostname,
            "ca_file": variables.get("NODE_EXTRA_CA_CERTS", "CA.pem"),
        }
        warn([line.format(**told) for line in _TUNNEL])
    if invocation.json:
        show_json(variables)
        return
    for name, value in variables.items():
        say(f"export {name}={shlex.quote(value)}")


def variables_of(platform: Platform) -> dict[str, str]:
    """Name → value; every address that the client would ask heroku.com for is the platform's own."""
    if platform.git_host is None:
        raise Failure("cannot tell where git is: log in first (celadon login)")
    api = _api_url(platform)
    variables = {
        "HEROKU_HOST": api,
        "HEROKU_GIT_HOST": platform.git_host,
        "HEROKU_DATA_HOST": urlsplit(api).hostname or "",
        # As the one above, a host: port and protocol are those of the API.
        "PGDIAGNOSE_URL": urlsplit(api).hostname or "",
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


def _api_url(platform: Platform) -> str:
    """The API, by `localhost` on the platform's own machine, whatever its domain: the client knows few host names."""
    if platform.home is None or platform.hostname in _TRUSTED:
        return platform.api_url
    port = urlsplit(platform.api_url).port
    return f"http://localhost{f':{port}' if port else ''}"
