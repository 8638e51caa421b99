"""From `git push` to the new page, for each language: a new app, a dependency changed, only code changed; and its slug's size.

    .venv/bin/python bench/build.py [LANG...] [--rounds 3] [--no-docker]

The languages are those of bench/build.toml. Beside each push, in turn, the same change by `docker build` and `docker run`
with a comparable Dockerfile (bench/docker.py says what of that is comparable): without a push, a health gate and a router.
*New app* has an empty cache on both sides (`--no-cache`). The clock stops when the page tells the new version.
"""

import argparse
import re
import shutil
import sys
import time
import tomllib
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import common
import docker
from processes import free_port

_PATIENCE = 600
STEPS = ("new app", "dependency changed", "code changed")
# Seconds of each step, and MB.
Round = tuple[dict[str, float], float]


@dataclass(frozen=True)
class Language:
    """One table of build.toml. `dependency` is a list of file, old text, new text."""

    example: str
    page: str
    version: tuple[str, str]
    dependency: tuple[tuple[str, str, str], ...]
    dockerfile: str = ""
    base: str = ""

    @property
    def steps(self) -> tuple[str, ...]:
        return STEPS if self.dependency else tuple(step for step in STEPS if step != STEPS[1])

    def copy(self, target: Path, version: str) -> None:
        shutil.copytree(common.CHECKOUT / "examples" / self.example, target)
        (target / ".gitignore").unlink(missing_ok=True)
        if self.dockerfile:
            (target / "Dockerfile").write_text(self.dockerfile)
        replace(target / self.version[0], self.version[1], marked(self.version[1], version))

    def change(self, tree: Path, step: str, version: str) -> None:
        if step == STEPS[1]:
            for file, old, new in self.dependency:
                replace(tree / file, old, new)
        file = tree / self.version[0]
        file.write_text(re.sub(r"version-[a-z0-9-]+-end", version, file.read_text()))


def marked(text: str, version: str) -> str:
    """The text with the version in it: inside of the quotes, if it has any."""
    return f"{text[:-1]}{version}{text[-1]}" if text[-1] in "'\"" else f"{text} {version}"


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    if old not in text:
        sys.exit(f"there is no {old!r} in {file}: mend bench/build.toml")
    file.write_text(text.replace(old, new, 1))


def versions(prefix: str) -> dict[str, str]:
    return {step: f"version-{prefix}-{number}-end" for number, step in enumerate(STEPS)}


def until(fetch: Callable[[], str], version: str) -> None:
    deadline = time.perf_counter() + _PATIENCE
    while version not in fetch():
        if time.perf_counter() > deadline:
            sys.exit(f"{version} never answered")
        time.sleep(0.005)


class Pushes:
    """One new app of the platform for each round."""

    name = "Celadon"

    def __init__(self, bench: common.Bench) -> None:
        self.bench = bench

    def round(self, key: str, language: Language, prefix: str) -> Round:
        """Seconds of each step, and MB of the slug."""
        name, named = f"bench-{key}-{prefix}", versions(prefix)
        tree, size, took = self.bench.directory / name, 0.0, {}
        language.copy(tree, named[STEPS[0]])
        (tree / "Dockerfile").unlink(missing_ok=True)
        self.bench.run("git", "init", "-qb", "main", cwd=tree)
        self.bench.celadon("create", name, cwd=tree)
        for step in language.steps:
            language.change(tree, step, named[step])
            self.bench.run("git", "add", "-A", cwd=tree)
            self.bench.run("git", "commit", "-qm", step, cwd=tree)
            begun = time.perf_counter()
            said = self.bench.run("git", "push", "celadon", "main", cwd=tree)
            until(lambda: self.bench.get(name, language.page)[1], named[step])
            took[step] = time.perf_counter() - begun
            size = slug_size(said)
        self.bench.celadon("destroy", name, "--confirm", name)
        return took, size


def slug_size(said: str) -> float:
    """MB, of what a push said."""
    found = re.search(r"Compiled slug size: ([\d.]+)(MB|K)", said)
    return float(found[1]) / (1 if found[2] == "MB" else 1024) if found else 0.0


