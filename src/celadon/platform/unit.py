"""The systemd unit that starts a platform's tree at boot, where systemd runs."""

import contextlib
import subprocess
from pathlib import Path

from celadon.platform import supervise
from celadon.platform.failure import PlatformFailure
from celadon.platform.settings import DEFAULT_HOME, Settings

DIRECTORY = Path("/etc/systemd/system")
_RUNS = Path("/run/systemd/system")

# KillMode=process: dynos belong to nobody's process, stopping the roles leaves them alone. SIGHUP makes runsvdir end
# the roles in order and end with 111. RuntimeDirectoryPreserve: slugs are mounted below it.
_UNIT = """[Unit]
Description=Celadon platform in {home}
After=network-online.target local-fs.target
Wants=network-online.target

[Service]
ExecStart={program} {arguments}
Environment=PATH={path} LANG=C.UTF-8 HOME=/root
KillMode=process
KillSignal=SIGHUP
SuccessExitStatus=111
TimeoutStopSec=30
Restart=always
RestartSec=1
RuntimeDirectory={name}
RuntimeDirectoryMode=0711
RuntimeDirectoryPreserve=yes
LimitNOFILE=65536
TasksMax=infinity
Delegate=yes

[Install]
WantedBy=multi-user.target
"""


def name(settings: Settings) -> str:
    """`celadon.service` for the default home, `celadon-<instance>.service` for others."""
    return "celadon.service" if settings.home == DEFAULT_HOME else f"celadon-{settings.instance}.service"


def text(settings: Settings, program: str = "/usr/bin/runsvdir") -> str:
    """The unit file. A % in a path is systemd's own sign and is doubled."""
    _, *arguments = supervise.supervisor_argv(settings)
    return _UNIT.format(
        home=_escaped(str(settings.home)),
        program=program,
        arguments=" ".join(_quoted(argument) for argument in arguments),
        path=supervise.PATH,
        name=settings.name,
    )


def systemd_runs() -> bool:
    return _RUNS.is_dir()


def install(settings: Settings) -> str:
    """Write, enable and start the unit where systemd runs; returns its name, empty where it does not."""
    if not systemd_runs():
        return ""
    path = DIRECTORY / name(settings)
    wanted = text(settings)
    if not path.is_file() or path.read_text("utf-8") != wanted:
        path.write_text(wanted, "utf-8")
        _systemctl("daemon-reload")
        _systemctl("enable", path.name)
    return path.name


def start(settings: Settings) -> None:
    _systemctl("start", name(settings))


def stop(settings: Settings) -> None:
    """Stop the unit when systemd runs it; otherwise nothing."""
    if systemd_runs() and (DIRECTORY / name(settings)).is_file():
        _systemctl("stop", name(settings))


def remove(settings: Settings) -> None:
    path = DIRECTORY / name(settings)
    if not path.is_file():
        return
    if systemd_runs():
        _systemctl("disable", path.name)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    if systemd_runs():
        _systemctl("daemon-reload")


def _systemctl(*arguments: str) -> None:
    finished = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
    if finished.returncode:
        raise PlatformFailure(f"cannot {arguments[0]} the systemd unit: {finished.stderr.strip()}")


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(argument: str) -> str:
    escaped = _escaped(argument).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"'
