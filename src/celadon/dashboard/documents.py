"""The documentation as pages: guides and reference of the checkout that the platform runs from, and a search in them."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

import celadon

HOME = "/dashboard/help"
FOLDERS = {"guides": "Guides", "reference": "Reference"}
# Characters: what is longer is shown a section at a time.
_LONG = 30_000
_SNIPPET = 220
# How much a word counts in a title, in a heading, in the text; and so many hits of a text count.
_IN_TITLE, _IN_HEADING, _IN_TEXT, _HITS = 20, 6, 1, 5
# HTML in a document is text; pictures of elsewhere are not asked for.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
# Error codes: router, runtime, logs.
_CODE = re.compile(r"[HRL]\d{2}\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a document below one heading; `slug` is empty for what stands before the first."""

    slug: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A Markdown file; `summary` is its first sentence."""

    folder: str
    name: str
    title: str
    summary: str
    sections: tuple[Section, ...]

    @property
    def path(self) -> str:
        return f"{HOME}/{self.folder}/{self.name}"

    @property
    def long(self) -> bool:
        return sum(len(section.text) for section in self.sections) > _LONG

    def path_of(self, section: Section) -> str:
        """Where this section is read."""
        if not section.slug:
            return self.path
        return f"{self.path}/{section.slug}" if self.long else f"{self.path}#{section.slug}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where the words of a search stand, and some text around them."""

    document: Document
    section: Section
    snippet: str
    score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An error code with the rest of its row: what it means, where to look."""

    code: str
    means: Markup
    look: Markup


@cache
def documents() -> dict[tuple[str, str], Document]:
    """By folder and name; empty where the platform runs without its checkout. They stay as they were at the start."""
    root = Path(celadon.__file__).parents[2] / "docs"
    paths = [(folder, path) for folder in FOLDERS for path in sorted((root / folder).glob("*.md"))]
    return {(folder, path.stem): _read(folder, path) for folder, path in paths}


def _read(folder: str, path: Path) -> Document:
    text = path.read_text("utf-8")
    heading, _, body = text.partition("\n")
    pieces = re.split(r"^## (.+)$", body, flags=re.MULTILINE)
    sections = [Section(slug="", heading="", text=pieces[0].strip())]
    sections += [
        Section(slug=slug(name), heading=name.strip(), text=content.strip())
        for name, content in zip(pieces[1::2], pieces[2::2], strict=True)
    ]
    first = re.split(r"(?<=[.:])\s", plain(pieces[0].strip().split("\n\n")[0]), maxsplit=1)[0]
    return Document(
        folder=folder, name=path.stem, title=plain(heading.lstrip("# ")), summary=first, sections=tuple(sections)
    )


def slug(heading: str) -> str:
    """A heading as the end of an address, as code hosts make it."""
    return re.sub(r"[^\w:-]+", "-", plain(heading).lower()).strip("-")


def plain(text: str) -> str:
    """Markdown without its marks, on one line."""
    bare = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"[`*]", "", re.sub(r"\|(-+\|)*", " ", bare)).split())


def html(document: Document, section: str = "") -> Markup:
    """A document, or one section of a long one; its own HTML is text."""
    shown = [one for one in document.sections if not document.long or one.slug == section]
    return Markup("").join(_rendered(document.folder, one) for one in shown)


@cache
def _rendered(folder: str, section: Section) -> Markup:
    head = Markup("")
    if section.slug:
        head = Markup('<h2 id="{}">{}</h2>\n').format(section.slug, inline(folder, section.heading))
    return head + _drawn(folder, _MARKDOWN.parse(section.text))


def inline(folder: str, text: str) -> Markup:
    """One line of Markdown, of a document in this folder."""
    return _drawn(folder, _MARKDOWN.parseInline(text))


def _drawn(folder: str, tokens: list[Token]) -> Markup:
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            # Other documents lead to smaller headings too.
            token.attrs["id"] = slug(tokens[at + 1].content)
        for child in token.children or ():
            if child.type == "link_open":
                child.attrs["href"] = target = _target(folder, str(child.attrs["href"]))
                if target.startswith("http"):
                    child.attrs["rel"] = "noopener noreferrer"
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def _target(folder: str, href: str) -> str:
    """Where a link of a document leads: to the page of another one; what is not shipped as a page stays at the help."""
    if href.startswith(("http://", "https://", "#", "mailto:")):
        return href
    path, _, anchor = href.partition("#")
    parts = [part for part in f"{folder}/{path}".split("/") if part != "."]
    while ".." in parts:
        at = parts.index("..")
        del parts[max(at - 1, 0) : at + 1]
    if len(parts) == 2 and parts[0] in FOLDERS and parts[1].endswith(".md"):
        return f"{HOME}/{parts[0]}/{parts[1].removesuffix('.md')}" + (f"#{anchor}" if anchor else "")
    return HOME


def search(wanted: str, most: int) -> tuple[list[Code], list[Found]]:
    """Error codes that are meant, and sections in which each word stands, the best first."""
    words = [word.lower() for word in wanted.split()]
    if not words:
        return [], []
    hits = [
        found
        for document in documents().values()
        for section in document.sections
        if (found := _hit(document, section, words))
    ]
    hits.sort(key=lambda found: (-found.score, found.document.title, found.section.heading))
    return [codes()[word.upper()] for word in words if word.upper() in codes()], hits[:most]


def _hit(document: Document, section: Section, words: list[str]) -> Found | None:
    title, heading, text = document.title.lower(), section.heading.lower(), section.text.lower()
    score = 0
    for word in words:
        points = _IN_TITLE * (word in title) + _IN_HEADING * (word in heading) + _IN_TEXT * min(text.count(word), _HITS)
        if not points:
            return None
        score += points
    return Found(document=document, section=section, snippet=_snippet(section.text, words), score=score)


def _snippet(text: str, words: list[str]) -> str:
    """Text around the first of the words."""
    line = plain(text)
    at = min((where for word in words if (where := line.lower().find(word)) >= 0), default=0)
    start = max(0, at - _SNIPPET // 3)
    start = line.find(" ", start) + 1 if start else 0
    cut = line[start : start + _SNIPPET].rpartition(" ")[0] if start + _SNIPPET < len(line) else line[start:]
    return ("… " if start else "") + cut + (" …" if start + _SNIPPET < len(line) else "")


@cache
def codes() -> dict[str, Code]:
    """Error codes of the reference, by code; some share a row."""
    document = documents().get(("reference", "errors"))
    found: dict[str, Code] = {}
    for line in "\n".join(one.text for one in document.sections).splitlines() if document else ():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        for code in cells[0].split(", ") if len(cells) == 3 else ():
            if _CODE.match(code):
                means, look = (inline("reference", cell) for cell in cells[1:])
                found[code] = Code(code=code, means=means, look=look)
    return dict(sorted(found.items()))
