"""Short names of buildpacks as this platform has them: its own folders, the operator's, and the lists of both.

They are read each time, so that what the operator changes holds from the next request and the next build on.
"""

import tomllib
from pathlib import Path

from celadon.model import buildpack
from celadon.model.errors import InvalidParams

# The platform's own, beside the source.
OURS = Path(__file__).resolve().parents[3] / "buildpacks"


def folders(home: Path) -> dict[str, Path]:
    """Name → directory of every buildpack that is here: the platform's own, and the operator's in `home/buildpacks`."""
    found: dict[str, Path] = {}
    for root in (home / "buildpacks", OURS):
        if root.is_dir():
            found |= {path.name: path for path in sorted(root.iterdir()) if (path / "bin" / "compile").is_file()}
    return found


def known(home: Path) -> dict[str, str]:
    """Every short name → folder or URL; raises InvalidParams when the operator's list cannot be read."""
    return buildpack.names(folders(home), _read(OURS / "names.toml"), _read(home / "buildpacks.toml"))


def _read(path: Path) -> dict[str, str]:
    try:
        return buildpack.checked_list(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidParams(
            f"cannot look up buildpacks: the platform's list of names, {path}, cannot be read: {error}; its operator can mend it"
        ) from None
