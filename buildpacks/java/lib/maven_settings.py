"""Print Maven's settings for what the operator set: a mirror of Maven Central and Clojars, proxies. Ends with 1 when there is neither.

Reads MAVEN_MIRROR_URL, and http_proxy, https_proxy and no_proxy in either case.
"""

import os
import sys
import urllib.parse
from xml.sax.saxutils import escape


def element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


def proxies() -> list[str]:
    found = []
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    for scheme in ("http", "https"):
        url = os.environ.get(f"{scheme}_proxy") or os.environ.get(f"{scheme.upper()}_PROXY")
        if not url:
            continue
        parts = urllib.parse.urlsplit(url)
        if not parts.hostname:
            continue
        values = {
            "id": scheme,
            "active": "true",
            "protocol": scheme,
            "host": parts.hostname,
            "port": str(parts.port or 80),
        }
        if parts.username:
            values |= {
                "username": urllib.parse.unquote(parts.username),
                "password": urllib.parse.unquote(parts.password or ""),
            }
        if direct:
            hosts = [host.strip() for host in direct.split(",") if host.strip()]
            values["nonProxyHosts"] = "|".join(f"*{host}" if host.startswith(".") else host for host in hosts)
        found.append("".join(element(name, value) for name, value in values.items()))
    return found


def split_login(mirror: str) -> str:
    """Print the login that a URL holds as a server's; returns the URL without it."""
    scheme, separator, rest = mirror.partition("://")
    login, at, host = rest.partition("@")
    if not at or "/" in login:
        return mirror
    name, _, password = (urllib.parse.unquote(part) for part in login.partition(":"))
    words = element("id", "central") + element("username", name) + element("password", password)
    print(f"<servers><server>{words}</server></servers>")
    return f"{scheme}{separator}{host}"


def main() -> int:
    mirror = os.environ.get("MAVEN_MIRROR_URL")
    through = proxies()
    if not mirror and not through:
        return 1
    print("<settings>")
    if through:
        print("<proxies>" + "".join(f"<proxy>{proxy}</proxy>" for proxy in through) + "</proxies>")
    if mirror:
        # By Central's own name: what was fetched without the mirror is known again with it, and the other way round.
        url = element("url", split_login(mirror))
        print(f"<mirrors><mirror><id>central</id><mirrorOf>central,clojars</mirrorOf>{url}</mirror></mirrors>")
    print("</settings>")
    return 0


if __name__ == "__main__":
    sys.exit(main())
