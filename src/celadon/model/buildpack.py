"""Short names of buildpacks: which there are, where each leads, and what is near to one that nobody has."""

import difflib
import re
from collections.abc import Iterable, Mapping

from celadon.model.errors import InvalidParams

# How clients of today name a buildpack of the registry; it is kept by its short name.
URN = "urn:buildpack:"
# Namespaces in which a folder has its own name: `python`, `celadon/python` and `heroku/python` are one.
_OURS = ("", "celadon/", "heroku/")
_SHORT = re.compile(r"(?:[a-z0-9][a-z0-9_.-]*/)?[a-z0-9][a-z0-9_.-]*\Z")
# A tag, a branch or a commit may follow; no user name that could be read as an option, no host that begins with a dash.
_URL = re.compile(r"(?:https?|git|ssh)://[A-Za-z0-9\[][^\s\x00-\x1f'\"\\]*\Z")
_LONGEST = 1000


def is_url(text: str) -> bool:
    """Whether it is an http(s), git or ssh URL that a build may fetch."""
    return len(text) <= _LONGEST and _URL.match(text) is not None


def shown(url: str) -> str:
    """A name or URL without the login that may be in it."""
    return re.sub(r"(://)[^/]*@", r"\1", url)


def is_short(text: str) -> bool:
    """Whether it has the form of a short name, such as `heroku/python`."""
    return len(text) <= _LONGEST and _SHORT.match(text) is not None


def checked_list(values: Mapping[str, object]) -> dict[str, str]:
    """Name → folder or URL, as a file of names has them; raises ValueError for an entry that cannot be used."""
    found = {}
    for name, target in values.items():
        if not is_short(name):
            raise ValueError(f"{name[:80]!r} is no short name")
        if not isinstance(target, str) or not (is_url(target) or re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", target)):
            raise ValueError(f"{name} leads neither to a folder nor to a URL")
        # Everybody is shown where a name leads.
        if "@" in target.partition("://")[2].partition("/")[0]:
            raise ValueError(f"the URL of {name} has a user name or password in it")
        found[name] = target
    return found


def names(folders: Iterable[str], *lists: Mapping[str, str]) -> dict[str, str]:
    """Every short name → the folder or URL it leads to; a later list wins, and all of them over a folder's own name.

    What leads to a folder that is not there is no name.
    """
    there = frozenset(folders)
    found = {f"{namespace}{folder}": folder for folder in there for namespace in _OURS}
    for listed in lists:
        led = {name: target for name, target in listed.items() if target in there or is_url(target)}
        found |= {name.removeprefix("heroku/"): target for name, target in led.items() if name.startswith("heroku/")}
        found |= led
    return found


def find(known: Mapping[str, str], name: str) -> str:
    """The folder or URL that a short name leads to; raises InvalidParams with near names for one that nobody has."""
    if name in known:
        return known[name]
    alike = [one for one in listed(known) if one.rpartition("/")[2] == name.rpartition("/")[2]]
    alike += difflib.get_close_matches(name, [one for one in known if ("/" in one) == ("/" in name)], n=3, cutoff=0.6)
    near = list(dict.fromkeys(alike))[:3]
    hint = f"did you mean {' or '.join(near)}?" if near else "celadon buildpacks:search lists the names there are;"
    raise InvalidParams(
        f"cannot find the buildpack {name[:80]}: {hint} A git URL (with #ref if you like) or the URL of a .tgz archive will "
        "do as well"
    )


def listed(known: Mapping[str, str]) -> dict[str, str]:
    """What a search looks through: of a folder's several names the one in `heroku/`, else its own; all others."""
    return {
        name: target
        for name, target in sorted(known.items())
        if "/" in name and not (name.startswith("celadon/") and f"heroku/{name.removeprefix('celadon/')}" in known)
    }
