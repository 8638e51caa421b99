"""Visitors who never stop: kept-alive connections, each request counted, each failure kept with its reason."""

import http.client
import threading
import time
from typing import Self


class Load:
    """`clients` threads that ask `host` for `/` over and over; a context manager."""

    def __init__(self, port: int, host: str, clients: int = 64, method: str = "GET") -> None:
        self.answered = 0
        self.failures: list[str] = []
        self._port, self._host, self._method = port, host, method
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, count: int, seconds: float = 60.0) -> None:
        """Until `count` more requests have been answered."""
        goal, deadline = self.answered + count, time.monotonic() + seconds
        while self.answered < goal and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.answered >= goal, f"only {self.answered} of {goal} answers, {self.failures[:3]}"

    def _ask(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        # Every fourth client makes a connection for each request.
        headers = {"Host": self._host} | ({"Connection": "close"} if number % 4 == 0 else {})
        while not self._stop.is_set():
            try:
                connection.request(self._method, "/", b"x" if self._method == "POST" else None, headers)
                response = connection.getresponse()
                body = response.read()
                if response.status != 200:
                    raise OSError(f"status {response.status}: {body[:80]!r}")
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._failed(f"{type(error).__name__}: {error}")
            else:
                with self._lock:
                    self.answered += 1
        connection.close()

    def _failed(self, reason: str) -> None:
        with self._lock:
            self.failures.append(reason)
