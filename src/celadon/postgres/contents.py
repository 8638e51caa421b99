"""What of an archive is restored: all but the extensions that its database has already, or that only a superuser may add."""

import re
from pathlib import Path
from typing import Any

import psycopg

from celadon.postgres.statements import SCHEMA

# `3; 3079 16386 EXTENSION - hstore` and `3456; 0 0 COMMENT - EXTENSION hstore`.
_EXTENSION = re.compile(r"^\d+; \d+ \d+ (?:EXTENSION - |COMMENT - EXTENSION )(\S+)")

# The platform's own schema, in what a tenant has dumped alone.
_OURS = re.compile(rf"^\d+; \d+ \d+ SCHEMA - {SCHEMA} ")
# The platform's, where a database has a server of its own: nobody misses it elsewhere.
_OWN = "pg_stat_statements"


def choose(connection: psycopg.Connection[Any], listed: Path, wanted: Path) -> list[str]:
    """Write what of the contents is wanted; returns what is left out and missing then, each as some words."""
    present = {name for (name,) in connection.execute("select extname from pg_extension").fetchall()}
    trusted = {name for (name,) in connection.execute("select name from pg_available_extension_versions where trusted")}
    kept, missing = [], set()
    for line in listed.read_text("utf-8", "replace").splitlines():
        if _OURS.match(line):
            continue
        match = _EXTENSION.match(line)
        if match is None or (match[1] not in present and match[1] in trusted):
            kept.append(line)
        elif match[1] not in present and match[1] != _OWN:
            missing.add(f"the extension {match[1][:60]}, which cannot be had here")
    wanted.unlink(missing_ok=True)
    wanted.write_text("\n".join(kept) + "\n", "utf-8")
    wanted.chmod(0o444)
    return sorted(missing)
