"""A small IRC server (RFC 2812): nicks, one password, channels that some may not enter, TLS if it is given."""

import contextlib
import socketserver
import ssl
import threading
from collections.abc import Iterator
from typing import Any


class IrcServer:
    """`said` has nick, room and text of each message. `taken` are nicks in use, `closed` rooms that nobody may join."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.said: list[tuple[str, str, str]] = []
        self.password = ""
        self.taken: set[str] = set()
        self.closed: set[str] = set()
        # Says nothing to who registers, until `release`.
        self.silent = False
        self.release = threading.Event()
        self.connected = threading.Event()
        self.quits: list[str] = []
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _of(self))
        self.server.daemon_threads = True
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])


def _of(server: IrcServer) -> type[socketserver.StreamRequestHandler]:
    class Talking(socketserver.StreamRequestHandler):
        nick, user, password, ponged = "", "", "", False
        rooms: set[str]

        def handle(self) -> None:
            self.rooms = set()
            server.connected.set()
            self._tell("NOTICE * :*** Looking up your hostname")
            for raw in self.rfile:
                command, _, rest = raw.decode().rstrip("\r\n").partition(" ")
                if command == "QUIT":
                    server.quits.append(self.nick)
                    self.wfile.write(b"ERROR :Closing link\r\n")
                    return
                getattr(self, f"_on_{command.lower()}", self._on_unknown)(rest)
                if self.wfile.closed:
                    return

        def _tell(self, line: str) -> None:
            self.wfile.write(f":irc.test {line}\r\n".encode())

        def _on_pass(self, rest: str) -> None:
            self.password = rest

        def _on_nick(self, rest: str) -> None:
            if rest in server.taken:
                self._tell(f"433 * {rest} :Nickname is already in use")
                return
            self.nick = rest
            self._welcome()

        def _on_user(self, rest: str) -> None:
            self.user = rest
            self._welcome()

        def _welcome(self) -> None:
            """As many servers do, only to who has answered a ping."""
            if self.nick and self.user and not self.ponged:
                if server.silent:
                    server.release.wait(60)
                self.wfile.write(b"PING :are you there\r\n")

        def _on_pong(self, rest: str) -> None:
            assert rest == ":are you there"
            self.ponged = True
            if self.password != server.password:
                self._tell(f"464 {self.nick} :Password incorrect")
                return
            self._tell(f"001 {self.nick} :Welcome")
            self._tell(f"422 {self.nick} :MOTD File is missing")

        def _on_join(self, rest: str) -> None:
            if rest in server.closed:
                self._tell(f"473 {self.nick} {rest} :Cannot join channel (+i)")
                return
            self.rooms.add(rest)
            self._tell(f"353 {self.nick} = {rest} :{self.nick}")
            self._tell(f"366 {self.nick} {rest} :End of /NAMES list.")

        def _on_privmsg(self, rest: str) -> None:
            room, _, text = rest.partition(" :")
            if room in self.rooms:
                server.said.append((self.nick, room, text))
            else:
                self._tell(f"404 {self.nick} {room} :Cannot send to channel")

        def _on_ping(self, rest: str) -> None:
            self._tell(f"PONG irc.test {rest}")

        def _on_unknown(self, rest: str) -> None:
            self._tell(f"421 {self.nick} :Unknown command")

        def handle_error(self, *_: Any) -> None:
            pass

    return Talking


@contextlib.contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[IrcServer]:
    server = IrcServer(tls)
    thread = threading.Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.server.shutdown()
        server.server.server_close()
        thread.join()
