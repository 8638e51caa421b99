"""What a server says, in an app's log: in Heroku's form, without passwords, not too much of it."""

import json
import time

import pytest

from celadon.model import postgres_log as rules
from celadon.model.postgres_log import Bucket, Sample


def line(**values: object) -> bytes:
    words = {"timestamp": "2026-11-29 02:00:00.000 UTC", "user": "u1", "dbname": "d1", "pid": 7, "line_num": 12}
    words |= {"error_severity": "ERROR", "state_code": "42601", "message": "syntax error"} | values
    return json.dumps(
        {name: value for name, value in words.items() if value is not None}, separators=(",", ":")
    ).encode()


def said(**values: object) -> list[str]:
    entry = rules.entry(line(**values))
    assert entry is not None
    return rules.lines(entry, "ROSE")


def test_an_error_is_as_heroku_shows_it() -> None:
    found = said(
        message='syntax error at or near "form"', cursor_position=10, statement="select *\nform t", hint="Look."
    )
    assert found == [
        '[ROSE] [12-1]  sql_error_code = 42601 ERROR:  syntax error at or near "form" at character 10',
        "[ROSE] [12-2]  HINT:  Look.",
        "[ROSE] [12-3]  STATEMENT:  select *",
        "[ROSE] [12-4]  \tform t",
    ]


@pytest.mark.parametrize("end", "\v\f\x1b\x1c\x1d\x1e\x85\x00\x7f\x9b\u2028\u2029\u202e")
def test_no_character_makes_a_line_of_its_own_or_orders_a_terminal(end: str) -> None:
    found = said(message=f"a{end}[ROSE] [1-1]  forged\tb", detail=f"{end}\r\n{end}c")
    assert found == [
        "[ROSE] [12-1]  sql_error_code = 42601 ERROR:  a\ufffd[ROSE] [1-1]  forged\tb",
        "[ROSE] [12-2]  DETAIL:  \ufffd",
        "[ROSE] [12-3]  \t\ufffdc",
    ]
    assert "\n".join(found).splitlines() == found


def test_what_is_long_is_cut_and_says_so() -> None:
    found = said(message="x" * 10_000, statement="\n" * 100)
    assert (
        len(found) == 20 and found[-1].endswith("(83 more lines)") and len(found[0]) < 4_100 and found[0].endswith("…")
    )


def test_sessions_of_the_platform_and_nonsense_are_nobodys() -> None:
    for user in ("postgres", "replicator", "rewinder"):
        assert rules.entry(line(user=user)) is None
    for found in (b"", b"{", b"[1]", b'"x"', b"\xff\xfe", line()[:-1]):
        assert rules.entry(found) is None
    assert rules.entry(line(message="\ud800")) is not None


def test_a_database_cannot_be_named_by_what_a_user_sends() -> None:
    assert rules.database_of(line()) == "d1"
    assert rules.database_of(line(user=None)) == "d1"
    assert rules.database_of(line(user='","dbname":"d2"')) == "d1"
    assert rules.database_of(line(dbname=None, message='","dbname":"d2"')) is None
    assert rules.database_of(line(user=None, dbname=None, message='x","dbname":"d2"')) is None


@pytest.mark.parametrize(
    "text",
    [
        "alter role u1 password 'secret'",
        "ALTER USER u1 WITH ENCRYPTED PASSWORD 'secret' VALID UNTIL 'infinity'",
        "create user x password e'se\\'cret secret'",
        "create role x password $a$secret$a$",
        "create role x /* hi */ password/* 'not it' */'secret'",
        "create role x password -- 'not it'\n 'secret'",
        "create role x password U&'secret'",
        "do $$ begin execute 'alter role u1 password ' || quote_literal('secret'); end $$",
        "select dblink('host=x password=secret')",
        "select dblink('postgres://me:secret@host/db')",
        "create subscription s connection 'host=x password=secret' publication p",
        "select * from users where password = 'secret'",
        "select * from users where \"password\" = 'secret'",
        "select set(password => 'secret')",
        "select '{\"password\": \"x\"}', password_digest = 'secret'",
        "update users set password_hash = 'secret', x = 1",
        "alter role u1 password 'secret",
        "alter role u1 password 'a''secret'",
        "select x where password = $$secret",
    ],
)
def test_no_password_is_left(text: str) -> None:
    for kind in ("statement", "message", "context", "detail"):
        found = "\n".join(said(**{kind: text}))
        assert "secret" not in found and "***" in found, found


def test_what_is_no_password_stays() -> None:
    for text in (
        "select 1",
        "select password from users where name = 'x'",
        "https://host:5432/x",
        'column "password" does not exist',
    ):
        assert rules.masked(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        "create role ",
        "password",
        "password ",
        "password/**/",
        "/**/",
        "password'",
        "password $a$",
        "'",
        "password=",
        "--\n",
    ],
)
def test_no_statement_takes_long_to_look_through(piece: str) -> None:
    began = time.process_time()
    for text in (f"password {piece * 100_000}", f"create role {piece * 100_000}"):
        said(statement=text, message=text)
    assert time.process_time() - began < 1.0


def test_so_many_lines_come_at_once_and_then_so_many_a_second() -> None:
    bucket = Bucket(100, 10.0)
    assert sum(bucket.take(1, 5.0) for _ in range(150)) == 100 and bucket.lost == 50
    assert not bucket.room(5.9) and bucket.room(6.0)
    assert sum(bucket.take(1, 7.0) for _ in range(150)) == 20
    assert not bucket.take(1, 6.0)


def test_a_sample_is_as_heroku_writes_it() -> None:
    sample = Sample(
        transaction=1769, octets=26219348, tables=13, active=4, waiting=0, index_rate=0.99985, table_rate=None
    )
    assert rules.sample_line(sample, "HEROKU_POSTGRESQL_ROSE_URL", "postgresql-clear-1") == (
        "source=HEROKU_POSTGRESQL_ROSE_URL addon=postgresql-clear-1 sample#current_transaction=1769 "
        "sample#db_size=26219348bytes sample#tables=13 sample#active-connections=4 sample#waiting-connections=0 "
        "sample#index-cache-hit-rate=0.99985 sample#table-cache-hit-rate=1"
    )
