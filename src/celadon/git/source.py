"""The source archive of a pushed commit: what a build starts from.

While a push waits in its hook, its objects are in quarantine: git finds them only when it is told where they are.
"""

import asyncio
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from celadon.git import submodules
from celadon.git.branches import Update
from celadon.git.repository import GitFailure, Repository, kill, last_words
from celadon.git.submodules import Submodule
from celadon.model.errors import Conflict, InvalidParams

_LONGEST_SUBJECT = 200
_XFSZ = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What is to be built; `subject` is the first line of its message."""

    sha: str
    subject: str
    submodules: list[Submodule]


async def inspect(repository: Repository, update: Update, quarantine: Mapping[str, str]) -> Commit:
    """Look at the commit a push wants to deploy.

    Raises InvalidParams when it is no commit or has submodules that are refused, Conflict when the branch has moved.
    """
    names = (update.new, f"{update.new}:.gitmodules", update.ref)
    asked = "".join(f"{name}\n" for name in names).encode()
    answer = await repository.output("cat-file", "--batch-check", asked=asked, quarantine=quarantine)
    new, gitmodules, ref = [line.split(" ") for line in answer.decode("utf-8", errors="replace").split("\n")[:3]]
    if new[1] != "commit":
        raise InvalidParams(f"cannot deploy {update.branch}: what was pushed is a {new[1]}, not a commit")
    if (update.creates and ref[-1] != "missing") or (not update.creates and ref[0] != update.old):
        raise Conflict(f"cannot deploy {update.branch}: it has moved since; fetch, merge and push again")
    found: list[Submodule] = []
    if gitmodules[1] == "blob":
        if int(gitmodules[2]) > submodules.LONGEST:
            raise InvalidParams(f"cannot read .gitmodules: it is longer than {submodules.LONGEST:,} bytes")
        found = await submodules.read(repository, update.new, quarantine)
    subject = await repository.output("log", "-1", "--format=%s", "--encoding=UTF-8", update.new, quarantine=quarantine)
    text = subject.decode("utf-8", errors="replace").strip()
    return Commit(sha=update.new, subject=text[:_LONGEST_SUBJECT], submodules=found)


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
    except BaseException:
        discard(target)
        raise


async def _archive(
    repository: Repository, commit: Commit, target: Path, limit: int, quarantine: Mapping[str, str]
) -> None:
    # Opened here, and git is given only its descriptor: the app's uid may not write into that directory.
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        program = await asyncio.create_subprocess_exec(
            *("/usr/bin/prlimit", f"--fsize={limit}", "--core=0", "--"),
            *repository.argv(f"--git-dir={repository.path}", "archive", "--format=tar", commit.sha),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.PIPE,
            env=repository.environment(**quarantine),
            cwd="/",
        )
    finally:
        os.close(descriptor)
    try:
        _, said = await program.communicate()
    finally:
        kill(program)
    if program.returncode == -_XFSZ:
        raise InvalidParams(f"cannot build this: its files are larger than {limit >> 20} MB together")
    if program.returncode:
        raise GitFailure(f"cannot make the source archive: {last_words(said) or f'status {program.returncode}'}")


def submodules_of(target: Path) -> Path:
    """Where the list of submodules of a source archive is; no file when there are none."""
    return target.with_suffix(".submodules.json")


def discard(target: Path) -> None:
    """Take away an archive that no build will use."""
    target.unlink(missing_ok=True)
    submodules_of(target).unlink(missing_ok=True)
