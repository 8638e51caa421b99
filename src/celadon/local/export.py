"""Files by which the system's init runs the entries of a Procfile.

honcho's exporters say which files there are; what is in them are templates of ours, which quote every value by the
rules of its format (`quoting.py`). inittab and bluepill honcho has not. What an export before this one has left is the
business of `earlier.py`.
"""

import importlib
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from honcho.environ import ProcessParams
from honcho.export import base as honcho_export

from celadon.cli.failure import Failure, UsageFailure
from celadon.local import earlier, place, quoting
from celadon.local.formation import Entry

FORMATS = ("bluepill", "inittab", "runit", "supervisord", "systemd", "upstart")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
# A path is written into all of the formats, most of which have some character of their own.
_PATH = re.compile(r"/[^\x00-\x1f\x7f\"'\\;#$]*(?<! )")
_MOST_INITTAB = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the app is called, where its files are, who runs it; `log` is the directory of its output, if named."""

    app: str
    root: Path
    user: str
    log: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """The files that were written, those of an earlier export that were removed, and what may be of one and is left."""

    written: list[Path]
    removed: list[Path]
    left: list[Path]


class Bluepill(honcho_export.BaseExport):
    def render(self, processes: Sequence[Any], context: dict[str, Any]) -> Iterator[Any]:
        content = self.get_template("application.pill").render({**context, "processes": processes})
        yield honcho_export.File(f"{context['app']}.pill", content)


class Inittab(honcho_export.BaseExport):
    """A line of it has room for little, and everybody sees what stands there: a script of each entry has the rest."""

    def render(self, processes: Sequence[Any], context: dict[str, Any]) -> Iterator[Any]:
        if len(processes) > _MOST_INITTAB:
            raise Failure(
                f"cannot export to inittab: it names at most {_MOST_INITTAB} entries, there are {len(processes)}"
            )
        scripts = []
        for process in processes:
            name = f"{context['app']}-{honcho_export.dashrepl(process.name)}"
            scripts.append(f"{context['location']}/{name}")
            content = self.get_template("process").render({**context, "process": process})
            yield honcho_export.File(name, content, executable=True)
        yield honcho_export.File("inittab", self.get_template("inittab").render({**context, "scripts": scripts}))


def render(format: str, entries: Sequence[Entry], plan: Plan, location: Path) -> dict[str, tuple[str, bool]]:
    """Names below `location`, what is in the files, and whether they are programs; raises Failure, UsageFailure."""
    if format not in FORMATS:
        raise UsageFailure(f"{format} is no format to export to: there are {', '.join(FORMATS)}.")
    _check(plan, location)
    context = {
        "app": plan.app,
        "app_root": str(plan.root),
        "user": plan.user,
        "log": plan.log or f"/var/log/{plan.app}",
        "log_given": plan.log is not None,
        "location": str(location),
    }
    exporter = _exporter(format)(template_env=_templates(format))
    files: dict[str, tuple[str, bool]] = {}
    for file in exporter.render([_params(entry, format) for entry in entries], context):
        if file.name in files:
            raise Failure(f"cannot export to {format}: two entries of the Procfile would share the file {file.name}")
        files[file.name] = (_marked(format, plan.app, file.name, file.content, files), file.executable)
    return files


def _marked(format: str, app: str, name: str, content: str, before: Collection[str]) -> str:
    """With the mark of an export, where it has room and the file may be one of an entry that goes."""
    directory, _, last = name.rpartition("/")
    if directory.endswith("/env") or name == "inittab":
        return content
    # honcho gives the variables before the program.
    variables = [other.rpartition("/")[2] for other in before if other.startswith(f"{directory}/env/")]
    return earlier.marked(format, app, content, variables if last == "run" else ())


def write(format: str, entries: Sequence[Entry], plan: Plan, location: Path) -> Export:
    """Write the files, for their owner's eyes alone: they have the values of `.env`. Then take away what an export before
    this one wrote for entries and variables that are no more. Raises Failure.
    """
    location = _absolute(location)
    files = render(format, entries, plan, location)
    before = earlier.written(format, plan.app, location)
    written = [
        place.write(location, name, content.encode(), mode=0o700 if program else 0o600)
        for name, (content, program) in files.items()
    ]
    removed = earlier.remove(before.difference(written), location)
    return Export(written=written, removed=removed, left=earlier.left_over(format, plan.app, location, written))


def _absolute(location: Path) -> Path:
    return Path(os.path.abspath(location))  # noqa: PTH100


def _exporter(format: str) -> Any:
    own = {"bluepill": Bluepill, "inittab": Inittab}
    return own.get(format) or importlib.import_module(f"honcho.export.{format}").Export


def _params(entry: Entry, format: str) -> ProcessParams:
    env: Mapping[str, str] = entry.env
    if format == "runit":
        # honcho writes these as the files of an envdir.
        env = {name: quoting.runit_value(value, name) for name, value in env.items()}
    return ProcessParams(entry.name, entry.command, False, env)


def _templates(format: str) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("celadon.local", f"templates/{format}"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    made.filters |= {
        "shellquote": honcho_export.shlex.quote,
        "dashrepl": honcho_export.dashrepl,
        "percentescape": honcho_export.percentescape,
        "rubyquote": quoting.rubyquote,
        "systemd_word": quoting.systemd_word,
        "systemd_argument": quoting.systemd_argument,
        "supervisord_argument": quoting.supervisord_argument,
        "supervisord_value": quoting.supervisord_value,
        "upstart_line": quoting.upstart_line,
    }
    return made


def _check(plan: Plan, location: Path) -> None:
    if not _NAME.fullmatch(plan.app):
        raise Failure(f"{plan.app!r} cannot be what the app is called: use letters, digits, `_` and `-`")
    if not _USER.fullmatch(plan.user):
        raise Failure(f"{plan.user!r} cannot be a user of the system")
    for path in (str(plan.root), plan.log or "/", str(location)):
        if not _PATH.fullmatch(path):
            raise Failure(
                f"cannot export with the directory {path!r}: begin at /, without quotes, `\\`, `;`, `#` and `$`"
            )
