"""Writes docs/reference/api-coverage.md, and the table of docs/reference/api.md: `.venv/bin/python -m tests.api.reference`."""

from pathlib import Path

from tests.api import coverage

from celadon.api.route import Door
from celadon.api.routes import ROUTES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"
_BEGIN = "<!-- written by `.venv/bin/python -m tests.api.reference` from src/celadon/api/routes.py -->\n"
_END = "<!-- end -->"


def table() -> str:
    """The routes as a Markdown table."""
    rows = ["| endpoint | permission |", "|---|---|"]
    for route in ROUTES:
        note = ", or address and password" if route.door is Door.PASSWORD else ", free" if route.free else ""
        permission = "any token" if route.permission == "-" else route.permission
        rows.append(f"| `{route.method} {route.path}` | {permission}{note} |")
    return "\n".join(rows) + "\n"


def written(page: str) -> str:
    """The page with the table of now."""
    before, _, rest = page.partition(_BEGIN)
    return before + _BEGIN + table() + _END + rest.partition(_END)[2]


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
    coverage.PAGE.write_text(coverage.written(), "utf-8")
