"""Which buildpacks a build uses, and where they come from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from celadon.actions.buildpack_names import OURS
from celadon.model import buildpack

_ARCHIVE = re.compile(r"\.(tgz|tar\.gz)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Buildpack:
    """One buildpack for the build dyno: `here` (a directory bound into it), `git` (with a ref) or `archive`."""

    kind: str
    location: str
    ref: str = ""

    @property
    def line(self) -> str:
        return "\t".join((self.kind, self.location, self.ref))


def default_order() -> list[str]:
    """The platform's own, in the order in which they are asked."""
    return (OURS / "order").read_text("utf-8").split()


def inside(name: str) -> str:
    """Where the buildpack in the folder of this name is in a build dyno."""
    return f"/celadon/buildpacks/{name}"


def resolve(url: str, known: Mapping[str, str]) -> Buildpack:
    """A buildpack by its short name or URL; raises InvalidParams for a name nobody has."""
    if "://" not in url:
        target = buildpack.find(known, url.removeprefix(buildpack.URN))
        return resolve(target, known) if "://" in target else Buildpack(kind="here", location=inside(target))
    location, _, ref = url.partition("#")
    if _ARCHIVE.search(urlsplit(location).path):
        return Buildpack(kind="archive", location=location)
    return Buildpack(kind="git", location=location, ref=ref)


def names_file(known: Mapping[str, str]) -> str:
    """Every short name with the line of its buildpack, for the file `.buildpacks` of an app."""
    return "".join(f"{name}\t{resolve(name, known).line}\n" for name in sorted(known))
