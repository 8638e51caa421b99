"""The nearest names to one that was not found."""

import difflib
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


def near(wanted: str, names: Iterable[str]) -> list[str]:
    """At most three names that are spelled like this one, the nearest first, whatever the case of their letters."""
    by_folded = {name.casefold(): name for name in names}
    return [by_folded[name] for name in difflib.get_close_matches(wanted.casefold(), by_folded, n=3, cutoff=0.6)]


def sentence(names: Sequence[str]) -> list[str]:
    """One line that offers them, none where there are none."""
    return [f"Perhaps you meant {' or '.join(f'`{name}`' for name in names)}."] if names else []


def for_failure(invocation: "Invocation", failure: ApiFailure) -> list[str]:
    """What an app that was not found, or a part of one, may have been meant to be."""
    if failure.http_status not in (404, 422):
        return []
    try:
        return sentence(_near(invocation, failure))
    except Failure:
        # The user reads what failed first; that we cannot help is no news.
        return []


def _near(invocation: "Invocation", failure: ApiFailure) -> list[str]:
    app = invocation.app_of_request
    if app is None:
        return []
    if _is_app(failure):
        return near(app, (str(entry["name"]) for entry in invocation.client.all("/apps")))
    # "", "apps", APP, KIND, NAME
    parts = failure.path.partition("?")[0].split("/")
    kind = parts[3] if len(parts) > 3 and parts[1] == "apps" else ""
    if kind not in _LISTED:
        return []
    collection, field = _LISTED[kind]
    wanted = [unquote(parts[4])] if len(parts) > 4 and failure.http_status == 404 else _scaled(failure)
    if not wanted:
        return []
    names = [str(entry[field]) for entry in invocation.client.all(f"{invocation.app_path}/{collection}")]
    return list(dict.fromkeys(name for one in wanted if one not in names for name in near(one, names)))


def _is_app(failure: ApiFailure) -> bool:
    return failure.http_status == 404 and (
        failure.resource == "app" or (failure.resource == "" and "that app" in " ".join(failure.lines))
    )


def _scaled(failure: ApiFailure) -> list[str]:
    """The process types that a change of the formation names."""
    updates = failure.sent.get("updates", []) if isinstance(failure.sent, dict) else []
    return [str(update["type"]) for update in updates if "type" in update]
