"""An app's repository as an editor sees it: the files of the branch that deploys, a commit on it, a deploy of it.

Called from threads; git runs as the app's uid, with our configuration alone. A commit is made beside the branch, of
objects that nothing refers to, and then the branch moves in one step if it is still where the editor began: whoever is
killed before that has changed nothing.
"""

import asyncio
import re
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from celadon.actions import apps, repositories
from celadon.actions.context import Context
from celadon.git import acceptance, branches, claims, repository
from celadon.git.branches import Update
from celadon.git.repository import GitFailure, Repository
from celadon.model import source_tree
from celadon.model.account import Account, Actor
from celadon.model.app import App
from celadon.model.build import Build
from celadon.model.errors import Conflict, InvalidParams, NotFound, RateLimited
from celadon.model.source_tree import Change, Entry, Kind, Placed

T = TypeVar("T")

# At work at once in this process, seconds that others wait for their turn, and seconds that one may take.
_AT_ONCE, _TURN, _LONGEST = 2, 10.0, 50.0
_workers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="workspace")
# So many threads of the API wait here at the most: it has few, and others need them.
_callers = threading.BoundedSemaphore(_AT_ONCE + 1)
# Bytes of a listing: some two hundred for each file.
_LISTING = 4 << 20
_NOBODY = "0" * 40
# A blob has a NUL in its first bytes where it is no text; git looks no further either.
_LOOKED_AT = 8000
# Whatever a repository's own configuration says.
_OURS = (
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.attributesFile=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.protectHFS=true",
    "-c",
    "core.protectNTFS=true",
)
# What git takes out of a name, or ends it with.
_CRUD = re.compile(r"[\x00-\x1f\x7f<>]")
_EDGES = " .,:;\"'\\"
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The branch that deploys (`main`, or `master` where that is pushed); no commit before the first one."""

    ref: str
    commit: str | None
    entries: tuple[Entry, ...]

    @property
    def branch(self) -> str:
        return self.ref.removeprefix("refs/heads/")

    def find(self, path: str) -> Entry:
        """Raises NotFound."""
        for entry in self.entries:
            if entry.path == path:
                return entry
        raise NotFound("file")


def look(context: Context, actor: Actor, app_name: str) -> Tree:
    """What there is; raises NotFound, Forbidden, InvalidParams for a tree that is too large to be shown."""
    app = apps.find(context, actor, app_name, "code:read")
    return _run(_tree(repository.of_app(context.settings, app)))


def has_code(context: Context, actor: Actor, app_name: str) -> bool:
    """Whether there is a first commit."""
    app = apps.find(context, actor, app_name, "code:read")
    return _run(_head(repository.of_app(context.settings, app)))[1] is not None


def read(context: Context, actor: Actor, app_name: str, path: str) -> tuple[Tree, Entry, bytes | None]:
    """A file as it is now; no content where it is larger than an editor takes, or none. Raises NotFound, Forbidden."""
    app = apps.find(context, actor, app_name, "code:read")
    return _run(_read(repository.of_app(context.settings, app), path))


def is_text(content: bytes) -> bool:
    """Whether an editor can show it without changing it."""
    if b"\0" in content[:_LOOKED_AT]:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def commit(
    context: Context, actor: Actor, app_name: str, *, base: str | None, message: str, changes: Sequence[Change]
) -> str:
    """Commit on top of `base`, as which the editor has read the branch; returns the new commit.

    Raises Conflict when the branch is elsewhere by now or a push is under way: nothing has changed then. InvalidParams
    for what cannot be committed.
    """
    app = apps.find(context, actor, app_name, "code:push")
    text = source_tree.check_message(message)
    with _claimed(context, app, "commit"):
        made = _run(_commit(context, app, actor.account, base, text, changes))
    repositories.pushed(context, app.id, repository.of_app(context.settings, app).size())
    return made


def begin(context: Context, actor: Actor, app_name: str, files: Mapping[str, tuple[str, bytes]], message: str) -> str:
    """The first commit of an app that has none; `files` are path → mode and content. Raises Conflict."""
    app = apps.find(context, actor, app_name, "code:push")
    placed = [Placed(path=path, mode=mode, text=content) for path, (mode, content) in files.items()]
    with _claimed(context, app, "commit"):
        made = _run(_begin(context, app, actor.account, message, placed))
    repositories.pushed(context, app.id, repository.of_app(context.settings, app).size())
    return made


def deploy(context: Context, actor: Actor, app_name: str) -> Build:
    """Build the head of the branch that deploys, as a push of it would; raises Conflict while something else builds."""
    app = apps.find(context, actor, app_name, "code:push")
    with _claimed(context, app, "deploy"):
        return _run(_deploy(context, actor, app))


def _run(work: Coroutine[Any, Any, T]) -> T:
    """In a thread of few, when it is its turn: those of the API are few as well. Raises RateLimited."""
    if not _callers.acquire(blocking=False):
        work.close()
        raise RateLimited("cannot read the repository now: many others do; try again in a moment")
    try:
        running = _workers.submit(lambda: asyncio.run(_bounded(work)))
        try:
            return running.result(_TURN)
        except TimeoutError:
            if running.cancel():
                work.close()
                raise RateLimited("cannot read the repository now: many others do; try again in a moment") from None
        try:
            return running.result()
        except TimeoutError:
            raise GitFailure("cannot go on: git took too long; try again, or use git itself") from None
    finally:
        _callers.release()


async def _bounded(work: Coroutine[Any, Any, T]) -> T:
    async with asyncio.timeout(_LONGEST):
        return await work


@contextmanager
def _claimed(context: Context, app: App, verb: str) -> Iterator[None]:
    refusal = (
        f"cannot {verb} now: a push to {app.name} is not over yet, or somebody else commits; try again in a moment"
    )
    with claims.held(context.settings, app, refusal):
        yield


async def _git(found: Repository, *words: str, index: str | None = None, **options: Any) -> bytes:
    if index is not None:
        found = _Indexed(path=found.path, uid=found.uid, config=found.config, index=index)
    return await found.output(*_OURS, *words, **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Indexed(Repository):
    """A repository with an index, which bare ones have none of; `more` are its git's further variables."""

    index: str

    def environment(self, **more: str) -> dict[str, str]:
        return Repository.environment(self, GIT_INDEX_FILE=self.index, **more)


