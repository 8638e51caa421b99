"""Some lines for a channel of IRC (RFC 2812): connect, join, say them, leave."""

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Iterator

from celadon.clock import posting
from celadon.model.deploy_hook import Chat
from celadon.model.destination import Destination
from celadon.platform.settings import Settings

# For all of it; servers look up who connects, which takes them some seconds.
SECONDS = 30.0
# Bytes of a line of the protocol with its end; the server puts our name before what others are sent.
_LONGEST = 400
_MOST_RECEIVED = 256 << 10
_TRIES = 3
# For the server's good-bye.
_LAST = 2.0

_WELCOME, _NICK_IN_USE, _END_OF_NAMES = "001", "433", "366"
_NO_MESSAGE_OF_THE_DAY = "422"
_ERROR = re.compile(r"[45]\d\d\Z")


class ChatRefused(OSError):
    """The server does not want it; the message is its own."""


def tell(settings: Settings, tls: ssl.SSLContext, chat: Chat, seconds: float = SECONDS) -> None:
    """Say the lines in the room; raises OSError, ValueError for what no TLS can be asked for."""
    deadline = time.monotonic() + seconds
    to = Destination(secure=chat.secure, host=chat.server, port=chat.port, path="/")
    with contextlib.closing(posting.connect(settings, to, deadline)) as plain:
        plain.settimeout(posting.left(deadline))
        wire = tls.wrap_socket(plain, server_hostname=chat.server) if chat.secure else plain
        with contextlib.closing(wire):
            _Conversation(wire, chat, deadline).run()


class _Conversation:
    """One connection. Every wait ends at the deadline."""

    def __init__(self, wire: socket.socket, chat: Chat, deadline: float) -> None:
        self._wire = wire
        self._chat = chat
        self._deadline = deadline
        self._lines = self._received()

    def run(self) -> None:
        chat = self._chat
        if chat.password:
            self._send(f"PASS {chat.password}")
        self._register()
        self._send(f"JOIN {chat.room}")
        self._await(_END_OF_NAMES)
        for line in chat.lines:
            self._send(f"PRIVMSG {chat.room} :{line}")
        # Answered when all before it was taken, or refused.
        self._send("PING :told")
        self._await("PONG")
        # It is told: however the connection ends, nobody is told again.
        with contextlib.suppress(OSError):
            self._send("QUIT :told")
            self._deadline = min(self._deadline, time.monotonic() + _LAST)
            for _ in self._lines:
                # Until the server closes.
                pass

    def _register(self) -> None:
        """Take a nick, with a tail when it is in use."""
        self._send(f"NICK {self._chat.nick}")
        self._send(f"USER {self._chat.nick} 0 * :Celadon")
        for number in range(_TRIES):
            if self._await(_WELCOME, _NICK_IN_USE) == _WELCOME:
                return
            self._send(f"NICK {self._chat.nick}{'_' * (number + 1)}")
        raise ChatRefused("the nick is in use")

    def _await(self, *wanted: str) -> str:
        """The first of these commands that the server sends; raises ChatRefused for an error before it."""
        for command, words in self._lines:
            if command in wanted:
                return command
            if command == "ERROR" or (_ERROR.match(command) and command != _NO_MESSAGE_OF_THE_DAY):
                raise ChatRefused(words[:200])
        raise ChatRefused("the server has closed the connection")

    def _send(self, line: str) -> None:
        self._wire.settimeout(posting.left(self._deadline))
        content = line.encode()[:_LONGEST].decode("utf-8", "ignore")
        self._wire.sendall(f"{content}\r\n".encode())

    def _received(self) -> Iterator[tuple[str, str]]:
        """Command and the words after it of each line, until the server closes; its pings are answered."""
        rest, total = b"", 0
        while True:
            self._wire.settimeout(posting.left(self._deadline))
            block = self._wire.recv(4096)
            total += len(block)
            if not block or total > _MOST_RECEIVED:
                return
            *whole, rest = (rest + block).split(b"\n")
            for raw in whole:
                line = raw.decode("utf-8", "replace").strip()
                _, _, line = line.partition(" ") if line.startswith(":") else ("", "", line)
                command, _, words = line.partition(" ")
                if command.upper() == "PING":
                    self._send(f"PONG {words}")
                elif command:
                    yield command.upper(), words
