"""Repositories on disk: one bare repository per app, owned by the app's uid; every git program runs as that uid.

What git is told stands in one file of ours that only root writes, `git/config` in home, and holds for all repositories.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from celadon.git import pre_receive, program
from celadon.model.app import App
from celadon.model.errors import CeladonError
from celadon.platform.settings import Settings
from celadon.store.blobs import Blobs

PATH = "/usr/bin:/bin"

# Old histories have these in commits that nobody can change any more; none of them harms a checkout.
_TOLERATED = (
    "badDateOverflow badEmail badFilemode badName badTimezone missingEmail missingNameBeforeEmail "
    "missingSpaceBeforeDate missingSpaceBeforeEmail missingTaggerEntry multipleAuthors zeroPaddedDate zeroPaddedFilemode"
).split()

_CONFIG = """# Written by the git role; changes made here are lost.
[core]
	hooksPath = {hooks}
	bigFileThreshold = 32m
	packedGitLimit = 256m
	logAllRefUpdates = false
[init]
	defaultBranch = main
[transfer]
	fsckObjects = true
[receive]
	maxInputSize = {limit}
	autogc = false
	advertisePushOptions = false
	updateServerInfo = false
	denyCurrentBranch = ignore
[receive "fsck"]
{tolerated}
[uploadpack]
	allowAnySHA1InWant = false
	allowFilter = false
[pack]
	threads = 1
	windowMemory = 64m
	deltaCacheSize = 32m
[gc]
	auto = 0
	autoDetach = false
[protocol]
	allow = never
[tar]
	umask = 0022
"""

# A build starts from what a checkout would hold: attributes that thin out or rewrite an archive do not count.
_ATTRIBUTES = "* -export-ignore -export-subst\n"


class GitFailure(CeladonError):
    """A git program of ours ended with an error; the message has its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One app's repository; `uid` owns it and is who git runs as."""

    path: Path
    uid: int
    config: Path

    def argv(self, *words: str) -> list[str]:
        """A git command line that runs as the app's uid, without any right beyond it."""
        return [*as_user_argv(self.uid), "git", *words]

    def environment(self, **more: str) -> dict[str, str]:
        """All that git and the hook see: nothing of ours."""
        return {
            "PATH": PATH,
            "HOME": "/nonexistent",
            "LANG": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.config),
            "GIT_TERMINAL_PROMPT": "0",
            # A pushed `refs/replace/…` must not change what a commit's name stands for.
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            **more,
        }

    async def output(
        self, *words: str, asked: bytes = b"", limit: int = 1 << 20, quarantine: Mapping[str, str] | None = None
    ) -> bytes:
        """What `git …` in this repository prints, given `asked` on its input; raises GitFailure, also beyond `limit`."""
        argv = self.argv(f"--git-dir={self.path}", *words)
        environment = self.environment(**(quarantine or {}))
        status, printed, said = await program.run(argv, environment, asked=asked, limit=limit)
        if len(printed) > limit:
            raise GitFailure(f"cannot run git {words[0]}: it printed more than {limit:,} bytes")
        if status:
            raise GitFailure(f"cannot run git {words[0]}: {last_words(said) or f'it ended with status {status}'}")
        return printed

    def head(self) -> str:
        """The ref that a clone checks out, as `refs/heads/main`."""
        return (self.path / "HEAD").read_text("ascii", errors="replace").strip().removeprefix("ref: ")

    def size(self) -> int:
        """Bytes of all objects."""
        total = 0
        for directory, _, names in os.walk(self.path / "objects"):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    total += os.lstat(os.path.join(directory, name)).st_size  # noqa: PTH118
        return total

    async def pack(self, begun: Callable[[int], None]) -> None:
        """Pack it and drop what nothing has led to for two weeks; pushes and fetches go on meanwhile. Raises GitFailure.

        `begun` is told the program's id. The disk is for others first, where the kernel knows such a thing.
        """
        argv = ["/usr/bin/ionice", "--class", "3", "--ignore", *self.argv(f"--git-dir={self.path}", "gc", "--quiet")]
        status, _, said = await program.run(argv, self.environment(), begun=begun)
        if status:
            raise GitFailure(f"cannot pack the repository: {last_words(said) or f'status {status}'}")


def as_user_argv(uid: int) -> list[str]:
    """What to put before a command line so that it runs as this uid and group, and can never be more."""
    drop = ["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
    return ["/usr/bin/setpriv", f"--reuid={uid}", f"--regid={uid}", *drop]


def last_words(said: bytes) -> str:
    """The last line of what a program wrote to its error output."""
    lines = said.decode("utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300].removeprefix("fatal: ").removeprefix("error: ") if lines else ""


def prepare(settings: Settings) -> None:
    """Write what all repositories share: git's configuration, the hook, the template of a new one."""
    root = settings.home / "git"
    hooks, template = root / "hooks", root / "template"
    root.mkdir(mode=0o711, exist_ok=True)
    for directory in (hooks, template, template / "info"):
        directory.mkdir(mode=0o755, exist_ok=True)
    tolerated = "\n".join(f"\t{name} = ignore" for name in _TOLERATED)
    config = _CONFIG.format(hooks=hooks, limit=settings.source_limit, tolerated=tolerated)
    _write(root / "config", config, 0o644)
    _write(template / "info" / "attributes", _ATTRIBUTES, 0o644)
    _write(hooks / "pre-receive", Path(pre_receive.__file__).read_text("utf-8"), 0o755)


def of_app(settings: Settings, app: App) -> Repository:
    """The repository of an app; it need not be there yet."""
    return Repository(
        path=Blobs(settings.home).repository(app.id),
        uid=settings.uid_base + app.number,
        config=settings.home / "git" / "config",
    )


async def made(settings: Settings, app: App) -> Repository:
    """The repository of an app, made on first use; raises GitFailure."""
    repository = of_app(settings, app)
    if not (repository.path / "HEAD").exists():
        await _make(repository)
    return repository


async def _make(repository: Repository) -> None:
    """Make it beside its place and move it there: half a repository is never seen."""
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=repository.path.parent))
    try:
        os.chown(partial, repository.uid, repository.uid)
        template = repository.config.parent / "template"
        unborn = Repository(path=partial, uid=repository.uid, config=repository.config)
        await unborn.output("init", "--bare", "--quiet", f"--template={template}")
        # Where another push has made it meanwhile, this fails and that one is as good.
        with contextlib.suppress(OSError):
            partial.rename(repository.path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if not (repository.path / "HEAD").exists():
        raise GitFailure("cannot make the app's repository: its directory is in use for something else")


def _write(path: Path, text: str, mode: int) -> None:
    """Replace a file in one step: a git that runs sees the old one or the new one."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, "utf-8")
    partial.chmod(mode)
    partial.rename(path)
