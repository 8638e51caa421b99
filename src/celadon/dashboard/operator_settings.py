"""The platform's settings: what they are and mean, and where they are changed. Secrets are not shown."""

import re
from dataclasses import MISSING, dataclass, fields

from markupsafe import Markup

from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import documents
from celadon.dashboard.operator_pages import operator_page
from celadon.dashboard.pages import told
from celadon.platform.settings import SECRET, Settings

# A row of the reference: name, default, meaning.
_ROW = re.compile(r"^\| `(\w+)` \| .*? \| (.*) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A setting; `changed` says whether it is another one than the default."""

    name: str
    value: str
    meaning: Markup
    changed: bool


@told
def show(call: Call) -> Page:
    return operator_page(
        call, "settings", "operator_settings.html", groups=groups(call.settings), home=call.settings.home
    )


def groups(settings: Settings) -> dict[str, list[Shown]]:
    """Heading of the reference → its settings; what the reference does not name comes last."""
    document = documents.documents().get(("reference", "settings"))
    left = {field.name: field for field in fields(Settings)}
    found: dict[str, list[Shown]] = {}
    for section in document.sections if document else ():
        for name, meaning in _ROW.findall(section.text):
            if left.pop(name, None) is not None:
                found.setdefault(section.heading, []).append(
                    _shown(settings, name, documents.inline("reference", meaning))
                )
    if left:
        found["Others"] = [_shown(settings, name, Markup("")) for name in left]
    return found


def _shown(settings: Settings, name: str, meaning: Markup) -> Shown:
    value = getattr(settings, name)
    default = next(field.default for field in fields(Settings) if field.name == name)
    return Shown(
        name=name, value=_written(name, value), meaning=meaning, changed=default is not MISSING and value != default
    )


def _written(name: str, value: object) -> str:
    if name in SECRET and value:
        return "(set; it may hold a password)"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value) or "(none)"
