"""app.json: what an app is set up with, in the words of Heroku's schema. Whatever is wrong with one is said all at once.

Keys that nobody knows are left alone, as are those that are for people (`keywords`, `logo`) or for other occasions
(`environments`); null counts as absent. What is said never has a value of `env` in it.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from celadon.model import addon, config
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


class ManifestError(Exception):
    """An app.json that nothing can be set up with; `errors` are sentences for its author."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("invalid app.json")
        self.errors = tuple(errors[:_MOST_ERRORS])


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvVar:
    """One config var to be: its value, or that it is generated; `required` ones must come from somewhere."""

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
    """`success_url` is a whole URL, or a path of the app; `postdeploy` is a command."""

    env: Mapping[str, EnvVar] = field(default_factory=dict)
    formation: Mapping[str, Scale] = field(default_factory=dict)
    addons: tuple[WantedAddOn, ...] = ()
    buildpacks: tuple[str, ...] = ()
    postdeploy: str | None = None
    success_url: str | None = None

    def config_vars(self, overrides: Mapping[str, str], generate: Callable[[], str]) -> dict[str, str]:
        """The app's first config vars: `overrides` win; raises ManifestError for required ones that have no value."""
        found = {}
        missing = []
        for name, var in self.env.items():
            if name in overrides:
                continue
            if var.generated:
                found[name] = generate()
            elif var.value is not None:
                found[name] = var.value
            elif var.required:
                missing.append(f"config var {name} is required: give its value in overrides.env")
        if missing:
            raise ManifestError(missing)
        return {**found, **overrides}


def parse(content: bytes) -> AppJson:
    """Raises ManifestError."""
    if len(content) > LIMIT:
        raise ManifestError([f"app.json is larger than {LIMIT >> 10} KB"])
    try:
        read = json.loads(content.decode("utf-8"))
    except RecursionError:
        raise ManifestError(["app.json is nested too deeply"]) from None
    except ValueError as error:
        # Of a UnicodeDecodeError the message would quote the file.
        why = f": {error.msg}, line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ManifestError([f"app.json is not valid JSON in UTF-8{why}"]) from None
    if not isinstance(read, dict):
        raise ManifestError([f"app.json must be an object, not {_kind(read)}"])
    errors: list[str] = []
    found = {key: rule(key, read[key], errors) for key, rule in _RULES.items() if read.get(key) is not None}
    if errors:
        raise ManifestError(errors)
    scripts = found.get("scripts") or {}
    return AppJson(
        env=found.get("env") or {},
        formation=found.get("formation") or {},
        addons=found.get("addons") or (),
        buildpacks=found.get("buildpacks") or (),
        postdeploy=scripts.get("postdeploy"),
        success_url=found.get("success_url"),
    )


def _kind(value: object) -> str:
    return "null" if value is None else _KINDS.get(type(value), "that")


def _shown(name: str) -> str:
    """A name of the file as it can be quoted: short, and nothing but what can be printed."""
    return name if config.NAME.match(name) or PROCESS_TYPE.match(name) else repr(name[:60])


def _object(where: str, value: object, errors: list[str]) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    errors.append(f"{where} must be an object, not {_kind(value)}")
    return {}


def _entry(short: str, where: str, value: object, errors: list[str]) -> dict[str, object]:
    """An object, or a string that stands for one that has nothing but this key."""
    return {short: value} if isinstance(value, str) else _object(where, value, errors)


def _list(where: str, value: object, errors: list[str]) -> list[object]:
    if isinstance(value, list):
        return value
    errors.append(f"{where} must be a list, not {_kind(value)}")
    return []


def _text(where: str, value: object, errors: list[str]) -> str | None:
    """A string that can be kept: of a size, without NUL, valid Unicode."""
    if not isinstance(value, str):
        errors.append(f"{where} must be a string, not {_kind(value)}")
    elif len(value) > TEXT_LIMIT:
        errors.append(f"{where} is longer than {TEXT_LIMIT:,} characters")
    elif any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in value):
        errors.append(f"{where} has characters that no text may have")
    else:
        return value
    return None


def _flag(where: str, value: object, errors: list[str]) -> bool | None:
    if isinstance(value, bool):
        return value
    errors.append(f"{where} must be true or false, not {_kind(value)}")
    return None


def _env(where: str, value: object, errors: list[str]) -> dict[str, EnvVar]:
    found = {}
    for name, given in _object(where, value, errors).items():
        entry = _entry("value", f"{where}.{_shown(name)}", given, errors)
        found[name] = _env_var(name, entry, errors)
    return found


