"""Read static.json and write nginx's configuration: `configure.py BUILD_DIR` prints the folder that is served.

static.json may have: root, clean_urls, routes (pattern to file), error_page, https_only, headers (pattern to headers).
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

KNOWN = ("root", "clean_urls", "routes", "error_page", "https_only", "headers")
EVERYTHING = ("/**", "/*")
# Characters; no path is longer, and nginx takes no longer word.
_LONGEST = 4000

CONFIGURATION = """\
daemon off;
worker_processes 1;
pid @SCRATCH@/pid;
events { worker_connections 4096; }
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  charset utf-8;
  # The router writes a line for each request.
  access_log off;
  sendfile on;
  tcp_nopush on;
  server_tokens off;
  absolute_redirect off;
  keepalive_timeout 90s;
  client_max_body_size 1m;
  client_body_temp_path @SCRATCH@/body;
  proxy_temp_path @SCRATCH@/proxy;
  fastcgi_temp_path @SCRATCH@/fastcgi;
  uwsgi_temp_path @SCRATCH@/uwsgi;
  scgi_temp_path @SCRATCH@/scgi;
  gzip on;
  gzip_vary on;
  gzip_proxied any;
  gzip_min_length 1024;
  gzip_types text/css text/plain text/javascript application/javascript application/json application/xml
             application/manifest+json application/wasm application/rss+xml image/svg+xml font/ttf font/otf;
MAPS
  server {
    listen @PORT@ backlog=1024;
    root "@APP@/ROOT";
    index index.html index.htm;
RULES
  }
}
"""


class ConfigurationError(Exception):
    """static.json cannot be used."""


def read(folder: Path) -> dict[str, Any]:
    path = folder / "static.json"
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"cannot read static.json: {error}") from None
    if not isinstance(values, dict):
        raise ConfigurationError("cannot read static.json: it is not an object")
    return values


def configuration(values: dict[str, Any], root: str) -> str:
    maps, headers = header_maps(values)
    rules = [
        # What steers the build or the repository is nobody's page.
        r'location ~ "/\.(?!well-known/)" { return 404; }',
        r'location ~ "^/(static\.json|Procfile|app\.json)$" { return 404; }',
        *_https_only(values),
        *_error_page(values),
        *headers,
        *_locations(values),
    ]
    parts = {"ROOT": [root], "MAPS": [f"  {line}" for line in maps], "RULES": [f"    {rule}" for rule in rules]}
    return re.sub("|".join(parts), lambda found: "\n".join(parts[found[0]]), CONFIGURATION)


def _https_only(values: dict[str, Any]) -> list[str]:
    if not values.get("https_only"):
        return []
    return ['if ($http_x_forwarded_proto = "http") { return 301 https://$host$request_uri; }']


def _error_page(values: dict[str, Any]) -> list[str]:
    page = values.get("error_page")
    return (
        [f"error_page 403 404 500 502 503 504 {_quoted('/' + _text(page, 'error_page').lstrip('/'))};"] if page else []
    )


def _locations(values: dict[str, Any]) -> list[str]:
    """One location for each route, in the order written, and one for all the rest."""
    routes = _object(values, "routes")
    tries = ["$uri", *(["$uri.html"] if values.get("clean_urls") else []), "$uri/"]

    def location(match: str, target: object) -> str:
        last = _quoted("/" + _text(target, "routes").lstrip("/")) if target is not None else "=404"
        return f"location {match} {{ try_files {' '.join(tries)} {last}; }}"

    everything = next((routes[pattern] for pattern in EVERYTHING if pattern in routes), None)
    lines = [
        location(f"~ {_word(f'^{_expression(pattern)}$')}", target)
        for pattern, target in routes.items()
        if pattern not in EVERYTHING
    ]
    return [*lines, location("/", everything)]


def header_maps(values: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Headers by the address that was asked for: the maps that give their values, and the rules that add them.

    Where patterns overlap the first one written wins, and one for everything comes last.
    """
    headers = _object(values, "headers")
    patterns = sorted(headers, key=lambda pattern: pattern in EVERYTHING)
    names = dict.fromkeys(name for pattern in patterns for name in _object(headers, pattern))
    maps, rules = [], []
    for number, name in enumerate(names):
        lines = [
            f"{_word(f'~^{_expression(pattern)}([?]|$)')} {_quoted(_text(_object(headers, pattern)[name], 'headers'))};"
            for pattern in patterns
            if name in _object(headers, pattern)
        ]
        maps.append(f"map $request_uri $header_{number} {{ {' '.join(lines)} }}")
        rules.append(f"add_header {_quoted(name)} $header_{number} always;")
    return maps, rules


def _expression(pattern: str) -> str:
    """`**` stands for anything, `*` for anything within one folder."""
    parts = re.split(r"(\*\*|\*)", pattern if pattern.startswith("/") else f"/{pattern}")
    return "".join({"**": "[^?]*", "*": "[^/?]*"}.get(part) or re.escape(part) for part in parts)


def _object(values: dict[str, Any], name: str) -> dict[str, Any]:
    value = values.get(name, {})
    if not isinstance(value, dict):
        raise ConfigurationError(f"cannot read static.json: {name} is not an object")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"cannot read static.json: {name} has {value!r}, which is not a text")
    if len(value) > _LONGEST:
        raise ConfigurationError(
            f"cannot use {value[:60]!r}… of static.json: {name} has more than {_LONGEST} characters"
        )
    return value


def _quoted(text: str) -> str:
    """As one literal word of nginx's configuration. Raises ConfigurationError for what it would not take literally."""
    if "$" in text:
        raise ConfigurationError(f"cannot use {text!r} of static.json: it has a $")
    return _word(text)


def _word(text: str) -> str:
    # JSON can name halves of characters, which no file can hold.
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]|@(PORT|SCRATCH|APP)@", text):
        raise ConfigurationError(f"cannot use {text!r} of static.json")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def served_folder(folder: Path, values: dict[str, Any]) -> str:
    """The root, relative to the app. Raises ConfigurationError when it is not a folder of the app."""
    named = _text(values.get("root") or ".", "root")
    _word(named)
    inside = (folder / named.lstrip("/")).resolve()
    if not inside.is_dir() or not inside.is_relative_to(folder.resolve()):
        raise ConfigurationError(f"cannot serve {named!r}, the root of static.json: there is no such folder in the app")
    relative = str(inside.relative_to(folder.resolve()))
    _quoted(relative)
    return relative


def main(folder: Path) -> int:
    try:
        values = read(folder)
        root = served_folder(folder, values)
        text = configuration(values, root)
    except ConfigurationError as error:
        print(f" !     {error}.\n !     Mend it, commit and push again.", file=sys.stderr)
        return 1
    for name in sorted(set(values) - set(KNOWN)):
        print(f" !     static.json: {name} is not known here and has no effect", file=sys.stderr)
    (folder / ".heroku" / "static" / "nginx.conf").write_text(text, "utf-8")
    print("the app's folder" if root == "." else root)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
