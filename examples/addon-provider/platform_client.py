"""What the provider asks of the platform: to write into the log of an app, and to take the config of what is ready."""

import base64
import contextlib
import json
import queue
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlencode, urljoin, urlsplit, urlunsplit

from resources import Resource

_SECONDS = 10
# Lines that wait for a log input that is slow; what comes then is dropped. Lines are a courtesy.
_QUEUE = 1000
# Facility local0, level info.
_PRIORITY = 134


class LogInput:
    """Writes lines in the background: no request waits for them."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._lines: queue.Queue[tuple[str, str]] = queue.Queue(_QUEUE)
        threading.Thread(target=self._send_for_ever, daemon=True).start()

    def write(self, log_input_url: str | None, text: str) -> None:
        """`log_input_url` has the log token as its password: `https://token:t.0123@example.com/logs`."""
        if log_input_url:
            with contextlib.suppress(queue.Full):
                self._lines.put_nowait((log_input_url, text))

    def _send_for_ever(self) -> None:
        while True:
            url, text = self._lines.get()
            headers = {"Content-Type": "application/logplex-1", "Logplex-Msg-Count": "1"}
            with contextlib.suppress(OSError):
                _ask("POST", url, frame(self._service, text), headers)


def frame(service: str, text: str) -> bytes:
    """One line of syslog (RFC 5424), its length in bytes before it (RFC 6587)."""
    line = f"<{_PRIORITY}>1 {datetime.now(UTC).isoformat()} host {service} {service} - - {text}".encode()
    return f"{len(line)} ".encode() + line


def finish(manifest: dict[str, Any], resource: Resource, config: dict[str, str]) -> bool:
    """Give a pending add-on its config and say that it is ready; whether the platform has understood, or has no such
    add-on any more. Everything may be said twice."""
    values = [{"name": name, "value": value} for name, value in config.items()]
    try:
        headers = {
            "Accept": "application/vnd.heroku+json; version=3",
            "Authorization": f"Bearer {_token(manifest, resource)}",
            "Content-Type": "application/json",
        }
        _ask("PATCH", f"{resource.callback_url}/config", json.dumps({"config": values}).encode(), headers)
        _ask("POST", f"{resource.callback_url}/actions/provision", b"", headers)
    except urllib.error.HTTPError as error:
        return error.code in (401, 404, 410)
    except OSError:
        return False
    return True


def _token(manifest: dict[str, Any], resource: Resource) -> str:
    """A token for this one add-on, for the code that came with the request to provision it. Raises OSError."""
    secret = str(manifest["api"].get("client_secret") or manifest["api"]["password"])
    form = {"grant_type": "authorization_code", "code": resource.grant_code or "", "client_secret": secret}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    url = urljoin(resource.callback_url, "/oauth/token")
    found: str = json.loads(_ask("POST", url, urlencode(form).encode(), kind))["access_token"]
    return found


def _ask(method: str, url: str, content: bytes, headers: dict[str, str]) -> bytes:
    """One request; a user and a password in the URL become a header. Raises OSError."""
    parts = urlsplit(url)
    if parts.username:
        given = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = {**headers, "Authorization": "Basic " + base64.b64encode(given.encode()).decode()}
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    asked = urllib.request.Request(url, content, headers, method=method)
    with urllib.request.urlopen(asked, timeout=_SECONDS) as answer:
        found: bytes = answer.read()
        return found
