"""`celadon`: finds the command in the table, imports only that, and turns every error into a sentence.

`version`, `help` and `git:credentials` do not even load click: the first two are what start-up is measured by, the last
is asked by git twice in each push.
"""

import os
import sys
from collections.abc import Sequence
from types import TracebackType

_INTERRUPTED = 130
_PIPE_CLOSED = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.excepthook = _unexpected
    if sys.stdin is None:
        # Standard input was closed by who started us.
        sys.stdin = open(os.devnull)  # noqa: SIM115, PTH123
    try:
        if words in (["version"], ["--version"], ["-v"]):
            from celadon.cli import version

            print(version.line())
            status = 0
        elif words in ([], ["help"], ["--help"], ["-h"]):
            from celadon.cli import overview

            print("\n".join(overview.lines()))
            status = 0
        elif words[:1] == ["git:credentials"] and words[1:] in (["get"], ["store"], ["erase"]):
            from celadon.cli import credentials

            status = credentials.reply(words[1], sys.stdin, sys.stdout)
        else:
            status = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not try to flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


def _run(words: list[str]) -> int:
    from celadon.cli import group

    return group.run(words)


def _unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An error of ours: one sentence, and the traceback for who asks for it."""
    if os.environ.get("CELADON_DEBUG"):
        sys.__excepthook__(kind, error, trace)
        return
    print(f" !    celadon failed unexpectedly: {kind.__name__}: {error}", file=sys.stderr)
    print(" !    Run it again with CELADON_DEBUG=1 for the details.", file=sys.stderr)