async def _head(found: Repository) -> tuple[str, str | None]:
    """The ref that deploys, and its commit."""
    ref = branches.DEPLOYS[0]
    if not (found.path / "HEAD").exists():
        return ref, None
    head = found.head()
    ref = head if head in branches.DEPLOYS else ref
    printed = await _git(found, "for-each-ref", "--format=%(objectname) %(refname)", *branches.DEPLOYS)
    commits = {name: sha for sha, _, name in (line.partition(" ") for line in printed.decode().splitlines())}
    if ref not in commits and commits:
        ref = next(iter(commits))
    return ref, commits.get(ref)


async def _tree(found: Repository) -> Tree:
    ref, head = await _head(found)
    return Tree(ref=ref, commit=head, entries=await _entries(found, head) if head else ())


async def _entries(found: Repository, commit: str) -> tuple[Entry, ...]:
    try:
        printed = await _git(found, "ls-tree", "-r", "-l", "-z", "--full-tree", commit, limit=_LISTING)
    except GitFailure as error:
        if "printed more than" in error.message:
            raise _too_many() from None
        raise
    entries = tuple(_entry(line) for line in printed.split(b"\0") if line)
    if len(entries) > source_tree.MOST_FILES:
        raise _too_many()
    return entries


def _too_many() -> InvalidParams:
    return InvalidParams(
        f"cannot show this repository: it has more than {source_tree.MOST_FILES:,} files; clone it with git instead"
    )


def _entry(line: bytes) -> Entry:
    words, _, path = line.partition(b"\t")
    mode, _, blob, size = words.decode().split()
    # A name that is no Unicode is shown as well as it can be: no path that somebody sends is equal to it.
    name = path.decode("utf-8", "backslashreplace")
    return Entry(path=name, mode=mode, blob=blob, size=int(size) if size.isdecimal() else 0)


async def _read(found: Repository, path: str) -> tuple[Tree, Entry, bytes | None]:
    tree = await _tree(found)
    entry = tree.find(path)
    if entry.kind is Kind.SUBMODULE or entry.size > source_tree.EDITED:
        return tree, entry, None
    return tree, entry, await _git(found, "cat-file", "blob", entry.blob, limit=source_tree.EDITED)


async def _commit(
    context: Context, app: App, author: Account, base: str | None, message: str, changes: Sequence[Change]
) -> str:
    found = await repository.made(context.settings, app)
    tree = await _tree(found)
    if tree.commit != base:
        raise _moved(tree.branch)
    return await _place(found, tree, author, message, source_tree.plan(tree.entries, changes))


