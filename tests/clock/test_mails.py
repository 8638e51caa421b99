"""Letters reach a real SMTP server; what it refuses is tried again; without one they stay in the outbox."""

import ssl
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from tests import certified, ports, stores

from celadon.actions import accounts, mails
from celadon.actions import context as contexts
from celadon.actions.context import Context
from celadon.clock.mails import Post
from celadon.model.account import Actor
from celadon.model.mail import Mail, next_wait
from celadon.platform.settings import Settings


class Box:
    """What the server was given; it says `refusal` to every recipient when there is one."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.logins: list[str] = []
        self.refusal = ""
        # So many connections are broken at the first letter.
        self.breaks = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.breaks:
            self.breaks -= 1
            server.transport.abort()
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(f"{data.login.decode()}:{data.password.decode()} tls={session.ssl is not None}")
        return AuthResult(success=data.password == b"p@ss word")


class Server(Controller):
    """On a port of the system's choice, which `start` finds out."""

    def __init__(self, box: Box, **options: Any) -> None:
        super().__init__(box, hostname="127.0.0.1", port=0, ready_timeout=60.0, **options)

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def server(box: Box) -> Iterator[Server]:
    running = Server(box)
    running.start()
    yield running
    running.stop()


def _context(home: Path, **settings: Any) -> Context:
    made = Settings(home=home, domain="paas.example", **settings)
    home.mkdir(exist_ok=True)
    if not (home / "store.db").exists():
        stores.make(made)
    return contexts.connect(made)


def _write(context: Context, recipient: str = "ada@example.com", subject: str = "Your account") -> None:
    with context.database.transaction() as tx:
        mails.send(tx, recipient, subject, "Follow this link:\n\nhttps://x/ünïcode\n")


def _outbox(context: Context) -> list[Mail]:
    operator = accounts.create_operator(context.database, email="ops@example.com", password="long enough")
    return mails.outbox(context, Actor(account=operator))


def test_a_letter_is_sent_once(tmp_path: Path, box: Box, server: Server) -> None:
    context = _context(tmp_path / "home", smtp_url=f"smtp://127.0.0.1:{server.port}")
    _write(context)
    assert Post(context).ensure() == 1
    assert Post(context).ensure() == 0
    (letter,) = box.letters
    assert (letter["To"], letter["From"]) == ("ada@example.com", "Celadon <celadon@paas.example>")
    assert "https://x/ünïcode" in letter.get_content()
    (kept,) = _outbox(context)
    assert kept.sent_at is not None


def test_without_a_server_letters_stay(tmp_path: Path) -> None:
    context = _context(tmp_path / "home")
    _write(context)
    assert Post(context).ensure() == 0
    assert [(mail.sent_at, mail.attempts) for mail in _outbox(context)] == [(None, 0)]


def test_what_is_refused_is_tried_again_later(tmp_path: Path, box: Box, server: Server) -> None:
    box.refusal = "451 come back later"
    context = _context(tmp_path / "home", smtp_url=f"smtp://127.0.0.1:{server.port}")
    _write(context)
    assert Post(context).ensure() == 0
    (kept,) = _outbox(context)
    assert (kept.attempts, "come back later" in (kept.error or "")) == (1, True)
    box.refusal = ""
    assert Post(context).ensure() == 0, "its turn comes in a minute"
    with context.database.transaction() as tx:
        tx.connection.exec_driver_sql("update mails set next_attempt_at = '2020-01-01 00:00:00'")
    assert Post(context).ensure() == 1


def test_one_bad_letter_does_not_keep_the_others(tmp_path: Path, box: Box, server: Server) -> None:
    context = _context(tmp_path / "home", smtp_url=f"smtp://127.0.0.1:{server.port}")
    _write(context, subject="two\r\nBcc: everybody@example.com")
    _write(context, "grace@example.com")
    assert Post(context).ensure() == 1
    assert [letter["To"] for letter in box.letters] == ["grace@example.com"]


def test_a_letter_that_breaks_the_connection_takes_no_other_down(tmp_path: Path, box: Box, server: Server) -> None:
    context = _context(tmp_path / "home", smtp_url=f"smtp://127.0.0.1:{server.port}")
    for number in range(3):
        _write(context, f"p{number}@example.com")
    box.breaks = 1
    assert Post(context).ensure() == 0
    assert sorted(mail.attempts for mail in _outbox(context)) == [0, 0, 1]
    assert Post(context).ensure() == 2


def test_nobody_is_buried_in_letters(tmp_path: Path) -> None:
    context = _context(tmp_path / "home")
    for _ in range(15):
        _write(context)
    _write(context, "grace@example.com")
    assert Counter(mail.recipient for mail in _outbox(context)) == {"ada@example.com": 10, "grace@example.com": 1}


def test_a_server_that_is_away_is_tried_again(tmp_path: Path) -> None:
    with ports.held() as (port,):
        context = _context(tmp_path / "home", smtp_url=f"smtp://127.0.0.1:{port}")
        _write(context)
        assert Post(context).ensure() == 0
    assert _outbox(context)[0].attempts == 1


def test_it_logs_in_by_tls_alone(tmp_path: Path, box: Box) -> None:
    authority = certified.root()
    pair = authority.issue("localhost", "localhost")
    (tmp_path / "pair.pem").write_text(pair.key + pair.pem)
    (tmp_path / "ca.pem").write_text(authority.pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "pair.pem")
    running = Server(box, tls_context=tls, authenticator=box.authenticate, auth_required=True)
    running.start()
    try:
        url = f"smtp://ada:p%40ss%20word@localhost:{running.port}"
        context = _context(tmp_path / "home", smtp_url=url, ca_bundle=tmp_path / "ca.pem")
        _write(context)
        assert Post(context).ensure() == 1, _outbox(context)[0].error
    finally:
        running.stop()
    assert box.logins == ["ada:p@ss word tls=True"]


def test_a_password_is_never_said_without_tls(tmp_path: Path, box: Box, server: Server) -> None:
    context = _context(tmp_path / "home", smtp_url=f"smtp://ada:secret@127.0.0.1:{server.port}")
    _write(context)
    assert Post(context).ensure() == 0
    error = _outbox(context)[0].error or ""
    assert "no TLS" in error
    assert "secret" not in error
    assert box.logins == []


def test_waits_grow_and_end() -> None:
    waits = [next_wait(attempts) for attempts in range(1, 10)]
    found = [wait for wait in waits if wait]
    assert found == sorted(found)
    assert found[0] == timedelta(minutes=1)
    assert waits[-1] is None
