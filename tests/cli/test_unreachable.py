"""A network, a server or a certificate that is not as it should be: one sentence, what to do, and status 1."""

import contextlib
import errno
import http.client
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import certified, ports
from tests.cli.inside import Inside

from celadon.cli.connection import transport
from celadon.cli.connection.client import Client
from celadon.cli.connection.platforms import Platform
from celadon.cli.failure import Failure

Behaviour = Callable[[socket.socket], None]
Listen = Callable[[Behaviour], int]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Makes a server that behaves so to each connection; returns its port."""
    opened: list[tuple[socket.socket, threading.Thread]] = []

    def make(behave: Behaviour) -> int:
        server = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        behave(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        opened.append((server, thread))
        return int(server.getsockname()[1])

    yield make
    for server, thread in opened:
        # A thread that waits in accept() is not woken by close().
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(timeout=5)


@pytest.fixture
def ask(inside: Inside) -> Callable[..., str]:
    """What a command says of a platform at this URL: on stderr, with status 1, and nothing else."""

    def call(url: str, *words: str) -> str:
        inside.env |= {"CELADON_HOST": url, "CELADON_API_KEY": "secret", "CELADON_APP": "x"}
        shown = inside(*(words or ("maintenance",)))
        assert (shown.out.replace("Enabling maintenance mode for x... failed\n", ""), shown.status) == ("", 1)
        assert "secret" not in shown.err
        return shown.err.replace(url, "URL")

    return call


def answering(content: bytes) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(content)

    return behave


def resetting(content: bytes) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        answering(content)(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return behave


BROKE = " !    cannot read the answer of URL: the connection broke off\n"
AGAIN = " !    Try again.\n"
LOOK = " !    What you asked for may have been done: look, before you try again.\n"
HALF = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"
HALF_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"
ADDRESS = " !    Is this the address of a platform's API, and not that of something else?\n"


@pytest.mark.parametrize(
    ("behave", "err"),
    [
        (answering(b""), BROKE + AGAIN),
        (resetting(b""), BROKE + AGAIN),
        (answering(HALF), BROKE + AGAIN),
        (resetting(HALF), BROKE + AGAIN),
        (answering(HALF_CHUNK), BROKE + AGAIN),
        (answering(b"SSH-2.0-x\r\n\r\n"), f" !    cannot understand the answer of URL: it is no HTTP\n{ADDRESS}"),
    ],
    ids=["closed", "reset", "half", "half reset", "half a chunk", "ssh"],
)
def test_a_connection_that_breaks(listen: Listen, ask: Callable[..., str], behave: Behaviour, err: str) -> None:
    assert ask(f"http://localhost:{listen(behave)}") == err


def test_after_a_change_the_user_is_told_to_look_first(listen: Listen, ask: Callable[..., str]) -> None:
    assert ask(f"http://localhost:{listen(answering(HALF))}", "maintenance:on") == BROKE + LOOK


@pytest.mark.parametrize("content", [b"", HALF])
def test_an_answer_that_does_not_come(
    listen: Listen, ask: Callable[..., str], monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(transport, "ANSWER_SECONDS", 0.05)
    over = threading.Event()

    def behave(connection: socket.socket) -> None:
        answering(content)(connection)
        over.wait(60)

    shown = ask(f"http://localhost:{listen(behave)}")
    over.set()
    assert shown == " !    cannot reach URL: no answer in time\n !    Check your network. Try again.\n"


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"


def client(port: int) -> Client:
    return Client(platform=Platform(api_url=f"http://localhost:{port}"), authorization=lambda: "Bearer x")


def test_a_kept_connection_that_was_closed_is_replaced(listen: Listen) -> None:
    closed = threading.Event()

    def behave(connection: socket.socket) -> None:
        answering(OK)(connection)
        connection.shutdown(socket.SHUT_WR)
        closed.set()
        connection.recv(1)

    asking = client(listen(behave))
    asking.get("/a")
    assert closed.wait(60)
    assert asking.post("/b") == []


def test_a_change_over_which_a_kept_connection_breaks_is_not_made_twice(listen: Listen) -> None:
    connections: list[socket.socket] = []

    def behave(connection: socket.socket) -> None:
        connections.append(connection)
        answering(OK)(connection)
        connection.recv(65536)

    port = listen(behave)
    asking = client(port)
    asking.get("/a")
    assert asking.get("/b") == []
    assert len(connections) == 2
    asking = client(port)
    asking.get("/a")
    with pytest.raises(Failure, match="the connection broke off"):
        asking.post("/b")
    assert len(connections) == 3


def test_nobody_listens(ask: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("celadon.cli.connection.patience._RETRY_WAITS", (0.001,))
    with ports.held() as (port,):
        shown = ask(f"http://localhost:{port}")
    assert shown == " !    cannot reach URL: nothing listens there (bin/up starts it)\n"


def test_an_unknown_name(ask: Callable[..., str]) -> None:
    assert ask("https://api.invalid").startswith(
        " !    cannot reach URL: the name api.invalid is not known\n !    Check"
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "x"), "no name server answers Check your network."),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "Network is unreachable Check your network."),
        (ConnectionRefusedError(), "nothing listens there (is it running, and is this its port?)"),
        (http.client.LineTooLong("header line"), "it is no HTTP Is this"),
    ],
)
def test_what_no_test_can_bring_about(error: OSError | http.client.HTTPException, said: str) -> None:
    failure = transport.failure(Platform(api_url="https://api.example.com"), error)
    assert said in " ".join(failure.lines)


ROOT = certified.issue("root", ca=True)
NAMED = " !    Use the name that the platform's operator gave you, by --platform or CELADON_HOST.\n"
CLOCK = " !    Check this machine's clock; if it is right, tell the platform's operator.\n"
CA_FILE = " !    Set CELADON_CA_FILE to the platform's CA file if it has a CA of its own (its operator prints it by `celadon platform:ca`).\n"


@pytest.mark.parametrize(
    ("certificate", "trusted", "err"),
    [
        (
            ROOT.issue("b", "b.example"),
            True,
            f" !    cannot trust URL: its certificate is for other names than localhost\n{NAMED}",
        ),
        (
            ROOT.issue("localhost", "localhost", days=(-9, -1)),
            True,
            f" !    cannot trust URL: certificate has expired\n{CLOCK}",
        ),
        (
            ROOT.issue("localhost", "localhost", days=(1, 9)),
            True,
            f" !    cannot trust URL: certificate is not yet valid\n{CLOCK}",
        ),
        (
            ROOT.issue("localhost", "localhost"),
            False,
            f" !    cannot trust URL: unable to get local issuer certificate\n{CA_FILE}",
        ),
        (
            certified.issue("localhost", ("localhost",)),
            False,
            f" !    cannot trust URL: self-signed certificate\n{CA_FILE}",
        ),
    ],
    ids=["another name", "expired", "of tomorrow", "unknown authority", "self-signed"],
)
def test_a_certificate_that_is_not_to_be_trusted(
    listen: Listen,
    ask: Callable[..., str],
    inside: Inside,
    tmp_path: Path,
    certificate: certified.Issued,
    trusted: bool,
    err: str,
) -> None:
    pem = tmp_path / "server.pem"
    pem.write_text(certificate.pem + certificate.key)
    (tmp_path / "ca.pem").write_text(ROOT.pem)
    if trusted:
        inside.env["CELADON_CA_FILE"] = str(tmp_path / "ca.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    asked: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as secured:
            asked.append(secured.recv(65536))

    assert ask(f"https://localhost:{listen(behave)}") == err
    assert not any(asked), "no token reaches whom we do not trust"


def test_tls_where_there_is_none(listen: Listen, ask: Callable[..., str]) -> None:
    port = listen(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    shown = ask(f"https://localhost:{port}")
    assert shown.startswith(" !    cannot speak TLS with URL: ")
    assert "does its URL begin with https?" in shown


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_cannot_be_used(ask: Callable[..., str], inside: Inside, content: str | None) -> None:
    file = inside.home / "ca.pem"
    if content:
        file.write_text(content)
    inside.env["CELADON_CA_FILE"] = str(file)
    with socket.create_server(("127.0.0.1", 0)) as server:
        shown = ask(f"https://localhost:{server.getsockname()[1]}")
    assert shown.startswith(f" !    cannot trust the platform: its CA file {file} cannot be read (")
