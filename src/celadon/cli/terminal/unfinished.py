"""The line that is not at its end yet, `Setting x... `: a sign turns behind it, and who has something to say in between
begins a new line.
"""

from typing import TextIO


class Line:
    """The one that is open; there is one at a time."""

    text = ""
    stream: TextIO | None = None
    interrupted = False


def begin(text: str, stream: TextIO) -> None:
    print(text, end="", file=stream, flush=True)
    Line.text, Line.stream, Line.interrupted = text, stream, False
    if stream.isatty():
        from celadon.cli.terminal import spinner

        spinner.start(stream)


def interrupt() -> None:
    """Something else is about to be shown: on a terminal the line ends here, and is written again for its end."""
    if Line.stream is not None and not Line.interrupted and Line.stream.isatty():
        _still(Line.stream)
        print(file=Line.stream, flush=True)
        Line.interrupted = True


def end(text: str, stream: TextIO) -> None:
    """What became of it."""
    _still(stream)
    print(f"{Line.text}{text}" if Line.interrupted else text, file=stream, flush=True)
    Line.stream, Line.interrupted = None, False


def _still(stream: TextIO) -> None:
    if stream.isatty():
        from celadon.cli.terminal import spinner

        spinner.stop()
