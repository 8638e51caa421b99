"""Style and scripts of the pages: files of ours, each under a name for its contents, so that browsers keep it for good."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.model.errors import NotFound

_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    version: str
    text: str


@cache
def _files() -> dict[str, _File]:
    """By name, those below `vendor` as well. What single pages add to the style, in `style`, is behind `style.css`."""
    root = resources.files("celadon.dashboard").joinpath("static")
    found = [path for place in (root, root.joinpath("vendor")) for path in place.iterdir() if path.is_file()]
    texts = {path.name: path.read_text("utf-8") for path in found if _kind(path.name)}
    pages = sorted(root.joinpath("style").iterdir(), key=lambda path: path.name)
    texts["style.css"] += "".join(path.read_text("utf-8") for path in pages if _kind(path.name))
    return {name: _File(name, hashlib.sha256(text.encode()).hexdigest()[:16], text) for name, text in texts.items()}


def _kind(name: str) -> str | None:
    return _KINDS.get(name[name.rfind(".") :])


def url(name: str) -> str:
    """Where pages find this file."""
    return f"/dashboard/static/{_files()[name].version}/{name}"


def show(call: Call) -> Page:
    """Under any version: an old page asks for an old one. Raises NotFound."""
    found = _files().get(call.params["file"])
    if found is None:
        raise NotFound("file")
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Page(text=found.text, kind=_kind(found.name) or "", headers=kept)
