"""Apps for journeys: nothing but a Procfile and Python's standard library, so that a build takes a moment."""

# Answers `GET /` with its version, mark and dyno; echoes what is posted; `/slow` takes a moment; `/exit` ends the dyno.
SERVER = """\
import http.server
import os
import signal
import sys
import time

VERSION = open("version").read().strip()
MARK = os.environ.get("MARK", "-")
DYNO = os.environ["DYNO"]


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self):
        if self.path.startswith("/slow"):
            time.sleep(0.3)
        if self.path.startswith("/env"):
            return self.answer("".join(f"{name}={value}\\n" for name, value in sorted(os.environ.items())))
        self.answer(f"{self.path} {VERSION} {MARK} {DYNO}\\n")
        if self.path.startswith("/exit"):
            self.wfile.flush()
            os._exit(3)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(f"{self.path} {VERSION} {MARK} {DYNO} {body.decode()}\\n")

    def answer(self, text):
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
server = Server(("", int(os.environ["PORT"])), Page)
print(f"version {VERSION} listens", flush=True)
server.serve_forever()
"""

# Writes numbered lines; the last one says how many there were.
COUNTER = """\
import itertools
import os
import signal
import threading

run = os.urandom(4).hex()
stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
for number in itertools.count(1):
    print(f"run {run} line {number}", flush=True)
    if stopped.wait(0.01):
        break
print(f"run {run} end {number}", flush=True)
"""


def web(**files: str) -> dict[str, str]:
    """A web app of one version; `files` replace or join the usual ones (`Procfile`, `server.py`, `version`)."""
    usual = {"Procfile": "web: python3 -u server.py\n", "server.py": SERVER, "version": "one\n"}
    return {**usual, **files}