class Images:
    """One image, built again, and its container for each round."""

    name = "docker build + run"

    def __init__(self, daemon: docker.Docker, directory: Path) -> None:
        self.daemon = daemon
        self.directory = directory
        self._bases: set[str] = set()

    def round(self, key: str, language: Language, prefix: str) -> Round:
        """Seconds of each step, and MB of the image without its base."""
        name, base, named = f"docker-{key}-{prefix}", f"base-{key}", versions(prefix)
        if key not in self._bases:
            self.daemon.base(base, language.base)
            self._bases.add(key)
        tree, took = self.directory / name, {}
        language.copy(tree, named[STEPS[0]])
        (tree / "Dockerfile").write_text(f"FROM {base}\n{language.dockerfile}")
        self.daemon.forget_mounts()
        for step in language.steps:
            language.change(tree, step, named[step])
            begun, port = time.perf_counter(), free_port()
            self.daemon.build(name, tree, *(["--no-cache"] if step == STEPS[0] else []))
            self.daemon.start(name, name, port)
            url = f"http://127.0.0.1:{port}{language.page}"
            until(lambda url=url: page(url), named[step])
            took[step] = time.perf_counter() - begun
        size = (self.daemon.size(name) - self.daemon.size(base)) / (1 << 20)
        self.daemon.run("rm", "--force", name)
        return took, size


def page(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return str(response.read().decode("utf-8", "replace"))
    except OSError:
        return ""


def measured(
    languages: dict[str, Language], ways: Sequence[Pushes | Images], rounds: int
) -> dict[tuple[str, str], list[Round]]:
    """(Language, way) → what each round took; each round begins with the next way. One that fails is said and left out."""
    found: dict[tuple[str, str], list[Round]] = {}
    broken: set[tuple[str, str]] = set()
    for number in range(rounds):
        for key, language in languages.items():
            for way in ways[number % len(ways) :] + ways[: number % len(ways)]:
                if (way.name == Pushes.name or language.dockerfile) and (key, way.name) not in broken:
                    try:
                        result = way.round(key, language, str(number))
                    except SystemExit as error:
                        # It takes long: one that fails must not cost the others.
                        print(f"{key}, {way.name}: {str(error)[-2000:]}", file=sys.stderr)
                        broken.add((key, way.name))
                    else:
                        found.setdefault((key, way.name), []).append(result)
    return found


def print_left_out(known: dict[str, dict[str, object]]) -> None:
    """Examples that no table of build.toml measures: a new one is not to be forgotten."""
    measured_ones = {table["example"] for table in known.values()}
    left_out = sorted({path.name for path in (common.CHECKOUT / "examples").iterdir()} - measured_ones)
    print(f"\nExamples that are not measured: {', '.join(left_out) or 'none'}")


def main() -> None:
    known = tomllib.loads((Path(__file__).with_name("build.toml")).read_text("utf-8"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("languages", nargs="*", metavar="LANG", default=list(known), help=", ".join(known))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-docker", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.languages) - set(known):
        parser.error(f"{', '.join(unknown)}: the languages are {', '.join(known)}")
    languages = {key: Language(**known[key]) for key in options.languages}
    with common.platform() as bench:
        if options.no_docker:
            found = measured(languages, [Pushes(bench)], options.rounds)
        else:
            with docker.daemon() as daemon:
                ways = [Pushes(bench), *([Images(daemon, bench.directory)] if daemon else [])]
                found = measured(languages, ways, options.rounds)
    if not found:
        sys.exit(1)
    rows = []
    for (key, way), runs in found.items():
        steps = [f"{step} {common.summary([took[step] for took, _ in runs])}" for step in runs[0][0]]
        rows.append((f"{key}, {way}", f"{'   '.join(steps)}   {runs[-1][1]:.1f} MB"))
    print_left_out(known)
    common.table(f"From push to the new page ({options.rounds} rounds in turn)", rows)


if __name__ == "__main__":
    main()
