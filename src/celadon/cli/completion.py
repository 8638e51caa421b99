"""Completion in shells, on click's own machinery: commands by the table, options by the command, apps and git remotes.

Whatever fails here is silent: a person is in the middle of a line. What takes long is given up.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, FishComplete, ShellComplete, ZshComplete, split_arg_string

from celadon.cli import files
from celadon.cli.detection import Options
from celadon.cli.failure import Failure
from celadon.model.app import NAME as APP_NAME

if TYPE_CHECKING:
    from celadon.cli.table import Entry

VARIABLE = "_CELADON_COMPLETE"
# Seconds: so long a person waits for a key that does nothing, and so long a list of apps is good.
_PATIENCE = 2.0
_FRESH = 60.0
# What stands on the user's line a moment later: a platform, or a repository, may call its own anything, also `$(rm -r ~)`.
_REMOTE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*\Z")

# Bash breaks words at colons, and so at those in our commands: the line is sent whole, and what comes back begins
# where bash believes the word to begin. Unlike zsh and fish, bash puts it on the line without quotes.
_BASH = """\
%(complete_func)s() {
    local type value
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
        dir) compopt -o dirnames 2>/dev/null ;;
        file) compopt -o default 2>/dev/null ;;
        plain) printf -v value %%q "$value"; COMPREPLY+=("$value") ;;
        esac
    done <<<"$(_LINE="${COMP_LINE:0:$COMP_POINT}" _BREAKS="$COMP_WORDBREAKS" %(complete_var)s=bash_complete "$1" 2>/dev/null)"
}
complete -o nosort -F %(complete_func)s %(prog_name)s 2>/dev/null || complete -F %(complete_func)s %(prog_name)s
"""


class _Bash(ShellComplete):
    name = "bash"
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["_LINE"]
        words = split_arg_string(line)[1:]
        return (words, "") if line[-1:].isspace() or not words else (words[:-1], words[-1])

    def format_completion(self, item: CompletionItem[str]) -> str:
        _, incomplete = self.get_completion_args()
        known = incomplete.rpartition(":")[0] + ":" if ":" in incomplete and ":" in os.environ["_BREAKS"] else ""
        return f"{item.type},{item.value.removeprefix(known)}"


SHELLS: dict[str, type[ShellComplete]] = {"bash": _Bash, "fish": FishComplete, "zsh": ZshComplete}


def script(shell: str) -> str:
    """What the shell is to read; it calls celadon, with a variable that brings us here."""
    from celadon.cli.group import Group

    return SHELLS[shell](Group(name="celadon"), {}, "celadon", VARIABLE).source().strip()


def answer() -> int:
    """Print what may follow on the line that the shell has put into the environment."""
    from celadon.cli.command import CONTEXT
    from celadon.cli.failure import Failure
    from celadon.cli.group import Group

    shell, _, asked = os.environ[VARIABLE].partition("_")
    if asked != "complete" or shell not in SHELLS:
        return 1
    giving_up = threading.Timer(_PATIENCE, os._exit, [0])
    giving_up.daemon = True
    giving_up.start()
    group = Group(name="celadon", context_settings=dict(CONTEXT))
    completer = SHELLS[shell](group, {}, "celadon", VARIABLE)
    with contextlib.suppress(Failure, OSError), contextlib.redirect_stderr(io.StringIO()):
        words, _ = completer.get_completion_args()
        # Behind what is no command nothing follows; click would begin anew.
        if not words or words[0] in _entries():
            sys.stdout.write(f"{completer.complete()}\n")
            sys.stdout.flush()
    giving_up.cancel()
    return 0


def names(incomplete: str) -> list[CompletionItem[str]]:
    """Commands, their other names and those of plugins, each with what it is for."""
    found = sorted((name, entry) for name, entry in _entries().items() if name.startswith(incomplete))
    return [CompletionItem(name, help=entry.summary) for name, entry in found]


def _entries() -> "dict[str, Entry]":
    from celadon.cli.plugins import index
    from celadon.cli.table import ALIASES, COMMANDS

    others = {alias: COMMANDS[name] for alias, name in ALIASES.items()}
    return {**index.entries(), **others, **COMMANDS}


def apps(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Names of apps, from a list that is at most a minute old."""
    return _items(_apps(Options(platform=context.params.get("platform_option"))), incomplete, APP_NAME)


def remotes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Git remotes of this directory."""
    from celadon.cli import repository

    found = repository.read()
    return _items(found.urls if found else (), incomplete, _REMOTE_NAME)


def _items(values: Iterable[str], incomplete: str, rule: re.Pattern[str]) -> list[CompletionItem[str]]:
    """Those that are names by the rule, and nothing else to a shell."""
    return [CompletionItem(value) for value in sorted(values) if value.startswith(incomplete) and rule.match(value)]


def _apps(options: Options) -> list[str]:
    """Raises Failure."""
    from celadon.cli import detection
    from celadon.cli.connection.client import Client
    from celadon.cli.invocation import authorization

    platform = detection.platform(options)
    said = authorization(platform)
    # Of another login the list is another one.
    key = hashlib.sha256(f"{platform.api_url} {said}".encode()).hexdigest()[:32]
    file = files.cache() / f"apps-{key}.json"
    with contextlib.suppress(OSError, ValueError):
        if time.time() - file.stat().st_mtime < _FRESH:
            kept: list[str] = json.loads(file.read_text("utf-8"))
            return kept
    told: list[Any] = Client(platform=platform, authorization=lambda: said).all("/apps")
    found = [str(app["name"]) for app in told]
    # Where it cannot be written, the next one asks again.
    with contextlib.suppress(Failure):
        files.make(file.parent)
        files.replace(file, json.dumps(found).encode(), mode=0o600)
    return found
