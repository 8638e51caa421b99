"""Print Leiningen's profiles for a build: the operator's mirror, if any, in place of Maven Central and Clojars.

Reads MAVEN_MIRROR_URL. The profile `production`, which builds and dynos use, is there for projects that have none.
"""

import json
import os
import urllib.parse


def mirrors(url: str) -> str:
    """The value of :mirrors; each keeps its repository's name, so that what was fetched is known again without it."""
    scheme, separator, rest = url.partition("://")
    login, at, host = rest.rpartition("@")
    words = {":url": f"{scheme}{separator}{host if at else rest}"}
    if at:
        name, _, password = login.partition(":")
        words |= {":username": urllib.parse.unquote(name), ":password": urllib.parse.unquote(password)}
    shown = " ".join(f"{key} {json.dumps(word)}" for key, word in words.items())
    names = ("central", "clojars")
    return "{" + " ".join(f'"{name}" {{:name "{name}" {shown}}}' for name in names) + "}"


if __name__ == "__main__":
    mirror = os.environ.get("MAVEN_MIRROR_URL")
    print(
        f"{{:user {{:mirrors {mirrors(mirror)}}} :production {{:mirrors {mirrors(mirror)}}}}}"
        if mirror
        else "{:production {}}"
    )