def _env_var(name: str, entry: dict[str, object], errors: list[str]) -> EnvVar:
    where = f"env.{_shown(name)}"
    value, required, generator = entry.get("value"), entry.get("required"), entry.get("generator")
    if value is not None and not isinstance(value, str):
        errors.append(f"{where}.value must be a string, not {_kind(value)}")
        value = None
    if generator not in (None, "secret"):
        errors.append(f'{where}.generator must be "secret", there is no other')
    try:
        config.check(name, value if isinstance(value, str) else "")
    except InvalidParams as error:
        errors.append(error.message)
    return EnvVar(
        value=value if isinstance(value, str) else None,
        required=required is None or _flag(f"{where}.required", required, errors) is not False,
        generated=generator == "secret",
    )


def _formation(where: str, value: object, errors: list[str]) -> dict[str, Scale]:
    found = {}
    for name, given in _object(where, value, errors).items():
        inside = f"{where}.{_shown(name)}"
        if not PROCESS_TYPE.match(name):
            errors.append(f"{inside} is no name of a process type")
        entry = _object(inside, given, errors)
        quantity, size = entry.get("quantity"), entry.get("size")
        whole = isinstance(quantity, int) and not isinstance(quantity, bool)
        if quantity is not None and not (whole and 0 <= quantity <= MAX_QUANTITY):  # type: ignore[operator]
            errors.append(f"{inside}.quantity must be a whole number from 0 to {MAX_QUANTITY}")
        found[name] = Scale(
            quantity=quantity if whole else None,  # type: ignore[arg-type]
            size=None if size is None else _text(f"{inside}.size", size, errors),
        )
    return found


def _buildpacks(where: str, value: object, errors: list[str]) -> tuple[str, ...]:
    entries = _list(where, value, errors)
    if len(entries) > MOST_BUILDPACKS:
        errors.append(f"{where} has {len(entries)} entries, at most {MOST_BUILDPACKS} can be had")
        return ()
    found = []
    for number, given in enumerate(entries):
        inside = f"{where}[{number}]"
        entry = _entry("url", inside, given, errors)
        found.append(_text(f"{inside}.url", entry.get("url"), errors) or "")
    return tuple(found)


def _addons(where: str, value: object, errors: list[str]) -> tuple[WantedAddOn, ...]:
    entries = _list(where, value, errors)
    if len(entries) > addon.MOST:
        errors.append(f"{where} has {len(entries)} entries, at most {addon.MOST} can be had")
        return ()
    found = tuple(_addon(f"{where}[{number}]", given, errors) for number, given in enumerate(entries))
    named = [one.attachment for one in found if one.attachment]
    for name in dict.fromkeys(named):
        if named.count(name) > 1:
            errors.append(f"{where} has more than one add-on `as` {_shown(name)}")
    return found


def _addon(where: str, given: object, errors: list[str]) -> WantedAddOn:
    entry = _entry("plan", where, given, errors)
    attachment = entry.get("as")
    name = None if attachment is None else _text(f"{where}.as", attachment, errors)
    options = {}
    for key, value in _object(f"{where}.options", entry.get("options") or {}, errors).items():
        # As in a request: a flag is a text, too.
        told = str(value).lower() if isinstance(value, (bool, int)) else value
        options[key] = _text(f"{where}.options.{_shown(key)}", told, errors) or ""
    try:
        addon.check_options(options)
        if name is not None:
            addon.check_attachment_name(name)
    except InvalidParams as error:
        errors.append(f"{where}: {plain(error.message)}")
    return WantedAddOn(plan=_text(f"{where}.plan", entry.get("plan"), errors) or "", attachment=name, options=options)


def _scripts(where: str, value: object, errors: list[str]) -> dict[str, str | None]:
    postdeploy = _object(where, value, errors).get("postdeploy")
    found = None if postdeploy is None else _text(f"{where}.postdeploy", postdeploy, errors)
    return {"postdeploy": found if found and found.strip() else None}


def _success_url(where: str, value: object, errors: list[str]) -> str | None:
    found = _text(where, value, errors)
    if found is not None and not _SUCCESS_URL.match(found):
        errors.append(f"{where} must be a URL, or a path of the app that begins with /")
    return found


def _stack(where: str, value: object, errors: list[str]) -> None:
    found = _text(where, value, errors)
    if found is not None and not _STACK.match(found):
        errors.append(f"{where} {found[:40]!r} is not here: leave it out, the only stack is cedar")


# Key → what reads its value: returns it as AppJson has it, and adds to the errors what is wrong with it.
_RULES: Mapping[str, Callable[[str, object, list[str]], Any]] = {
    "name": _text,
    "description": _text,
    "success_url": _success_url,
    "scripts": _scripts,
    "env": _env,
    "formation": _formation,
    "addons": _addons,
    "buildpacks": _buildpacks,
    "stack": _stack,
}
