"""Say which Maven a request means and where it is: `find_maven.py REPOSITORY WANTED` prints `VERSION URL SHA512`.

A version that does not exist fails at once, naming the nearest ones that do.
"""

import base64
import http.client
import os
import re
import sys
import urllib.request

SECONDS = 10
_FINAL = re.compile(r"^\d+(\.\d+)+$")


def read(url: str) -> str:
    """What is at the URL; MIRROR_LOGIN ("name:password") is sent to its host alone. Raises OSError."""
    request = urllib.request.Request(url)
    if login := os.environ.get("MIRROR_LOGIN"):
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return str(response.read(1 << 20).decode("utf-8", "replace"))
    except http.client.HTTPException as error:
        raise OSError(f"{error}") from None


def order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def finals(metadata: str) -> list[str]:
    """The releases that a repository's maven-metadata.xml lists, oldest first."""
    return sorted(
        {text for text in re.findall(r"<version>([^<]*)</version>", metadata) if _FINAL.match(text)}, key=order
    )


def newest(wanted: str, versions: list[str]) -> str | None:
    """`3.9.9` is that one, `3.9`, `3.x` the newest of these, `latest` the newest of all."""
    prefix = re.sub(r"(\.[x*])+$", "", wanted)
    if prefix in ("latest", "*"):
        return versions[-1] if versions else None
    fits = [version for version in versions if version == prefix or version.startswith(prefix + ".")]
    return fits[-1] if fits else None


def nearest(wanted: str, versions: list[str]) -> list[str]:
    """The newest of each series, those first whose numbers are close to what was asked for."""
    asked = [int(part) for part in re.findall(r"\d{1,9}", wanted)[:3]] or [0]
    series = {version.rpartition(".")[0]: version for version in versions}
    return sorted(
        series.values(), key=lambda version: [abs(a - b) for a, b in zip(order(version), asked, strict=False)]
    )


def refuse(*lines: str) -> int:
    for line in lines:
        print(f" !     {line}", file=sys.stderr)
    return 1


def main(repository: str, wanted: str) -> int:
    folder = f"{repository}/org/apache/maven/apache-maven"
    try:
        versions = finals(read(f"{folder}/maven-metadata.xml"))
        version = newest(wanted, versions)
        if not version:
            close = nearest(wanted, versions)[:4]
            return refuse(
                f"cannot use the Maven that system.properties asks for: there is no {wanted[:100]}.",
                f"Nearest that can be had: {', '.join(close)}.",
                f"Write maven.version={close[0]} into system.properties, commit and push again." if close else "",
            )
        url = f"{folder}/{version}/apache-maven-{version}-bin.tar.gz"
        print(version, url, read(f"{url}.sha512").split()[0])
    except (OSError, ValueError, IndexError) as error:
        return refuse(
            f"cannot ask {repository} for Maven: {error}",
            "Push again when it can be reached, or name a mirror in MAVEN_MIRROR_URL.",
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
