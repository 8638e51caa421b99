"""What an error code in a log line means for this app, and what helps (`logs --explain`)."""

import re

from celadon.model.error_code import CODES, ErrorCode

_CODE = re.compile(r"heroku\[[^]]+\]: (?:at=\S+ code=|(?:at=\S+ )?Error )([A-Z]\d{2})\b")
_FIELD = re.compile(r'\b(method|path|dyno|connect|service|status|host)=("[^"]*"|\S*)')
_PROCESS = re.compile(r"heroku\[([^]]+)\]:")


class Explainer:
    """Explains each code whole once, and then only what is particular to the line."""

    def __init__(self) -> None:
        self._explained: set[str] = set()

    def explain(self, line: str) -> list[str]:
        """Lines to print below this one; none where there is no code of the platform."""
        found = _CODE.search(line)
        code = CODES.get(found[1]) if found else None
        if code is None:
            return []
        here = _here(line, code)
        if code.code in self._explained:
            return [f"    {code.code}: {here}"] if here else []
        self._explained.add(code.code)
        first = f"{here} {code.meaning}" if here else code.meaning
        return [f"    {code.code} ({code.name}): {first}", f"    What helps: {code.remedy}"]


def _here(line: str, code: ErrorCode) -> str:
    """What the line itself tells of it: which request, which dyno, how long."""
    fields = {name: value.strip('"') for name, value in _FIELD.findall(line)}
    if code.code.startswith("H") and fields.get("path"):
        request = f"{fields.get('method', 'A request of')} {fields['path']}"
        where = f" on {fields['dyno']}" if fields.get("dyno") else ""
        took = f" after {_seconds(fields['service'])}" if _seconds(fields.get("service", "")) else ""
        return f"{request}{where} was answered with {fields.get('status', 'an error')}{took}."
    process = _PROCESS.search(line)
    return f"{process[1]}:" if process and code.code.startswith("R") else ""


def _seconds(text: str) -> str:
    """`30001ms` in seconds; nothing of what is no time."""
    found = re.fullmatch(r"(\d{1,9})ms", text)
    return f"{int(found[1]) / 1000:.1f} seconds" if found else ""
