"""pg:pull and pg:push: one database into another, through pg_dump and pg_restore of this machine.

Passwords are in the environment of these programs, never among their arguments, which everybody on this machine can read.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO

import click

from celadon.cli.command import command
from celadon.cli.commands.postgres import chosen, environment
from celadon.cli.failure import Failure, UsageFailure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import say

_HERE = ("", "localhost", "127.0.0.1", "::1")
# Of a URL's query, what libpq reads from its environment.
_WORDS = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "options": "PGOPTIONS",
}
# What somebody has put there; an extension's own tables are no contents.
_FULL = """
select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.objid = c.oid and d.deptype = 'e'))"""
# What a restore may say without anything being missing: an extension that is the platform's own is there already or is not to
# be had, and an older server does not know a setting of a newer pg_restore.
_HARMLESS = (
    *("must be owner of extension", 'parameter "transaction_timeout"', 'schema "public" already exists'),
    *('create extension "pg_stat_statements"', 'extension "pg_stat_statements" does not exist'),
)
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class End:
    """One of the two databases. `here`: on this machine, where it is made if need be."""

    shown: str
    name: str
    here: bool
    environment: Mapping[str, str] = field(repr=False)


_excluded = click.option(
    "--exclude-table-data", "excluded", metavar="TABLES", help="Leave the rows of these tables out: 'one;other'."
)


@command(app=True, must="which database, and where to")
@click.argument("source")
@click.argument("target")
@_excluded
def pull(invocation: Invocation, source: str, target: str, excluded: str | None) -> None:
    """Copy a database of an app to this machine, or to a URL; the target is new, or empty."""
    with _of_app(invocation, source) as start:
        _move("Pulling", start, _elsewhere(target), excluded)


@command(app=True, must="from where, and which database")
@click.argument("source")
@click.argument("target")
@_excluded
def push(invocation: Invocation, source: str, target: str, excluded: str | None) -> None:
    """Copy a database of this machine, or of a URL, into one of an app, which is empty."""
    with _of_app(invocation, target) as end:
        _move("Pushing", _elsewhere(source), end, excluded)


@contextlib.contextmanager
def _of_app(invocation: Invocation, named: str) -> Iterator[End]:
    if "://" in named:
        yield _elsewhere(named)
        return
    addon = chosen(invocation, named)
    with environment(invocation, addon) as found:
        yield End(shown=addon.name, name=found["PGDATABASE"], here=False, environment=found)


def _elsewhere(word: str) -> End:
    """A database by its URL, or by its name on this machine. Raises UsageFailure."""
    if "://" not in word:
        return End(shown=word, name=word, here=True, environment={**os.environ, "PGDATABASE": word})
    try:
        url = urllib.parse.urlsplit(word)
        port = url.port
    except ValueError:
        raise UsageFailure("That is no URL of a database: its port is no number.") from None
    name = urllib.parse.unquote(url.path.strip("/"))
    if url.scheme not in ("postgres", "postgresql") or not name:
        raise UsageFailure("That is no URL of a database: write postgres://USER:PASSWORD@HOST:PORT/NAME.")
    query = dict(urllib.parse.parse_qsl(url.query))
    if unknown := sorted(query.keys() - _WORDS):
        raise UsageFailure(
            f"The URL says {unknown[0]}, which is not known here; there are {', '.join(sorted(_WORDS))}."
        )
    words = {
        "PGDATABASE": name,
        "PGHOST": url.hostname,
        "PGPORT": str(port) if port else None,
        "PGUSER": urllib.parse.unquote(url.username) if url.username else None,
        "PGPASSWORD": urllib.parse.unquote(url.password) if url.password else None,
        **{_WORDS[word]: value for word, value in query.items()},
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    given = {name: value for name, value in words.items() if value}
    host = given.get("PGHOST", "")
    here = host in _HERE or host.startswith("/")
    return End(shown=f"{name} at {host or 'localhost'}", name=name, here=here, environment={**kept, **given})


def _move(doing: str, source: End, target: End, excluded: str | None) -> None:
    say(f"{doing} {source.shown} to {target.shown}")
    hint = _older(source)
    _prepare(target)
    tables = [f"--exclude-table-data={one.strip()}" for one in (excluded or "").split(";") if one.strip()]
    dump = [_program("pg_dump"), "--format=custom", "--compress=0", "--no-password", *tables]
    load = [_program("pg_restore"), "--no-acl", "--no-owner", "--no-password", f"--dbname={_quoted(target.name)}"]
    with tempfile.TemporaryFile() as dumped, tempfile.TemporaryFile() as loaded:
        statuses = _pipe(dump, load, source, target, dumped, loaded)
        left_out = _judge(statuses, _lines(dumped), _lines(loaded), [*hint, _again(target)])
    if left_out:
        warn([f"{left_out} statements were not needed and left out."])
    say(f"{doing} complete.")


def _pipe(
    dump: list[str], load: list[str], source: End, target: End, dumped: IO[bytes], loaded: IO[bytes]
) -> tuple[int, int]:
    """Run both, what one writes read by the other; their statuses. None of them outlives us."""
    writer = subprocess.Popen(
        dump, env=_spoken(source), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=dumped
    )
    try:
        reader = subprocess.Popen(
            load, env=_spoken(target), stdin=writer.stdout, stdout=subprocess.DEVNULL, stderr=loaded
        )
        try:
            assert writer.stdout is not None, "it was asked for"
            # Or the writer would never hear that nobody reads any more.
            writer.stdout.close()
            return writer.wait(), reader.wait()
        finally:
            _end(reader)
    finally:
        _end(writer)


def _end(running: "subprocess.Popen[bytes]") -> None:
    if running.poll() is None:
        running.terminate()
        running.wait()


def _older(source: End) -> list[str]:
    """What is to be said, should anything go wrong, of a pg_dump that is older than its server.

    Raises Failure for one of an older major version, which reads nothing; the same with an older minor may write what no
    server takes.
    """
    said = subprocess.run([_program("pg_dump"), "--version"], capture_output=True, text=True, check=False).stdout
    found, number = re.search(r"\) (\d+)\.(\d+)", said), _ask(source, "show server_version_num")
    if found is None or not number.isdecimal():
        return []
    ours, theirs = (int(found[1]), int(found[2])), divmod(int(number), 10_000)
    if ours >= theirs or ours[0] > theirs[0]:
        return []
    words = f"the server is PostgreSQL {theirs[0]}.{theirs[1]}, and pg_dump of this machine {ours[0]}.{ours[1]}"
    if ours[0] < theirs[0]:
        raise Failure(f"cannot read {source.shown}: {words}; install postgresql-client-{theirs[0]}")
    return [f"Update postgresql-client: {words}, which may be why."]


def _judge(statuses: tuple[int, int], dumped: list[str], loaded: list[str], advice: list[str]) -> int:
    """How many statements of the restore went wrong without harm; raises Failure when anything is missing."""
    wrote, read = statuses
    if wrote not in (0, -signal.SIGPIPE):
        raise Failure(f"pg_dump ended with status {wrote}:", *dumped[:_SHOWN], *advice)
    errors = [line for line in loaded if "error:" in line and not any(words in line for words in _HARMLESS)]
    harmless = sum(any(words in line for words in _HARMLESS) for line in loaded if "error:" in line)
    if wrote or errors or (read and not harmless):
        shown = errors or loaded
        raise Failure(f"pg_restore ended with status {read}:", *shown[:_SHOWN], *advice)
    return harmless


def _again(target: End) -> str:
    how = f"drop it (dropdb {target.name})" if target.here else "empty it (pg:reset)"
    return f"{target.shown} is not complete: {how} before you try again."


def _prepare(target: End) -> None:
    """Have an empty database. Raises Failure when there is something in it."""
    if target.here and _ask(target, _exists(target.name), "postgres") != "t":
        finished = _run([_program("createdb"), "--no-password", "--", target.name], target, "postgres")
        if finished.returncode:
            raise Failure(f"cannot make {target.shown}:", *_said(finished)[:_SHOWN])
        return
    if _ask(target, _FULL) != "f":
        how = f"drop it (dropdb {target.name})" if target.here else "empty it with pg:reset"
        raise Failure(f"{target.shown} is not empty: take another one, or {how}.")


def _exists(name: str) -> str:
    literal = name.replace("'", "''")
    return f"select exists (select from pg_catalog.pg_database where datname = '{literal}')"


def _ask(end: End, query: str, database: str | None = None) -> str:
    """The one value of a query. Raises Failure when nobody answers."""
    argv = [_program("psql"), "--no-psqlrc", "--no-password", "--tuples-only", "--no-align", "--quiet", "-c", query]
    finished = _run(argv, end, database)
    if finished.returncode:
        raise Failure(f"cannot look into {end.shown}:", *_said(finished)[:_SHOWN])
    return finished.stdout.decode("utf-8", "replace").strip()


def _run(argv: list[str], end: End, database: str | None) -> "subprocess.CompletedProcess[bytes]":
    env = {**_spoken(end), **({} if database is None else {"PGDATABASE": database})}
    return subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def _spoken(end: End) -> dict[str, str]:
    """Its environment, with words that can be understood whatever the user's language is."""
    return {**end.environment, "LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8"}


def _quoted(name: str) -> str:
    """A name that is no connection string."""
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{escaped}'"


def _said(finished: "subprocess.CompletedProcess[bytes]") -> list[str]:
    return [line for line in finished.stderr.decode("utf-8", "replace").splitlines() if line.strip()]


def _lines(file: IO[bytes]) -> list[str]:
    file.seek(0)
    return [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Failure(f"cannot find {name}: install it (Debian: apt-get install postgresql-client)")
    return found
