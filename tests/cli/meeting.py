"""A rendezvous with the platform's certificate: the command that was asked for runs here, on pipes or a terminal."""

import contextlib
import os
import pty
import select
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

SECRET = "a-secret-of-this-test"


class Meeting:
    """`command` and `env` are what the client asked for; `behave` replaces the dyno by something else."""

    def __init__(self, pem: Path) -> None:
        self.command = ""
        self.env: dict[str, Any] = {}
        self.first_line = b""
        self.chunk = 65536
        self.behave: Callable[[ssl.SSLSocket], None] | None = None
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"rendezvous://localhost:{self._socket.getsockname()[1]}/{SECRET}"

    def close(self) -> None:
        # A thread that waits in accept() is not woken by close().
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._socket.accept()
                with contextlib.suppress(OSError), self._context.wrap_socket(accepted, server_side=True) as client:
                    self._meet(client)

    def _meet(self, client: ssl.SSLSocket) -> None:
        # Each connection's own: left to the command, it would be input, and break off the output of one that has ended.
        self.first_line = b""
        while not self.first_line.endswith(b"\r\n"):
            byte = client.recv(1)
            if not byte:
                return  # It has left, and would be asked for ever.
            self.first_line += byte
        if self.behave is not None:
            self.behave(client)
            return
        client.sendall(b"rendezvous\r\n")
        if "TERM" in self.env:
            self._terminal(client)
        else:
            self._pipes(client)

    def _pipes(self, client: ssl.SSLSocket) -> None:
        done = subprocess.Popen(
            ["bash", "-c", self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment(),
        )
        assert done.stdin is not None and done.stdout is not None
        self._carry(client, done.stdout.fileno(), done.stdin)
        done.kill()
        done.wait()
        done.stdout.close()

    def _terminal(self, client: ssl.SSLSocket) -> None:
        process, master = pty.fork()
        if process == 0:
            os.execvpe("bash", ["bash", "-c", self.command], self._environment())
        with os.fdopen(os.dup(master), "wb", buffering=0) as sink:
            self._carry(client, master, sink)
        os.close(master)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)

    def _carry(self, client: ssl.SSLSocket, source: int, sink: IO[bytes]) -> None:
        """Both ways in one thread (a TLS connection bears no two), until one side has ended."""
        while True:
            ready = [client] if client.pending() else select.select([client, source], [], [], 10)[0]
            if client in ready:
                chunk = client.recv(65536)
                if not chunk:
                    return
                if not sink.closed:
                    sink.write(chunk.partition(b"\x04")[0])
                    sink.flush()
                if b"\x04" in chunk and "TERM" not in self.env:
                    sink.close()
            if source in ready:
                try:
                    block = os.read(source, 65536)
                except OSError:
                    return
                if not block:
                    return
                for at in range(0, len(block), self.chunk):
                    client.sendall(block[at : at + self.chunk])

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], **{name: str(value) for name, value in self.env.items()}}
