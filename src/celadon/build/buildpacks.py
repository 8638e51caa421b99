"""Which buildpacks a build uses, and where they come from."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from celadon.model.errors import InvalidParams

# The platform's own, beside the source; the file `order` says in which order they are asked.
OURS = Path(__file__).resolve().parents[3] / "buildpacks"
_ARCHIVE = re.compile(r"\.(tgz|tar\.gz)$")
_SHORT = re.compile(r"^(?:urn:buildpack:)?(?:heroku/|celadon/)?([a-z0-9][a-z0-9_.-]*)\Z")
# Names that Heroku's users know them by.
_ALIASES = {"node": "nodejs", "js": "nodejs", "buildpack-python": "python", "buildpack-nodejs": "nodejs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Buildpack:
    """One buildpack for the build dyno: `here` (a directory bound into it), `git` (with a ref) or `archive`."""

    kind: str
    location: str
    ref: str = ""
    directory: Path | None = None

    @property
    def line(self) -> str:
        return "\t".join((self.kind, self.location, self.ref))


def default_order() -> list[str]:
    return (OURS / "order").read_text("utf-8").split()


def inside(name: str) -> str:
    """Where the platform's own buildpack of this name is in a build dyno."""
    return f"/celadon/buildpacks/{name}"


def resolve(url: str, home: Path) -> Buildpack:
    """A buildpack by its short name or URL; raises InvalidParams for a name nobody has.

    Short names are looked up among the platform's own, then among the operator's in `home/buildpacks`.
    """
    short = _SHORT.match(url)
    if short:
        name = _ALIASES.get(short[1], short[1])
        for root in (OURS, home / "buildpacks"):
            if (root / name / "bin" / "compile").is_file():
                return Buildpack(kind="here", location=inside(name), directory=root / name)
        raise InvalidParams(
            f"cannot find the buildpack {url}: the names here are {', '.join(default_order())}; or give a git URL"
        )
    location, _, ref = url.partition("#")
    if _ARCHIVE.search(urlsplit(location).path):
        return Buildpack(kind="archive", location=location)
    return Buildpack(kind="git", location=location, ref=ref)
