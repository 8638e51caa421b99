"""Help: the documentation, by topic and by search."""

from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import documents
from celadon.dashboard.documents import Document
from celadon.dashboard.pages import dashboard_page, told
from celadon.model.errors import NotFound

_SHOWN = 30
# Topics of the guides by what is in their names; the first that fits.
_TOPICS = (
    ("Begin", ("first-app", "dashboard", "code-without-git", "import", "heroku")),
    ("Databases", ("postgres", "redis", "dataclips")),
    ("Add-ons", ("addon", "add-on", "scheduler", "deploy-hooks")),
    ("Accounts and teams", ("accounts", "teams")),
    ("Operating", ("operating",)),
)
_OTHERS = "Apps"


@told
def show(call: Call) -> Page:
    """Topics, or what a search has found."""
    wanted = call.request.query.get("q", "").strip()[:100]
    codes, found = documents.search(wanted, _SHOWN)
    return dashboard_page(
        call,
        "help.html",
        section="help",
        wanted=wanted,
        codes=codes,
        found=found,
        topics=topics(),
        known=documents.codes(),
    )


@told
def show_document(call: Call) -> Page:
    """One document; of a long one its sections, or one of them. Raises NotFound."""
    document = documents.documents().get((call.params["folder"], call.params["document"]))
    wanted = call.params.get("section", "")
    section = next((one for one in document.sections if one.slug == wanted), None) if document else None
    if document is None or section is None or (wanted and not document.long):
        raise NotFound("page", "Couldn't find that page of the documentation: search for it in Help.")
    contents = [one for one in document.sections if one.slug] if not wanted else []
    return dashboard_page(
        call,
        "document.html",
        section="help",
        document=document,
        part=section,
        contents=contents,
        text=documents.html(document, wanted),
    )


def topics() -> dict[str, list[Document]]:
    """Topic → its documents, by title."""
    found: dict[str, list[Document]] = {
        name: [] for name in ("Begin", _OTHERS, "Databases", "Add-ons", "Accounts and teams", "Operating")
    }
    for document in sorted(documents.documents().values(), key=lambda one: one.title):
        found.setdefault(_topic(document), []).append(document)
    return {name: listed for name, listed in found.items() if listed}


def _topic(document: Document) -> str:
    if document.folder == "reference":
        return documents.FOLDERS["reference"]
    return next((topic for topic, parts in _TOPICS if any(part in document.name for part in parts)), _OTHERS)
