"""What an owner may set of a database's own server: the settings that Heroku's client knows, their values and words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from celadon.model.errors import InvalidParams

Value = bool | int | str

_MOST = (1 << 31) - 1
# Plans are logged by a module that each new session loads when this is on.
_AUTO_EXPLAIN = "auto_explain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`values` are those of a setting that has few, with what they mean; a number is -1 or more."""

    default: Value
    about: str
    values: Mapping[str, str] = field(default_factory=dict)

    def wrong(self, value: object) -> str | None:
        """What it would have to be instead; None when it may be this."""
        if isinstance(self.default, bool):
            return None if isinstance(value, bool) else "true or false"
        if isinstance(self.default, int):
            fits = isinstance(value, int) and not isinstance(value, bool) and -1 <= value <= _MOST
            return None if fits else f"a whole number from -1 to {_MOST}"
        return None if isinstance(value, str) and value in self.values else f"one of {', '.join(self.values)}"


SETTINGS: Mapping[str, Setting] = {
    "auto_explain": Setting(
        default=False, about="Whether plans of statements are logged, in sessions that begin then."
    ),
    "auto_explain.log_analyze": Setting(default=False, about="Whether logged plans have real times; costs time."),
    "auto_explain.log_buffers": Setting(default=False, about="Whether logged plans tell of buffers."),
    "auto_explain.log_format": Setting(
        default="text",
        about="How plans are written.",
        values={name: f"Plans are written as {name}." for name in ("text", "json", "yaml", "xml")},
    ),
    "auto_explain.log_min_duration": Setting(
        default=-1, about="Milliseconds from which on a statement's plan is logged: 0 for all, -1 for none."
    ),
    "auto_explain.log_nested_statements": Setting(default=False, about="Whether statements in functions count too."),
    "auto_explain.log_triggers": Setting(default=False, about="Whether logged plans tell of triggers."),
    "auto_explain.log_verbose": Setting(default=False, about="Whether logged plans are verbose."),
    "log_connections": Setting(default=False, about="Whether attempts to log in are logged."),
    "log_lock_waits": Setting(default=True, about="Whether it is logged that a session waits a second for a lock."),
    "log_min_duration_statement": Setting(
        default=2000, about="Milliseconds from which on a statement is logged: 0 for all, -1 for none."
    ),
    "log_min_error_statement": Setting(
        default="error",
        about="From which severity on the statement that failed is logged.",
        values={
            "error": "All statements that fail are logged.",
            "log": "Statements that cause a message of the log, a fatal error or a panic are logged.",
            "fatal": "Statements that end their session are logged.",
            "panic": "Statements that end all sessions are logged.",
        },
    ),
    "log_statement": Setting(
        default="none",
        about="Which statements are logged.",
        values={
            "none": "No statements are logged.",
            "ddl": "All data definition statements, such as CREATE, ALTER and DROP, are logged.",
            "mod": "All statements of ddl are logged, and those that change data, such as INSERT and COPY.",
            "all": "All statements are logged.",
        },
    ),
    "track_functions": Setting(
        default="none",
        about="Calls of which functions are counted.",
        values={
            "none": "No functions are tracked.",
            "pl": "Only functions in procedural languages are tracked.",
            "all": "All functions are tracked, but simple ones of SQL.",
        },
    ),
}


def check(values: Mapping[str, object]) -> dict[str, Value]:
    """What somebody wants to set, as it may be. Raises InvalidParams."""
    if not values:
        raise InvalidParams(f"cannot change settings: name one of {', '.join(SETTINGS)}, and its value")
    checked: dict[str, Value] = {}
    for name, value in values.items():
        if name not in SETTINGS:
            raise InvalidParams(f"cannot set {name[:60]!r}: there are {', '.join(SETTINGS)}")
        if wanted := SETTINGS[name].wrong(value):
            raise InvalidParams(f"cannot set {name}: it is {wanted}")
        assert isinstance(value, bool | int | str), "it is not wrong"
        checked[name] = value
    return checked


def lines(chosen: Mapping[str, Value]) -> str:
    """The lines of postgresql.conf that say what was chosen."""
    written = [f"{name} = '{_text(value)}'\n" for name, value in sorted(chosen.items()) if name != _AUTO_EXPLAIN]
    if chosen.get(_AUTO_EXPLAIN):
        written.append(f"session_preload_libraries = '{_AUTO_EXPLAIN}'\n")
    return "".join(written)


def _text(value: Value) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
