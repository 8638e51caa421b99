"""Config vars in the user's editor; what was typed there is not lost when it cannot be used."""

import contextlib
import io
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from celadon.cli.failure import Failure
from celadon.cli.invocation import ask
from celadon.cli.terminal import foreground
from celadon.cli.terminal.output import interactive

# What stands before a word: blanks, ends of lines, comments.
_BETWEEN = re.compile(r"(?:\s|#[^\n]*)*")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft:
    """The file that is edited, in a directory of this user's alone."""

    file: Path

    def edit(self, parse: Callable[[str], T]) -> T:
        """What the user has made of it; on a terminal they may mend what cannot be read. Raises Failure."""
        while True:
            self._open()
            try:
                return parse(self.file.read_text("utf-8"))
            except (Failure, UnicodeDecodeError) as error:
                failure = error if isinstance(error, Failure) else Failure("cannot read it: save it as UTF-8 text")
            if not interactive():
                raise failure
            failure.show()
            if ask("Edit again? [Y/n] ").lower() in ("n", "no"):
                raise Failure("Aborted. Nothing has been changed.")

    def _open(self) -> None:
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        try:
            status = foreground.run([*shlex.split(editor), str(self.file)])
        except OSError:
            raise Failure(f"cannot run the editor {editor}: set EDITOR to one that is installed") from None
        if status != 0:
            raise Failure(f"cannot edit: {editor} exited with status {status}. Nothing has been changed.")


@contextlib.contextmanager
def draft(text: str, name: str) -> Iterator[Draft]:
    """A text to edit. It is gone afterwards, unless what follows fails: then the user is told where it is."""
    directory = tempfile.mkdtemp(prefix="celadon-config-")
    file = Path(directory, name)
    try:
        file.write_text(text, "utf-8")
        yield Draft(file)
    except Failure as failure:
        if file.exists() and file.read_bytes() != text.encode():
            failure.lines = (*failure.lines, f"What you typed is in {file}: remove it when you need it no more.")
        else:
            shutil.rmtree(directory)
        raise
    except BaseException:
        shutil.rmtree(directory)
        raise
    shutil.rmtree(directory)


def written(config: Mapping[str, str]) -> str:
    """Lines of the form KEY='value'."""
    return "".join(f"{name}={shlex.quote(config[name])}\n" for name in sorted(config))


def parsed(text: str) -> dict[str, str]:
    """Lines of the form KEY=value, values quoted as a shell quotes them; raises Failure, with the line's number."""
    stream = io.StringIO(text)
    lexer = shlex.shlex(stream, posix=True)
    lexer.whitespace_split = True
    config: dict[str, str] = {}
    while True:
        between = _BETWEEN.match(text, stream.tell())
        assert between is not None, "also nothing is between"
        line = text.count("\n", 0, between.end()) + 1
        try:
            word = lexer.get_token()
        except ValueError as error:
            reason = str(error).lower()
            raise Failure(f"cannot read line {line}: {reason}. Nothing has been changed.") from None
        if word is None:
            return config
        name, equals, value = word.partition("=")
        if not equals:
            # Not the line itself: it may be a piece of a secret.
            raise Failure(f"cannot read line {line}: expected KEY='value'. Nothing has been changed.")
        config[name] = value
