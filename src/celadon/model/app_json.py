"""app.json: what an app is set up with, in the words of Heroku's schema. Whatever is wrong with one is said all at once.

Keys that nobody knows are left alone, as are those that are for people (`keywords`, `logo`) or for other occasions
(`environments`, `pr-predestroy`); null counts as absent. Each mistake is said with its line and column and with its path,
such as `formation.web.quantity`; what is said never has a value of `env` in it.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from celadon.model import addon, config, json_places
from celadon.model.errors import InvalidParams
from celadon.model.formation import MAX_QUANTITY
from celadon.model.procfile import PROCESS_TYPE
from celadon.model.text import plain

# Bytes of the whole file; characters of a script or a URL in it; buildpacks; what is said of one that is wrong.
LIMIT = 256 << 10
TEXT_LIMIT = 4 << 10
MOST_BUILDPACKS = 20
_MOST_ERRORS = 50

# The platform's own stack is another name for what Heroku's are.
_STACK = re.compile(r"^(cedar|heroku)(-\d{1,3})?\Z")
_SUCCESS_URL = re.compile(r"^(https?://|/)[^\s\x00-\x1f]*\Z")
_KINDS = {str: "a string", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


# Keys that Heroku's schema has and nothing here uses.
_UNUSED = frozenset({"$schema", "image", "keywords", "logo", "repository", "website"})


class ManifestError(Exception):
    """An app.json that nothing can be set up with; `errors` are sentences for its author."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("invalid app.json")
        self.errors = tuple(errors[:_MOST_ERRORS])


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvVar:
    """One config var to be: its value, or that it is generated; `required` ones must come from somewhere. `description` is
    for whoever is asked for the value.
    """

    description: str | None = None
    value: str | None = field(default=None, repr=False)
    required: bool = True
    generated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What the formation wants of one process type; None leaves what is."""

    quantity: int | None = None
    size: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedAddOn:
    """`plan` is `service:plan` or a service; `attachment` the name it is attached by, `options` its provider's business."""

    plan: str
    attachment: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppJson:
    """`success_url` is a whole URL, or a path of the app; `postdeploy` is a command, `postdeploy_size` that of its dyno, None
    for the usual one. `unknown` are keys that were left alone because no schema has them.
    """

    env: Mapping[str, EnvVar] = field(default_factory=dict)
    formation: Mapping[str, Scale] = field(default_factory=dict)
    addons: tuple[WantedAddOn, ...] = ()
    buildpacks: tuple[str, ...] = ()
    postdeploy: str | None = None
    postdeploy_size: str | None = None
    success_url: str | None = None
    unknown: tuple[str, ...] = ()

    def missing(self, overrides: Mapping[str, str]) -> list[str]:
        """Names of the config vars that are required and have no value, in the file's order."""
        return [
            name
            for name, var in self.env.items()
            if var.required and var.value is None and not var.generated and name not in overrides
        ]

    def config_vars(self, overrides: Mapping[str, str], generate: Callable[[], str]) -> dict[str, str]:
        """The app's first config vars: `overrides` win; raises ManifestError for required ones that have no value."""
        missing = self.missing(overrides)
        if missing:
            raise ManifestError([f"config var {name} is required: give its value in overrides.env" for name in missing])
        values = {name: generate() if var.generated else var.value for name, var in self.env.items()}
        return {**{name: value for name, value in values.items() if value is not None}, **overrides}


@dataclass(frozen=True, slots=True)
class _At:
    """A place in the file by its path; it is shown as `addons[0].options.size`."""

    path: tuple[str | int, ...] = ()

    def __truediv__(self, step: str | int) -> "_At":
        return _At((*self.path, step))

    def __str__(self) -> str:
        shown = "".join(f"[{step}]" if isinstance(step, int) else f".{_shown(step)}" for step in self.path)
        return shown.removeprefix(".") or "app.json"


class _Errors:
    """What is wrong, by where it is."""

    def __init__(self) -> None:
        self.found: list[tuple[_At, str]] = []

    def add(self, at: _At, text: str) -> None:
        self.found.append((at, f"{at} {text}"))

    def of(self, at: _At, error: InvalidParams) -> None:
        """What a rule of the platform says of a value."""
        self.found.append((at, f"{at}: {plain(error.message)}"))

    def sentences(self, text: str) -> list[str]:
        """In the order of the file."""
        placed = [(json_places.find(text, at.path), said) for at, said in self.found[:_MOST_ERRORS]]
        return [f"line {line}, column {column}: {said}" for (line, column), said in sorted(placed)]


