"""What a git client asks of a door: push to or fetch from one app's repository. Everything else is refused here."""

import re
from dataclasses import dataclass
from enum import StrEnum

from celadon.model.errors import BadRequest, NotFound

# What a client with Git LFS is told; it shows it as it is. Nothing of LFS is kept here.
NO_LFS = (
    "cannot take Git LFS files: this platform keeps none, and a build would find pointers in their place. Put the files into git "
    "itself (git lfs migrate export --include='*' --everything, then git lfs uninstall), or push without them "
    "(GIT_LFS_SKIP_PUSH=1 git push) and have a buildpack fetch them"
)


class Service(StrEnum):
    """The two programs a client may speak to, in git's own words."""

    RECEIVE_PACK = "git-receive-pack"
    UPLOAD_PACK = "git-upload-pack"

    @property
    def permission(self) -> str:
        return "code:push" if self is Service.RECEIVE_PACK else "code:read"

    @property
    def subcommand(self) -> str:
        """As a word after `git`."""
        return self.removeprefix("git-")


@dataclass(frozen=True, slots=True)
class Request:
    service: Service
    app_name: str


# `git-upload-pack '/app.git'` is what git sends; its newer spelling has a blank, and by hand one leaves the quotes away.
_COMMAND = re.compile(r"git[ -](?P<service>[a-z-]+)(?: +(?P<argument>.*))?", re.DOTALL)
_NAME = r"[a-z][a-z0-9-]{1,28}[a-z0-9]"
_PATH = re.compile(rf"/?(?P<name>{_NAME})\.git/?")
_SERVICE_PATH = re.compile(r"/(?P<repository>[^/]+\.git)(?P<rest>/.*)?", re.DOTALL)
_LONGEST = 200
_PROTOCOL = re.compile(r"version=[012]")


def of_command(command: str) -> Request:
    """The request in a command line that came over SSH; no shell ever sees it.

    Raises BadRequest for another command than git's two, NotFound for a path that cannot be a repository.
    """
    if command.startswith("git-lfs-"):
        raise BadRequest(NO_LFS)
    found = _COMMAND.fullmatch(command[: _LONGEST + 1])
    service = f"git-{found['service']}" if found else ""
    if found is None or service not in set(Service) or len(command) > _LONGEST:
        raise BadRequest("cannot run that command: this door is for git push, fetch and clone only")
    argument = found["argument"] or ""
    quoted = len(argument) > 2 and argument[0] == argument[-1] == "'"
    return Request(Service(service), app_name(argument[1:-1] if quoted else argument))


def app_name(path: str) -> str:
    """The app of a repository path such as `/app.git`; raises NotFound."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise NotFound("app", "Couldn't find that app: the path of its repository is /APP.git, with nothing around it.")
    return found["name"]


def is_lfs(rest: str) -> bool:
    """Whether what follows the repository in a URL's path is what Git LFS asks for."""
    return rest.startswith("/info/lfs/")


def split_path(path: str) -> tuple[str, str]:
    """A URL's path as app name and what follows the repository, as in `/info/refs`; raises NotFound."""
    found = _SERVICE_PATH.fullmatch(path)
    if found is None:
        raise NotFound("app")
    return app_name(found["repository"]), found["rest"] or ""


def protocol(wanted: str | None) -> str | None:
    """The version of git's protocol that the client asks for, if it is one git knows (`version=2`)."""
    return wanted if wanted and _PROTOCOL.fullmatch(wanted) else None
