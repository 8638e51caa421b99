"""A provider of add-ons for Celadon and Heroku: `notes`, a few lines of text for an app.

It speaks Heroku's Add-on Partner API v3, is a process of its own with a database of its own, and needs Python and
nothing else:

    python3 provider.py --port 5007 --url https://notes.example.com --database notes.db
"""

import argparse
import base64
import hashlib
import hmac
import html
import json
import re
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import platform_client
from resources import LIMITS, Resource, Resources

# A form of single sign-on is good for so many seconds.
SSO_SECONDS = 120
_LARGEST_BODY = 1 << 20
_BACKGROUND = "slow"


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Provider(ThreadingHTTPServer):
    """`url` is where apps and browsers reach it."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], url: str, manifest: dict[str, Any], resources: Resources) -> None:
        super().__init__(address, Requests)
        self.url = (url or f"http://{address[0]}:{self.server_address[1]}").rstrip("/")
        self.manifest = manifest
        self.resources = resources
        self.log = platform_client.LogInput(str(manifest["id"]))
        # Set when there is something to finish, and at the start: what was pending when it was stopped still is.
        self.wanted = threading.Event()
        self.wanted.set()

    def config(self, resource: Resource) -> dict[str, str]:
        scheme, _, rest = self.url.partition("://")
        return {"NOTES_URL": f"{scheme}://app:{resource.token}@{rest}/notes/{resource.id}"}

    def finish_for_ever(self) -> None:
        """Tell the platform of each pending resource that it is ready, until it has understood."""
        while True:
            self.wanted.wait(timeout=5)
            self.wanted.clear()
            for resource in self.resources.pending():
                if platform_client.finish(self.manifest, resource, self.config(resource)):
                    self.resources.set_ready(resource.id)
                    self.log.write(resource.log_input_url, f"{resource.name} is ready")


class Requests(BaseHTTPRequestHandler):
    """One connection. The table of paths is at the end of the file."""

    server: Provider
    protocol_version = "HTTP/1.1"
    # Answers go out in one write.
    wbufsize = -1

    def log_message(self, format: str, *args: object) -> None:
        """The method, the path and the status: what is secret stands in headers and bodies."""
        print(f"{self.command} {urlsplit(self.path).path} {args[1] if len(args) > 1 else ''}", flush=True)

    def answer(self) -> None:
        try:
            status, kind, content = self._found()(self)
        except Refused as refused:
            status, kind, content = refused.status, "application/json", json.dumps({"message": str(refused)})
        sent = content.encode()
        self.send_response(status)
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Basic")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)
        self.wfile.flush()
        if status == HTTPStatus.ACCEPTED:
            # The platform hears that it will be ready before it hears that it is.
            self.server.wanted.set()

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def _found(self) -> "Answering":
        self.content = self._read()
        path = urlsplit(self.path).path
        for method, pattern, answering in _ROUTES:
            if method == self.command and (match := re.fullmatch(pattern, path)):
                self.words = match.groups()
                return answering
        raise Refused(404, "there is nothing here")

    def _read(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST_BODY:
            self.close_connection = True
            raise Refused(413, "that is too much")
        return self.rfile.read(length)

    def json(self) -> dict[str, Any]:
        try:
            found = json.loads(self.content)
        except ValueError:
            raise Refused(400, "the body is no JSON") from None
        if not isinstance(found, dict):
            raise Refused(400, "the body is no JSON object")
        return found

    def require(self, user: str, password: str) -> None:
        """HTTP Basic authentication."""
        given = self.headers.get("Authorization", "")
        wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Refused(401, "who are you?")

    def require_platform(self) -> None:
        self.require(str(self.server.manifest["id"]), str(self.server.manifest["api"]["password"]))


Answering = Callable[[Requests], tuple[int, str, str]]


def provision(request: Requests) -> tuple[int, str, str]:
    """POST /heroku/resources: the same uuid is the same resource, however often it is asked for."""
    request.require_platform()
    asked = request.json()
    if not re.fullmatch(r"[0-9a-f-]{36}", str(asked.get("uuid", ""))):
        raise Refused(422, "give a uuid")
    if asked.get("plan") not in LIMITS:
        raise Refused(422, f"there is no plan {str(asked.get('plan'))[:40]!r}; there are {', '.join(LIMITS)}")
    pending = asked["plan"] == _BACKGROUND
    resource = request.server.resources.add(asked, state="pending" if pending else "ready")
    if resource.state == "gone":
        raise Refused(410, "that resource has been removed")
    if resource.state == "pending":
        return _json(202, {"id": resource.id, "message": "Your notes are being made"})
    request.server.log.write(resource.log_input_url, f"{resource.name} is ready")
    return _json(200, _shown(request, resource, "Your notes are ready"))


def change_plan(request: Requests) -> tuple[int, str, str]:
    """PUT /heroku/resources/:id"""
    request.require_platform()
    resource = _resource(request)
    plan = str(request.json().get("plan"))
    if plan not in LIMITS:
        raise Refused(422, f"there is no plan {plan[:40]!r}; there are {', '.join(LIMITS)}")
    if len(request.server.resources.notes(resource.id)) > LIMITS[plan]:
        raise Refused(422, f"there are more notes than the {LIMITS[plan]} of {plan}: remove some first")
    request.server.resources.set_plan(resource.id, plan)
    request.server.log.write(resource.log_input_url, f"{resource.name} has the plan {plan} now")
    return _json(200, _shown(request, resource, f"Up to {LIMITS[plan]} notes from now on"))


def deprovision(request: Requests) -> tuple[int, str, str]:
    """DELETE /heroku/resources/:id"""
    request.require_platform()
    resource = _resource(request)
    request.server.resources.remove(resource.id)
    return 204, "application/json", ""


def sign_on(request: Requests) -> tuple[int, str, str]:
    """POST /sso: a form that the platform lets somebody's browser send."""
    form = {name: values[-1] for name, values in parse_qs(request.content.decode("utf-8", "replace")).items()}
    resource_id, timestamp = form.get("resource_id", ""), form.get("timestamp", "")
    salt = str(request.server.manifest["api"]["sso_salt"])
    token = hashlib.sha1(f"{resource_id}:{salt}:{timestamp}".encode()).hexdigest()
    if not hmac.compare_digest(token.encode(), form.get("resource_token", "").encode()):
        raise Refused(403, "the form is not the platform's")
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > SSO_SECONDS:
        raise Refused(403, "the form is too old")
    resource = request.server.resources.find(resource_id)
    if resource is None or resource.state == "gone":
        raise Refused(404, "there is no such resource")
    items = "".join(f"<li>{html.escape(text)}</li>" for text in request.server.resources.notes(resource.id))
    who = html.escape(form.get("email", "somebody"))
    return 200, "text/html; charset=utf-8", (
        f"<!doctype html><title>Notes</title><h1>Notes of {html.escape(resource.name)}</h1>"
        f"<p>Signed on as {who}, plan {resource.plan}.</p><ul>{items}</ul>"
    )