async def _begin(context: Context, app: App, author: Account, message: str, placed: Sequence[Placed]) -> str:
    found = await repository.made(context.settings, app)
    tree = await _tree(found)
    if tree.commit is not None:
        raise Conflict(f"cannot put a template into {app.name}: there is code in it already")
    return await _place(found, tree, author, message, placed)


def _moved(branch: str) -> Conflict:
    return Conflict(
        f"cannot commit: {branch} has moved since you began, somebody has pushed or committed. Your edits are kept in this "
        "browser: reload the page, look at them on top of what is new, and commit again"
    )


async def _place(found: Repository, tree: Tree, author: Account, message: str, placed: Sequence[Placed]) -> str:
    """The commit's objects, then the step of the branch. The caller has the claim, so the index is nobody else's."""
    index = found.path / "celadon-index"
    try:
        # One that somebody left who was killed here.
        _remove_index(found)
        if tree.commit:
            await _git(found, "read-tree", tree.commit, index=str(index))
        await _git(found, "update-index", "-z", "--index-info", asked=await _lines(found, placed), index=str(index))
        root = (await _git(found, "write-tree", index=str(index))).decode().strip()
    finally:
        _remove_index(found)
    _check(await _entries(found, root), placed)
    if tree.commit and root == (await _git(found, "rev-parse", f"{tree.commit}^{{tree}}")).decode().strip():
        raise InvalidParams("cannot commit: every file is as it was")
    parents = ("-p", tree.commit) if tree.commit else ()
    person = _Author(path=found.path, uid=found.uid, config=found.config, name=_name(author), email=_email(author))
    printed = await _git(person, "commit-tree", root, *parents, "-F", "-", asked=message.encode())
    made = printed.decode().strip()
    assert _SHA.fullmatch(made), "git prints the name of what it has made"
    await _move(found, tree, made)
    return made


def _check(entries: Sequence[Entry], placed: Sequence[Placed]) -> None:
    """The tree has what was asked for: a path that git does not take into an index it leaves out without an error."""
    made = {entry.path: entry.mode for entry in entries}
    for one in placed:
        if made.get(one.path) != (None if one.goes else one.mode):
            raise InvalidParams(f"cannot commit: git does not take the path {one.path[:200]!a}")


async def _move(found: Repository, tree: Tree, made: str) -> None:
    try:
        await _git(found, "update-ref", tree.ref, made, tree.commit or _NOBODY)
    except GitFailure:
        if (await _head(found))[1] == tree.commit:
            raise
        raise _moved(tree.branch) from None
    if found.head() != tree.ref:
        # Clones check out what deploys.
        await _git(found, "symbolic-ref", "HEAD", tree.ref)


async def _lines(found: Repository, placed: Sequence[Placed]) -> bytes:
    """What goes into the index, as `update-index --index-info` reads it: mode 0 takes a path out."""
    lines = []
    for one in placed:
        blob = one.blob
        if one.text is not None:
            blob = (await _git(found, "hash-object", "-w", "--no-filters", "--stdin", asked=one.text)).decode().strip()
        lines.append(f"{'0' if one.goes else one.mode} {blob or _NOBODY}\t{one.path}\0".encode())
    return b"".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Author(Repository):
    """A repository in which somebody commits."""

    name: str
    email: str

    def environment(self, **more: str) -> dict[str, str]:
        roles = ("AUTHOR", "COMMITTER")
        person = {
            f"GIT_{role}_{what}": text for role in roles for what, text in (("NAME", self.name), ("EMAIL", self.email))
        }
        return Repository.environment(self, **person, **more)


def _name(author: Account) -> str:
    return _CRUD.sub("", author.name or "").strip(_EDGES) or _email(author)


def _email(author: Account) -> str:
    return _CRUD.sub("", author.email).strip(_EDGES) or "nobody"


def _remove_index(found: Repository) -> None:
    for name in ("celadon-index", "celadon-index.lock"):
        (found.path / name).unlink(missing_ok=True)


async def _deploy(context: Context, actor: Actor, app: App) -> Build:
    found = repository.of_app(context.settings, app)
    ref, head = await _head(found)
    if head is None:
        raise InvalidParams(f"cannot deploy {app.name}: there is no code in it yet; commit or push some first")
    return await acceptance.accept(context, actor, app, found, Update(old=head, new=head, ref=ref), {})
