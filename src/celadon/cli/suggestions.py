"""What may help after a refusal: the nearest names to one that was not found, and who lists them all."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from celadon.cli.failure import ApiFailure, Failure

if TYPE_CHECKING:
    from celadon.cli.invocation import Invocation

# What is below an app, as paths call it: where its like are listed, and what names each.
_LISTED: Mapping[str, tuple[str, str]] = {
    "addons": ("addons", "name"),
    "domains": ("domains", "hostname"),
    "dynos": ("dynos", "name"),
    "features": ("features", "name"),
    "formation": ("formation", "type"),
    "formations": ("formation", "type"),
}

# The last words of commands that take something away.
_DESTROYS = re.compile(r"(?:^|:)(?:clear|delete|destroy|kill|purge|remove|reset|revoke|rollback|stop|uninstall)\Z")

# What the API calls that which was not found → the command that lists what there is; True where it is an app's.
_LISTING: Mapping[str, tuple[str, bool]] = {
    "account_feature": ("labs", False),
    "add_on": ("addons", True),
    "add_on_attachment": ("addons", True),
    "app": ("apps", False),
    "app_feature": ("features", True),
    "app_transfer": ("apps:transfers", False),
    "authorization": ("authorizations", False),
    "build": ("builds", True),
    "collaborator": ("access", True),
    "dataclip": ("dataclips", True),
    "domain": ("domains", True),
    "dyno": ("ps", True),
    "formation": ("scale", True),
    "key": ("keys", False),
    "log_drain": ("drains", True),
    "oauth_client": ("clients", False),
    "pipeline": ("pipelines", False),
    "region": ("regions", False),
    "release": ("releases", True),
    "scheduler_job": ("scheduler", True),
    "session": ("sessions", False),
    "sni_endpoint": ("certs", True),
    "stack": ("stack", True),
    "team": ("teams", False),
    "webhook": ("webhooks", True),
}


def near(wanted: str, names: Iterable[str]) -> list[str]:
    """At most three names that are spelled like this one, the nearest first, whatever the case of their letters."""
    by_folded = {name.casefold(): name for name in names}
    return [by_folded[name] for name in difflib.get_close_matches(wanted.casefold(), by_folded, n=3, cutoff=0.6)]


def commands(wanted: str, names: Iterable[str]) -> list[str]:
    """Names of commands that may have been meant; one that takes something away only when a letter or two are wrong."""
    return [name for name in near(wanted, names) if not _DESTROYS.search(name) or _differ(wanted, name) <= 2]


def _differ(one: str, other: str) -> int:
    """How many letters are to be replaced, added or left out to make one of the other."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        above, row = row, [at]
        for to, wanted in enumerate(other, start=1):
            row.append(min(above[to] + 1, row[-1] + 1, above[to - 1] + (letter != wanted)))
    return row[-1]


def sentence(names: Sequence[str]) -> list[str]:
    """One line that offers them, none where there are none."""
    return [f"Perhaps you meant {' or '.join(f'`{name}`' for name in names)}."] if names else []


def for_failure(invocation: "Invocation", failure: ApiFailure) -> list[str]:
    """What an app that was not found, or a part of one, may have been meant to be."""
    if failure.http_status not in (403, 404, 422):
        return []
    try:
        return [*sentence(_near(invocation, failure)), *_look(invocation, failure)]
    except Failure:
        # The user reads what failed first; that we cannot help is no news.
        return []


def _look(invocation: "Invocation", failure: ApiFailure) -> list[str]:
    """Which command shows what there is, unless the platform has said it."""
    said = " ".join(failure.lines)
    if "`celadon " in said:
        return []
    of_app = f" -a {invocation.options.app}" if invocation.options.app else ""
    if failure.http_status == 403 and "owner" in said and _parts(failure):
        return [f"`celadon info{of_app}` says who that is."]
    if failure.http_status != 404 or failure.resource not in _LISTING:
        return []
    command, takes_app = _LISTING[failure.resource]
    return [f"`celadon {command}{of_app if takes_app else ''}` lists what there is."]


def _near(invocation: "Invocation", failure: ApiFailure) -> list[str]:
    parts = _parts(failure)
    if not parts or failure.http_status == 403:
        return []
    if _is_app(failure):
        return near(unquote(parts[0]), (str(entry["name"]) for entry in invocation.client.all("/apps")))
    kind = parts[1] if len(parts) > 1 else ""
    if kind not in _LISTED:
        return []
    collection, field = _LISTED[kind]
    wanted = [unquote(parts[2])] if len(parts) > 2 and failure.http_status == 404 else _scaled(failure)
    if not wanted:
        return []
    names = [str(entry[field]) for entry in invocation.client.all(f"/apps/{parts[0]}/{collection}")]
    return list(dict.fromkeys(name for one in wanted if one not in names for name in near(one, names)))


def _parts(failure: ApiFailure) -> list[str]:
    """APP, KIND, NAME of `/apps/APP/KIND/NAME`, as far as they go; none of another path."""
    beginning, _, rest = failure.path.partition("?")[0].removeprefix("/").partition("/")
    return rest.split("/") if beginning == "apps" and rest else []


def _is_app(failure: ApiFailure) -> bool:
    return failure.http_status == 404 and (
        failure.resource == "app" or (failure.resource == "" and "that app" in " ".join(failure.lines))
    )


def _scaled(failure: ApiFailure) -> list[str]:
    """The process types that a change of the formation names."""
    updates = failure.sent.get("updates", []) if isinstance(failure.sent, dict) else []
    return [str(update["type"]) for update in updates if "type" in update]
