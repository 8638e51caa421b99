"""Say why packages could not be installed, where uv or Poetry has named it: `explain.py LOG FILE`, FILE being what they are listed in.

Prints the end of a sentence, then what to do when that is not to mend FILE; nothing when it is not known.
"""

import re
import sys
from pathlib import Path

# Characters of the log's end that are looked at, and of what is quoted.
MOST, QUOTED = 1 << 20, 200
_UNREACHABLE = "Push again when it can be reached, or name another in PIP_INDEX_URL."
_LACKING = (
    "Name a version of it that has a wheel for this Python, or bring what its build lacks by an Aptfile "
    "(celadon buildpacks:set heroku-community/apt); commit and push again."
)
# The first that is found says it: a pattern over the log as one line, what it means, what to do. {0} is FILE.
RULES: list[tuple[str, str, str]] = [
    (r"Hash mismatch for `([^`]+)`", "what was fetched as {1} has another hash than {0} says", ""),
    (
        r"lockfile at `uv\.lock` needs to be updated|uv\.lock does not fit",
        "pyproject.toml has changed since it was made",
        "",
    ),
    (r"there (?:is|are) no versions? of (\S+)", "there is no {1} in the package index", ""),
    (
        r"(\S+) was not found in the (?:package registry|provided package locations)",
        "there is no package {1} in the index",
        "",
    ),
    (r"[Bb]ecause only (\S+) is available and you require (\S+)", "{2} is asked for, and there is only {1}", ""),
    (
        r"current Python version \(([^)]+)\) does not satisfy Python(\S+) and (\S+) depends on",
        "{3} needs Python {2}, and this is {1}",
        "",
    ),
    (r"(\S+) has no wheels with a matching", "{1} has no wheel for this Python", ""),
    (r"you require (\S+) and (\S+), (?:which are incompatible|we can conclude)", "{1} and {2} exclude each other", ""),
    (
        r"Unable to find installation candidates for (\S+) \((\S+)\)",
        "there is no {1} {2} for this Python in the package index",
        "",
    ),
    (
        r"Failed to (?:download and )?build `([^`]+)`.*?Failed to fetch: \S*?://([^/\s`]+)",
        "{1} cannot be fetched from {2}",
        "",
    ),
    (r"Failed to (?:download and )?build `([^`]+)`", "{1} cannot be built, see above", _LACKING),
    (r"Distribution not found at: file://(\S+)", "there is no {1}", ""),
    (r"[Ff]ailed to fetch: `?\S*?://([^/\s`]+)\S* cause: error sending request", "{1} cannot be reached", _UNREACHABLE),
]


def explain(log: str, file: str) -> list[str]:
    """At most two lines: why, and what to do about it."""
    wrong = re.search(r"Couldn't parse requirement in `([^`\n]+)`[^^]*\n *(\S[^\n]*)\n *\^", log)
    if wrong:
        return [f"{wrong[1]} has a line that names no package: {wrong[2][:QUOTED]}"]
    line = re.sub(r"://[^/@\s]*@", "://", re.sub(r"[\s│]+", " ", log))
    for pattern, meaning, advice in RULES:
        found = re.search(pattern, line)
        if found:
            quoted = [(part or "").rstrip(",.;:")[:QUOTED] for part in found.groups()]
            return [meaning.format(file, *quoted), *([advice] if advice else [])]
    return []


if __name__ == "__main__":
    for said in explain(Path(sys.argv[1]).read_text("utf-8", "replace")[-MOST:], sys.argv[2]):
        print(said)
