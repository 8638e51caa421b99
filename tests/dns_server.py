"""A DNS server for tests: answers from a dictionary, on a port of its own."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class DnsServer:
    """`records`: name → IPv4 address, or another name for a CNAME; `*.x` is for what has none of its own under x."""

    def __init__(self) -> None:
        self.records: dict[str, str] = {}
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                content, sender = self._socket.recvfrom(4096)
                if not content:
                    return
                self._socket.sendto(self._answer(dns.message.from_wire(content)).to_wire(), sender)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        question = query.question[0]
        name = question.name.to_text().rstrip(".").lower()
        self.asked.append(name)
        value = self._value(name)
        while value and not value[0].isdigit():
            answer.answer.append(dns.rrset.from_text(f"{name}.", 1, "IN", "CNAME", f"{value}."))
            name, value = value, self._value(value)
        if value is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.A:
            answer.answer.append(dns.rrset.from_text(f"{name}.", 1, "IN", "A", value))
        return answer

    def _value(self, name: str) -> str | None:
        return self.records.get(name) or self.records.get(f"*.{name.partition('.')[2]}")


@contextlib.contextmanager
def running() -> Iterator[DnsServer]:
    server = DnsServer()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