def parse(content: bytes) -> AppJson:
    """Raises ManifestError."""
    text, read = _read(content)
    errors = _Errors()
    found = {key: rule(_At((key,)), read[key], errors) for key, rule in _RULES.items() if read.get(key) is not None}
    if errors.found:
        raise ManifestError(errors.sentences(text))
    command, size = found.get("scripts") or (None, None)
    return AppJson(
        env=found.get("env") or {},
        formation=found.get("formation") or {},
        addons=found.get("addons") or (),
        buildpacks=found.get("buildpacks") or (),
        postdeploy=command,
        postdeploy_size=size,
        success_url=found.get("success_url"),
        unknown=tuple(plain(key[:60]) for key in read if key not in KEYS),
    )


def _read(content: bytes) -> tuple[str, dict[str, Any]]:
    """The text and what it says; raises ManifestError."""
    if len(content) > LIMIT:
        raise ManifestError([f"app.json is larger than {LIMIT >> 10} KB"])
    try:
        # Some editors mark UTF-8 as such.
        text = content.decode("utf-8-sig")
        read = json.loads(text)
    except RecursionError:
        raise ManifestError(["app.json is nested too deeply"]) from None
    except ValueError as error:
        # Of a UnicodeDecodeError the message would quote the file.
        json_error = isinstance(error, json.JSONDecodeError)
        why = f": {error.msg}, line {error.lineno}, column {error.colno}" if json_error else ""  # type: ignore[attr-defined]
        raise ManifestError([f"app.json is not valid JSON in UTF-8{why}"]) from None
    if not isinstance(read, dict):
        raise ManifestError([f"app.json must be an object, not {_kind(read)}"])
    return text, read


def _kind(value: object) -> str:
    return "null" if value is None else _KINDS.get(type(value), "that")


def _shown(name: str) -> str:
    """A name of the file as it can be quoted: short, and nothing but what can be printed."""
    return name if config.NAME.match(name) or PROCESS_TYPE.match(name) else repr(name[:60])


def _object(at: _At, value: object, errors: _Errors) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    errors.add(at, f"must be an object, not {_kind(value)}")
    return {}


def _entry(short: str, at: _At, value: object, errors: _Errors) -> dict[str, object]:
    """An object, or a string that stands for one that has nothing but this key."""
    return {short: value} if isinstance(value, str) else _object(at, value, errors)


def _list(at: _At, value: object, most: int, errors: _Errors) -> list[object]:
    if not isinstance(value, list):
        errors.add(at, f"must be a list, not {_kind(value)}")
    elif len(value) > most:
        errors.add(at, f"has {len(value)} entries, at most {most} can be had")
    else:
        return value
    return []


def _text(at: _At, value: object, errors: _Errors) -> str | None:
    """A string that can be kept: of a size, without NUL, valid Unicode."""
    if not isinstance(value, str):
        errors.add(at, f"must be a string, not {_kind(value)}")
    elif len(value) > TEXT_LIMIT:
        errors.add(at, f"is longer than {TEXT_LIMIT:,} characters")
    elif any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in value):
        errors.add(at, "has characters that no text may have")
    else:
        return value
    return None


def _optional(at: _At, value: object, errors: _Errors) -> str | None:
    return None if value is None else _text(at, value, errors)


def _flag(at: _At, value: object, errors: _Errors) -> bool | None:
    if isinstance(value, bool):
        return value
    errors.add(at, f"must be true or false, not {_kind(value)}")
    return None


def _env(at: _At, value: object, errors: _Errors) -> dict[str, EnvVar]:
    return {name: _env_var(at / name, name, given, errors) for name, given in _object(at, value, errors).items()}


def _env_var(at: _At, name: str, given: object, errors: _Errors) -> EnvVar:
    entry = _entry("value", at, given, errors)
    value, required, generator = entry.get("value"), entry.get("required"), entry.get("generator")
    if value is not None and not isinstance(value, str):
        errors.add(at / "value", f"must be a string, not {_kind(value)}")
        value = None
    if generator not in (None, "secret"):
        errors.add(at / "generator", 'must be "secret", there is no other')
    try:
        config.check(name, value if isinstance(value, str) else "")
    except InvalidParams as error:
        errors.of(at, error)
    return EnvVar(
        description=_optional(at / "description", entry.get("description"), errors),
        value=value if isinstance(value, str) else None,
        required=required is None or _flag(at / "required", required, errors) is not False,
        generated=generator == "secret",
    )


