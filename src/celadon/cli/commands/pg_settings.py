"""Settings of a database's own server: what it logs and counts."""

import click
from click.exceptions import NoSuchOption

from celadon.cli.command import Command, command
from celadon.cli.commands.databases import Database
from celadon.cli.commands.postgres import chosen
from celadon.cli.connection.client import segment
from celadon.cli.failure import UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import hash, header, say, show_json
from celadon.model.postgres_setting import SETTINGS

_WORDS = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}


@command(app=True, json=True)
@click.argument("database", required=False)
def show(invocation: Invocation, database: str | None) -> None:
    """Show the settings of a database's server."""
    addon = chosen(invocation, database)
    found = invocation.client.get(_path(addon))
    if invocation.json:
        show_json(found)
        return
    header(addon.name)
    hash({_spoken(name): _text(setting["value"]) for name, setting in found.items()})


def _setting(name: str, about: str) -> Command:
    """A command that shows one setting, or changes it."""

    # -1 is a value, no option.
    @command(app=True, passing=True)
    @click.argument("words", nargs=-1, metavar="[DATABASE] [VALUE]")
    def run(invocation: Invocation, words: tuple[str, ...]) -> None:
        value, addon = _told(invocation, name, words)
        if value is None:
            found = invocation.client.get(_path(addon))[name]
            say(f"{_spoken(name)} is set to {_text(found['value'])} for {addon.name}.")
        else:
            found = invocation.client.patch(_path(addon), {name: _typed(value)})[name]
            say(f"{_spoken(name)} has been set to {_text(found['value'])} for {addon.name}.")
        say(found["values"].get(found["value"], found["desc"]))

    run.help = about
    return run


def _told(invocation: Invocation, name: str, words: tuple[str, ...]) -> tuple[str | None, Database]:
    """The value and the database. Heroku's client has had them in both orders: a value is known by what it is."""
    if option := next((word for word in words if word.startswith("--")), None):
        raise NoSuchOption(option)
    if len(words) > 2:
        raise UsageFailure("Too many words: give a value, and a database where the app has several.")
    values = [word for word in words if SETTINGS[name].wrong(_typed(word)) is None]
    others = [word for word in words if word not in values]
    if len(words) == 1 and others:
        try:
            return None, chosen(invocation, others[0])
        except UsageFailure:
            # Not a database either: the platform says what it may be.
            return others[0], chosen(invocation, None)
    if len(words) == 2 and len(values) != 1:
        return words[1], chosen(invocation, words[0])
    return (values[0] if values else None), chosen(invocation, others[0] if others else None)


def _typed(text: str) -> bool | int | str:
    """As the API wants it, which checks it."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    return int(text) if text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 12 else text


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _spoken(name: str) -> str:
    return name.replace("_", "-")


def _path(addon: Database) -> str:
    return f"/postgres/v0/databases/{segment(addon.id)}/config"


auto_explain = _setting("auto_explain", "Show or set whether plans of statements are logged.")
auto_explain_log_analyze = _setting("auto_explain.log_analyze", "Show or set whether logged plans have real times.")
auto_explain_log_buffers = _setting("auto_explain.log_buffers", "Show or set whether logged plans tell of buffers.")
auto_explain_log_format = _setting("auto_explain.log_format", "Show or set how plans are written.")
auto_explain_log_min_duration = _setting(
    "auto_explain.log_min_duration", "Show or set from how many milliseconds on a plan is logged."
)
auto_explain_log_nested_statements = _setting(
    "auto_explain.log_nested_statements", "Show or set whether statements in functions count too."
)
auto_explain_log_triggers = _setting("auto_explain.log_triggers", "Show or set whether logged plans tell of triggers.")
auto_explain_log_verbose = _setting("auto_explain.log_verbose", "Show or set whether logged plans are verbose.")
log_connections = _setting("log_connections", "Show or set whether attempts to log in are logged.")
log_lock_waits = _setting("log_lock_waits", "Show or set whether waiting for a lock is logged.")
log_min_duration_statement = _setting(
    "log_min_duration_statement", "Show or set from how many milliseconds on a statement is logged."
)
log_min_error_statement = _setting(
    "log_min_error_statement", "Show or set from which severity on a statement that fails is logged."
)
log_statement = _setting("log_statement", "Show or set which statements are logged.")
track_functions = _setting("track_functions", "Show or set calls of which functions are counted.")
