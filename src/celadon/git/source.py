"""The source archive of a pushed commit: what a build starts from.

While a push waits in its hook, its objects are in quarantine: git finds them only when it is told where they are.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from celadon.git import program, submodules
from celadon.git.branches import Update
from celadon.git.repository import GitFailure, Repository, last_words
from celadon.git.submodules import Submodule
from celadon.model.deploy_hook import LOG_COMMITS, LOG_LIMIT
from celadon.model.errors import Conflict, InvalidParams

_LONGEST_SUBJECT = 200
_SHA = re.compile(r"^[0-9a-f]{40,64}\Z")
_XFSZ, _XCPU = 25, 24
_MEMORY, _CPU_SECONDS = 512 << 20, 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What is to be built; `subject` is the first line of its message."""

    sha: str
    subject: str
    submodules: list[Submodule]


async def inspect(
    repository: Repository, update: Update, quarantine: Mapping[str, str], link: str | None = None
) -> Commit:
    """Look at the commit a push wants to deploy; `link` is where the app's code can be looked at.

    Raises InvalidParams when it is no commit or has submodules that are refused, Conflict when the branch has moved.
    """
    names = (update.new, f"{update.new}:.gitmodules", update.ref)
    asked = "".join(f"{name}\n" for name in names).encode()
    printed = await repository.output("cat-file", "--batch", asked=asked, quarantine=quarantine)
    (_, kind, content), (_, gitmodules, listed), (present, _, _) = _objects(printed)
    if kind != "commit":
        raise InvalidParams(f"cannot deploy {update.branch}: what was pushed is a {kind}, not a commit")
    if present != (None if update.creates else update.old):
        raise Conflict(f"cannot deploy {update.branch}: it has moved since; fetch, merge and push again")
    found: list[Submodule] = []
    if gitmodules == "blob":
        if len(listed) > submodules.LONGEST:
            raise InvalidParams(f"cannot read .gitmodules: it is longer than {submodules.LONGEST:,} bytes")
        found = await submodules.read(repository, update.new, quarantine, link)
    return Commit(sha=update.new, subject=_subject(content), submodules=found)


async def log(repository: Repository, commit: Commit, since: str | None, quarantine: Mapping[str, str]) -> str:
    """The commits that a deploy brings, newest first, as deploy hooks tell them: `  * Author: subject`, some of them at most.

    All that there are when nothing is known of what serves, as after a forced push. Nothing keeps a push from being built:
    a log that cannot be had is empty.
    """
    argv = ["log", "--no-color", f"--max-count={LOG_COMMITS}", "--format=  * %an: %s", commit.sha]
    ranges = [[f"^{since}"], []] if since and _SHA.match(since) else [[]]
    for exclude in ranges:
        with contextlib.suppress(GitFailure):
            printed = await repository.output(*argv, *exclude, "--", quarantine=quarantine)
            return printed[:LOG_LIMIT].decode("utf-8", errors="replace").rstrip()
    return ""


def _objects(printed: bytes) -> Iterator[tuple[str | None, str, bytes]]:
    """Name, kind and content of each object that `git cat-file --batch` has printed; no name for a missing one."""
    while printed:
        head, _, printed = printed.partition(b"\n")
        words = head.decode("utf-8", errors="replace").split(" ")
        if words[-1] == "missing":
            yield None, "missing", b""
            continue
        size = int(words[2])
        yield words[0], words[1], printed[:size]
        printed = printed[size + 1 :]


def _subject(content: bytes) -> str:
    """The first line of a commit's message."""
    _, _, message = content.partition(b"\n\n")
    return message.decode("utf-8", errors="replace").strip().partition("\n")[0][:_LONGEST_SUBJECT]


async def archive(
    repository: Repository, commit: Commit, target: Path, limit: int, quarantine: Mapping[str, str]
) -> None:
    """Write the commit's tree to `target` as tar, and its submodules beside it.

    Raises InvalidParams beyond `limit` bytes, GitFailure when git cannot; nothing is left then.
    """
    try:
        await _archive(repository, commit, target, limit, quarantine)
        if commit.submodules:
            submodules.write(submodules_of(target), commit.submodules)
    except OSError as error:
        discard(target)
        raise GitFailure(f"cannot store the source archive: {error.strerror}") from None
    except BaseException:
        discard(target)
        raise


async def _archive(
    repository: Repository, commit: Commit, target: Path, limit: int, quarantine: Mapping[str, str]
) -> None:
    # Opened here, and git is given only its descriptor: the app's uid may not write into that directory.
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    # A tree of a few objects may stand for more paths than memory holds: git itself has no limit.
    limits = (f"--fsize={limit}", f"--data={_MEMORY}", f"--cpu={_CPU_SECONDS}", "--core=0")
    limited = ("/usr/bin/prlimit", *limits, "--")
    argv = repository.argv(f"--git-dir={repository.path}", "archive", "--format=tar", commit.sha)
    try:
        environment = repository.environment(**quarantine)
        status, _, said = await program.run([*limited, *argv], environment, stdout=descriptor)
    finally:
        os.close(descriptor)
    if status == -_XFSZ:
        raise InvalidParams(f"cannot build this: its files are larger than {limit >> 20} MB together")
    if status == -_XCPU or b"ut of memory" in said:
        raise InvalidParams("cannot build this: its tree has too many files to be unpacked")
    if status:
        raise GitFailure(f"cannot make the source archive: {last_words(said) or f'status {status}'}")


def submodules_of(target: Path) -> Path:
    """Where the list of submodules of a source archive is; no file when there are none."""
    return target.with_suffix(".submodules.json")


def discard(target: Path) -> None:
    """Take away an archive that no build will use."""
    target.unlink(missing_ok=True)
    submodules_of(target).unlink(missing_ok=True)
