"""`celadon`: finds the command in the table, imports only that, and turns every error into a sentence.

`version`, `help` and `git:credentials` do not even load click: the first two are what start-up is measured by, the last
is asked by git twice in each push.
"""

import errno
import os
import sys
from collections.abc import Sequence
from types import TracebackType

_INTERRUPTED = 130
_PIPE_CLOSED = 141
# What writing says of a disk, or a terminal, that takes no more.
_OUTPUT_REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.excepthook = _unexpected
    _reopen_what_is_closed()
    try:
        if "_CELADON_COMPLETE" in os.environ:
            # A shell asks what may follow on its line.
            from celadon.cli import completion

            return completion.answer()
        status = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone.
        _say_no_more()
        return _PIPE_CLOSED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        if os.environ.get("CELADON_DEBUG") or not (error.filename or error.errno in _OUTPUT_REFUSED):
            raise
        return _refused_by_the_system(error)
    return status


def _run(words: list[str]) -> int:
    if words in (["version"], ["--version"], ["-v"]):
        from celadon.cli.commands import version

        print(version.line())
        return 0
    if words in ([], ["help"], ["--help"], ["-h"]):
        from celadon.cli import overview

        print("\n".join(overview.lines()))
        return 0
    if words[:1] == ["git:credentials"] and words[1:] in (["get"], ["store"], ["erase"]):
        from celadon.cli import failure
        from celadon.cli.commands import credentials

        try:
            return credentials.reply(words[1], sys.stdin, sys.stdout)
        except failure.Failure as failed:
            failed.show()
            return failed.status
    from celadon.cli import group

    status = group.run(words)
    if words[0] not in ("update", "update:beta"):
        # What these have done makes the notice untrue.
        _tell_of_updates()
    return status


def _tell_of_updates() -> None:
    if not sys.stderr.isatty():
        return
    from celadon.cli import update_notice

    if update_notice.wanted():
        update_notice.show()


def _reopen_what_is_closed() -> None:
    """Who started us may have closed the standard streams: nothing is to be read there, and nobody reads us."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123


def _say_no_more() -> None:
    """What could not be written is not tried again when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())


def _refused_by_the_system(error: OSError) -> int:
    """A full disk, a directory that may not be read: what the system says, and about which file."""
    about = f"use {error.filename}" if error.filename else "write the output"
    print(f" !    cannot {about}: {error.strerror or error}", file=sys.stderr)
    _say_no_more()
    return 1


def _unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An error of ours: one sentence, and the traceback for who asks for it."""
    if os.environ.get("CELADON_DEBUG"):
        sys.__excepthook__(kind, error, trace)
        return
    print(f" !    celadon failed unexpectedly: {kind.__name__}: {error}", file=sys.stderr)
    print(" !    Run it again with CELADON_DEBUG=1 for the details.", file=sys.stderr)
