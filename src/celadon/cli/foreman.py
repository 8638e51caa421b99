"""`celadon-foreman`: foreman's commands under foreman's names. Each is the `celadon local` command of that name."""

import sys
from collections.abc import Sequence

from celadon.cli import main as celadon
from celadon.cli.failure import UsageFailure

_COMMANDS = {"check": "local:check", "export": "local:export", "run": "local:run", "start": "local:start"}
_USAGE = """Usage: celadon-foreman COMMAND [OPTIONS]

  start [TYPE ...]   run the entries of the Procfile
  run CMD            run one command with the variables of .env
  check              check the Procfile
  export FORMAT DIR  make the Procfile into files for the system's init
  version            print the version

Options are those of `celadon local`; see `celadon-foreman COMMAND --help`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("help", "-h", "--help"):
        print(_USAGE)
        return 0
    if words[0] in ("version", "-v", "--version"):
        return celadon.main(["version"])
    if words[0] not in _COMMANDS:
        wrong = UsageFailure(
            f"`{words[0]}` is not a celadon-foreman command.", "There are start, run, check and export."
        )
        wrong.show()
        return wrong.status
    return celadon.main([_COMMANDS[words[0]], *words[1:]])


if __name__ == "__main__":
    sys.exit(main())
