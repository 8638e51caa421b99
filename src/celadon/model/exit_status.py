"""How the exit status of a command in a dyno comes back through a terminal: a line behind a character that no text has.

The command is sent with an `echo` of its status behind it, as Heroku's own client does; here the line is taken out of
the output again, wherever chunks are cut.
"""

import re

_MARK = "\uffff heroku-command-exit-status: "
# The dyno then ends with the command's status, so that the log tells it too.
_ECHO = f'status=$?; echo "{_MARK}$status"; exit $status'
_THEIR_ECHO = f'echo "{_MARK}$?"'
_MARK_BYTES = _MARK.encode()
_LINE = re.compile(re.escape(_MARK_BYTES) + rb"(\d{1,3})\r?\n")
# Longer than that no line of ours is: what begins like one and goes on is the command's own output.
_LONGEST = len(_MARK_BYTES) + 5
# In these the shell that runs the command would be gone before it could tell the status.
_LEAVES_SHELL = re.compile(r"\b(exit|exec|set\s+-\w*e|return)\b")


def telling(command: str) -> str:
    """The command, followed by what tells its status. Its first word stays first, as it may be a process type."""
    if _LEAVES_SHELL.search(command):
        return f"(\n{command}\n) ; {_ECHO}"
    if command.endswith("\\"):
        separator = "\n\n"
    else:
        separator = "\n" if "\n" in command or "#" in command or command.rstrip().endswith(("&", ";")) else " ; "
    return f"{command}{separator}{_ECHO}"


def told(command: str) -> str:
    """A command as it was before `telling`, ours or that of Heroku's client."""
    for echo in (_ECHO, _THEIR_ECHO):
        before, found, _ = command.partition(echo)
        if found:
            break
    else:
        return command
    before = before.rstrip()
    if before.startswith("(\n") and before.endswith("\n) ;"):
        return before[2:-4].strip()
    return before.removesuffix(";").rstrip()


class Filter:
    """Output goes through `feed`; `status` is set once the line has come."""

    def __init__(self) -> None:
        self.status: int | None = None
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """What of the output so far is the command's own for sure."""
        text = self._held + chunk
        shown = b""
        while match := _LINE.search(text):
            shown += text[: match.start()]
            self.status = int(match[1])
            text = text[match.end() :]
        keep = _open_at(text)
        self._held = text[keep:]
        return shown + text[:keep]

    def rest(self) -> bytes:
        """What was held back when the output ended: a last line without its newline counts too."""
        held, self._held = self._held, b""
        if match := re.fullmatch(re.escape(_MARK_BYTES) + rb"(\d{1,3})\r?", held):
            self.status = int(match[1])
            return b""
        return held


def _open_at(text: bytes) -> int:
    """Where a line of ours may have begun that has not ended; the length of the text when there is none."""
    first = max(0, len(text) - _LONGEST)
    for at in range(first, len(text)):
        if text[at] == _MARK_BYTES[0] and _may_begin(text[at:]):
            return at
    return len(text)


def _may_begin(text: bytes) -> bool:
    if len(text) <= len(_MARK_BYTES):
        return _MARK_BYTES.startswith(text)
    return text.startswith(_MARK_BYTES) and re.fullmatch(rb"\d{0,3}\r?", text[len(_MARK_BYTES) :]) is not None