def _formation(at: _At, value: object, errors: _Errors) -> dict[str, Scale]:
    return {name: _scale(at / name, name, given, errors) for name, given in _object(at, value, errors).items()}


def _scale(at: _At, name: str, given: object, errors: _Errors) -> Scale:
    if not PROCESS_TYPE.match(name):
        errors.add(at, "is no name of a process type")
    entry = _object(at, given, errors)
    quantity = entry.get("quantity")
    whole = isinstance(quantity, int) and not isinstance(quantity, bool)
    if quantity is not None and not (whole and 0 <= quantity <= MAX_QUANTITY):  # type: ignore[operator]
        errors.add(at / "quantity", f"must be a whole number from 0 to {MAX_QUANTITY}")
    return Scale(
        quantity=quantity if whole else None,  # type: ignore[arg-type]
        size=_optional(at / "size", entry.get("size"), errors),
    )


def _buildpacks(at: _At, value: object, errors: _Errors) -> tuple[str, ...]:
    found = []
    for number, given in enumerate(_list(at, value, MOST_BUILDPACKS, errors)):
        entry = _entry("url", at / number, given, errors)
        found.append(_text(at / number / "url", entry.get("url"), errors) or "")
    return tuple(found)


def _addons(at: _At, value: object, errors: _Errors) -> tuple[WantedAddOn, ...]:
    found = tuple(
        _addon(at / number, given, errors) for number, given in enumerate(_list(at, value, addon.MOST, errors))
    )
    named = [one.attachment for one in found if one.attachment]
    for name in dict.fromkeys(named):
        if named.count(name) > 1:
            errors.add(at, f"has more than one add-on `as` {_shown(name)}")
    return found


def _addon(at: _At, given: object, errors: _Errors) -> WantedAddOn:
    entry = _entry("plan", at, given, errors)
    name = _optional(at / "as", entry.get("as"), errors)
    options = {}
    for key, value in _object(at / "options", entry.get("options") or {}, errors).items():
        # As in a request: a flag is a text, too.
        told = str(value).lower() if isinstance(value, (bool, int)) else value
        options[key] = _text(at / "options" / key, told, errors) or ""
    try:
        addon.check_options(options)
        if name is not None:
            addon.check_attachment_name(name)
    except InvalidParams as error:
        errors.of(at, error)
    return WantedAddOn(plan=_text(at / "plan", entry.get("plan"), errors) or "", attachment=name, options=options)


def _scripts(at: _At, value: object, errors: _Errors) -> tuple[str | None, str | None]:
    """Command and size of the postdeploy script. What runs before a review app goes is checked, no more."""
    scripts = _object(at, value, errors)
    _script(at / "pr-predestroy", scripts.get("pr-predestroy"), errors)
    return _script(at / "postdeploy", scripts.get("postdeploy"), errors)


def _script(at: _At, given: object, errors: _Errors) -> tuple[str | None, str | None]:
    if given is None or isinstance(given, str):
        command, size = _optional(at, given, errors), None
    elif isinstance(given, dict):
        command = _text(at / "command", given.get("command"), errors)
        size = _optional(at / "size", given.get("size"), errors)
    else:
        errors.add(at, f"must be a string, or an object with `command` and `size`, not {_kind(given)}")
        return None, None
    return (command, size) if command and command.strip() else (None, None)


def _success_url(at: _At, value: object, errors: _Errors) -> str | None:
    found = _text(at, value, errors)
    if found is not None and not _SUCCESS_URL.match(found):
        errors.add(at, "must be a URL, or a path of the app that begins with /")
    return found


def _stack(at: _At, value: object, errors: _Errors) -> None:
    found = _text(at, value, errors)
    if found is not None and not _STACK.match(found):
        errors.add(at, f"{found[:40]!r} is not here: leave it out, the only stack is cedar")


# Key → what reads its value: returns it as AppJson has it, and adds to the errors what is wrong with it.
_RULES: Mapping[str, Callable[[_At, Any, _Errors], Any]] = {
    "name": _text,
    "description": _text,
    "success_url": _success_url,
    "scripts": _scripts,
    "env": _env,
    "formation": _formation,
    "addons": _addons,
    "buildpacks": _buildpacks,
    "stack": _stack,
    "environments": _object,
}

# All that an author can have meant.
KEYS = frozenset(_RULES) | _UNUSED
