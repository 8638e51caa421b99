"""The program that runs one query: `python -m celadon.postgres.clip_program`, asked by stdin, answers by stdout.

It is alone with what a user's query sends: its memory, its time and what it writes are limited, and once it is connected
it is nobody. A kill ends the connection, and so the query.
"""

import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg

from celadon.postgres import clip_types
from celadon.postgres.clip_outcome import Asked, Column, Failure, Outcome, failed, took_too_long

_NOBODY = 65_534
_CANCELED = "57014"
_MOST_MESSAGE = 2_000


def main() -> int:
    """Answer what stdin asks; another status than 0 says that there was no memory even to say so."""
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Asked)
    _limit(asked)
    try:
        outcome = _run(asked)
    except psycopg.Error as error:
        outcome = Outcome(failure=_told(error, asked))
    except MemoryError:
        outcome = failed(_too_large(asked))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
    sys.stdout.buffer.flush()
    return 0


def _limit(asked: Asked) -> None:
    """So much memory beyond what is there now; an end also when nobody is left to kill this."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * resource.getpagesize() + asked.memory
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    written = 2 * asked.octets + (1 << 20)
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    signal.setitimer(signal.ITIMER_REAL, asked.deadline)


def _run(asked: Asked) -> Outcome:
    began = time.monotonic()
    # `with` would commit: what may have been done is undone by the end of the connection.
    connection = _connect(asked)
    _drop_rights()
    connection.read_only = True
    # The snapshot is taken now: from here on this transaction cannot be made one that writes.
    connection.execute("select 1")
    outcome = _read(connection, asked)
    took = round((time.monotonic() - began) * 1000)
    return msgspec.structs.replace(outcome, milliseconds=took)


def _connect(asked: Asked) -> "psycopg.Connection[tuple[object, ...]]":
    settings = {
        "default_transaction_read_only": "on",
        "statement_timeout": f"{round(asked.seconds * 1000)}ms",
        "idle_in_transaction_session_timeout": f"{round(asked.deadline * 1000)}ms",
        # A query that nobody waits for any more ends.
        "client_connection_check_interval": "1s",
        "datestyle": "iso",
        "intervalstyle": "iso_8601",
        "timezone": "utc",
        "bytea_output": "hex",
        "extra_float_digits": "1",
    }
    return psycopg.connect(
        host=asked.directory,
        port=asked.port,
        dbname=asked.database,
        user=asked.role,
        connect_timeout=asked.connect,
        application_name="dataclip",
        client_encoding="utf8",
        options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
        context=clip_types.Context(),
    )


def _drop_rights() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)


def _read(connection: "psycopg.Connection[tuple[object, ...]]", asked: Asked) -> Outcome:
    """The result's beginning, as far as it is kept."""
    cursor = connection.cursor()
    lines: list[bytes] = []
    size = 0
    cut = False
    for row in _rows(cursor, asked.query):
        line = msgspec.json.encode(row)
        size += len(line) + 1
        if len(lines) == asked.rows or size > asked.octets:
            cut = True
            # What is left is not waited for, as the end of an unfinished stream would.
            connection.close()
            break
        lines.append(line)
    described = cursor.description or []
    columns = tuple(Column(column.name, clip_types.name(column.type_code)) for column in described)
    return Outcome(columns=columns, rows=msgspec.Raw(b"[" + b",".join(lines) + b"]"), count=len(lines), cut=cut)


def _rows(cursor: "psycopg.Cursor[tuple[object, ...]]", query: str) -> Iterator[tuple[object, ...]]:
    """One row after the other, by the extended protocol: it takes one statement and no more (see the decision).

    Nothing of a second statement is ever run, so that a first that ends the transaction has ended the clip.
    """
    yield from cursor.stream(query)


def _told(error: psycopg.Error, asked: Asked) -> Failure:
    """The server's own words; those of the library tell where the server is, which is nobody's to know."""
    diagnostic = error.diag
    if diagnostic.message_primary is None:
        return _without_words(error, asked)
    if diagnostic.sqlstate == _CANCELED:
        return Failure(message=took_too_long(asked.seconds), code=_CANCELED)
    position = diagnostic.statement_position
    return Failure(
        message=diagnostic.message_primary[:_MOST_MESSAGE],
        detail=(diagnostic.message_detail or "")[:_MOST_MESSAGE],
        hint=(diagnostic.message_hint or "")[:_MOST_MESSAGE],
        code=diagnostic.sqlstate or "",
        position=int(position) if position else None,
    )


def _without_words(error: psycopg.Error, asked: Asked) -> Failure:
    if "memory" in str(error):
        return Failure(message=_too_large(asked))
    if isinstance(error, psycopg.OperationalError):
        return Failure(message="cannot run the query: the database does not answer; try again in a moment")
    # Of a COPY, of a comment and of what has no result.
    return Failure(message="cannot show the result: the query is none that answers rows; write a SELECT")


def _too_large(asked: Asked) -> str:
    return f"cannot show the result: a row of it takes more than {asked.memory >> 20} MB; select less of it"


if __name__ == "__main__":
    sys.exit(main())
