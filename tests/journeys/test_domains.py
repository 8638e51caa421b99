"""A domain and a certificate of one's own, maintenance, and what breaks: page, status and line tell the same each time."""

import os
import re
import signal
import subprocess
import uuid

from tests.journeys.conftest import Answer, App, Platform, wait_for

BREAKS = """\
import http.server
import os
import sys
import time


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path
        if path == "/close":
            return
        if path == "/junk":
            self.wfile.write(b"this is no HTTP\\r\\n\\r\\n")
            return
        if path == "/long":
            self.wfile.write(b"HTTP/1.1 200 OK\\r\\nX-Long: " + b"a" * 20000 + b"\\r\\n\\r\\n")
            return
        if path == "/hang":
            time.sleep(100)
        if path == "/exit":
            os._exit(3)
        self.send_response(503 if path == "/own" else 200)
        self.end_headers()
        self.wfile.write(b"mine\\n")

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Page).serve_forever()
"""


def create(platform: Platform) -> App:
    app = platform.create({"server.py": BREAKS, "Procfile": "web: python3 -u server.py\n", "requirements.txt": ""})
    app.push()
    return app


def https(app: App, name: str, path: str = "/", *words: str) -> "subprocess.CompletedProcess[str]":
    port = app.platform.ports["https-port"]
    to = f"{name}:{port}:127.0.0.1"
    argv = ["curl", "-sS", "--resolve", to, *words, "-w", "\n%{http_code}", f"https://{name}:{port}{path}"]
    return app.platform.run(*argv, cwd=app.checkout, check=False)


def test_a_domain_with_a_certificate_of_ones_own(platform: Platform) -> None:
    app = create(platform)
    name = f"www.{uuid.uuid4().hex[:12]}.example"
    assert f"Adding {name} to {app.name}... done" in app.celadon("domains:add", name)
    wait_for("the name answers", lambda: platform.request(name).text == "mine\n")
    assert "SSL" in https(app, name).stdout, "the platform's own certificate is for other names"
    platform.celadon("certs:generate", name, "--selfsigned", cwd=app.checkout)
    added = platform.celadon("certs:add", "--app", app.name, f"{name}.crt", f"{name}.key", cwd=app.checkout)
    assert f"Served for {name}." in added
    wait_for("it is served", lambda: https(app, name, "/", "--cacert", f"{name}.crt").stdout == "mine\n\n200")
    # The name was asked for without TLS as well: not any line about it is meant.
    line = rf" host={re.escape(name)} .* protocol=https$"
    wait_for("its line says so", lambda: re.search(line, app.logs("--ps", "router"), re.MULTILINE))
    # A role that is killed finds it all again, and HAProxy never noticed.
    os.kill(platform.pids()["router"], signal.SIGKILL)
    assert https(app, name, "/", "--cacert", f"{name}.crt").stdout == "mine\n\n200"
    other = create(platform)
    assert "in use by an app" in other.celadon("domains:add", name, check=False)
    misdirected = https(app, name, "/", "--cacert", f"{name}.crt", "-H", f"Host: {other.host}")
    assert misdirected.stdout.endswith("\n421")
    other.wait_for_log("code=H31")
    app.celadon("certs:remove", "--confirm", app.name)
    wait_for("it is gone", lambda: "SSL" in https(app, name, "/", "--cacert", f"{name}.crt").stdout)
    other.celadon("domains:add", f"{name}.au")
    platform.celadon("destroy", other.name, "--confirm", other.name)
    app.celadon("domains:add", f"{name}.au")


def test_every_app_of_localhost_has_a_certificate_that_programs_take(platform: Platform) -> None:
    app = create(platform)
    (app.checkout / "ca.pem").write_text(platform.celadon("platform:ca"))
    assert https(app, app.host, "/", "--cacert", "ca.pem").stdout == "mine\n\n200"


def told(app: App, answer: Answer, code: str, words: str) -> None:
    """Page, status and line tell the same."""
    assert answer.status == 503
    assert words in answer.text
    found = re.search(r"request <code>([^<]+)</code>", answer.text, re.IGNORECASE)
    assert found is not None
    lines = app.wait_for_log(f"request_id={found[1]}")
    (line,) = [line for line in lines.splitlines() if f"request_id={found[1]}" in line and "heroku[router]" in line]
    assert f"code={code} " in line
    assert " status=503 " in line


def test_what_breaks_is_told_the_same_way_three_times(platform: Platform) -> None:
    app = create(platform)
    wait_for("it serves", lambda: app.get().status == 200)
    for path, code in (("/close", "H13"), ("/junk", "H17"), ("/long", "H25"), ("/hang", "H12")):
        told(app, app.get(path), code, "Application error")
    assert app.get("/own").text == "mine\n", "the app's own error is its own"
    app.celadon("maintenance:on")
    wait_for("maintenance", lambda: app.get().status == 503)
    told(app, app.get(), "H80", "Offline for maintenance")
    app.celadon("maintenance:off")
    app.celadon("config:set", "ERROR_PAGE_URL=https://pages.example/error.html")
    wait_for("its own page", lambda: 'src="https://pages.example/error.html"' in app.get("/close").text)
    app.celadon("ps:scale", "web=0")
    wait_for("no web", lambda: app.get().status == 503)
    told(app, app.get(), "H14", "This app is not running")
    app.celadon("ps:scale", "web=1")
    wait_for("it serves again", lambda: app.get().status == 200)