def read_notes(request: Requests) -> tuple[int, str, str]:
    """GET /notes/:id, for the app"""
    return _json(200, request.server.resources.notes(_own(request).id))


def write_note(request: Requests) -> tuple[int, str, str]:
    """POST /notes/:id, for the app: the body is the note"""
    resource = _own(request)
    if not request.server.resources.write(resource, request.content.decode("utf-8", "replace")):
        raise Refused(422, f"the plan {resource.plan} holds {LIMITS[resource.plan]} notes")
    request.server.log.write(resource.log_input_url, "a note was written")
    return _json(201, request.server.resources.notes(resource.id))


def _resource(request: Requests) -> Resource:
    found = request.server.resources.find(request.words[0])
    if found is None or found.state == "gone":
        raise Refused(410, "that resource is gone")
    return found


def _own(request: Requests) -> Resource:
    found = request.server.resources.find(request.words[0])
    # Also one that is pending: the app may have its config before we have heard that the platform has it.
    request.require("app", found.token if found and found.state != "gone" else "")
    assert found is not None, "nobody has the password of nothing"
    return found


def _shown(request: Requests, resource: Resource, message: str) -> dict[str, object]:
    return {"id": resource.id, "config": request.server.config(resource), "message": message}


def _json(status: int, value: object) -> tuple[int, str, str]:
    return status, "application/json", json.dumps(value)


_ROUTES: tuple[tuple[str, str, Answering], ...] = (
    ("POST", "/heroku/resources", provision),
    ("PUT", "/heroku/resources/([^/]+)", change_plan),
    ("DELETE", "/heroku/resources/([^/]+)", deprovision),
    ("POST", "/sso", sign_on),
    ("GET", "/notes/([^/]+)", read_notes),
    ("POST", "/notes/([^/]+)", write_note),
)


def main() -> None:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description="Provide notes to apps.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5007, help="0 takes a free one, which is printed")
    parser.add_argument("--url", default="", help="where apps and browsers reach it")
    parser.add_argument("--database", type=Path, default=here / "notes.db")
    parser.add_argument("--manifest", type=Path, default=here / "addon-manifest.json")
    given = parser.parse_args()
    manifest = json.loads(given.manifest.read_text("utf-8"))
    provider = Provider((given.host, given.port), given.url, manifest, Resources(given.database))
    threading.Thread(target=provider.finish_for_ever, daemon=True).start()
    print(f"listening on {provider.url}", flush=True)
    provider.serve_forever()


if __name__ == "__main__":
    main()
