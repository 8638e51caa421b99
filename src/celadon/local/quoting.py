"""How values are written in the files of each init. Each raises Failure for what its format has no way to say."""

import re

from celadon.cli.failure import Failure

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Of these systemd takes tabs and newlines alone, and nothing that is no character of Unicode.
_NOT_SYSTEMD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufdd0-\ufdef]")
_ENDS_SCRIPT = re.compile(r"^[ \t]*end[ \t]+script\b", re.MULTILINE)
# Where configparser, as supervisord has it, begins a comment.
_INI_COMMENT = re.compile(r"(?<=\s)(?=[;#])")


def systemd_word(text: str, name: str) -> str:
    """A word of an Environment= line. `%` begins a specifier."""
    if _NOT_SYSTEMD.search(text) or any(ord(character) & 0xFFFE == 0xFFFE for character in text):
        raise _refused("systemd", name, "a control character or a code that is no character")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped.replace("%", "%%")}"'


def systemd_argument(text: str, name: str) -> str:
    """A word of an ExecStart= line, where variables are put in for `$` besides."""
    return systemd_word(text, name).replace("$", "$$")


def upstart_line(text: str, name: str) -> str:
    """What is quoted for a shell, in a `script` block: that is taken as it is, up to its end."""
    if _ENDS_SCRIPT.search(text):
        raise _refused("upstart", name, "a line `end script`")
    return text


def supervisord_argument(text: str, name: str) -> str:
    """A word of a command= line: read by configparser, `%` expanded, then by shlex. Quotes side by side are one word."""
    if _CONTROL.search(text.replace("\t", " ")):
        raise _refused("supervisord", name, "a newline or another control character")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_INI_COMMENT.sub(chr(34) * 2, escaped)}"'.replace("%", "%%")


def supervisord_value(text: str, name: str) -> str:
    """A value of an environment= line: quotes cannot be escaped there, and those at its ends are taken off."""
    if _CONTROL.search(text.replace("\t", " ")):
        raise _refused("supervisord", name, "a newline or another control character")
    if text[:1] in ("'", '"') or text[-1:] in ("'", '"') or ("'" in text and '"' in text):
        raise _refused("supervisord", name, "quotes at its ends, or of both kinds")
    if _INI_COMMENT.search(text):
        raise _refused("supervisord", name, "a blank before `;` or `#`, which begins a comment there")
    quote = "'" if '"' in text else '"'
    return f"{quote}{text}{quote}".replace("%", "%%")


def runit_value(text: str, name: str) -> str:
    """A file of an envdir, as chpst reads it: one line, NUL for a newline."""
    if text.endswith((" ", "\t")):
        raise _refused("runit", name, "a blank at its end, which runit takes off")
    return text.replace("\n", "\x00") + "\n"


def rubyquote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _refused(format: str, name: str, what: str) -> Failure:
    subject = f"the command of {name}" if "." in name else f"the value of {name}"
    return Failure(
        f"cannot export to {format}: {subject} has {what}",
        "Change it, or export to another format; inittab and bluepill take all values.",
    )
