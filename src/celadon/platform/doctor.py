"""What `celadon doctor` looks at: everything a platform needs of its machine, each with the command that mends it."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from celadon.model.check import Check, numbers
from celadon.platform import containers, images, instances, options, ports, recipes, supervise
from celadon.platform.settings import DEFAULT_HOME, Settings
from celadon.runtime import cgroups, protocol

# Program → the Debian package that has it, and the oldest version that is known to work (empty: any).
PROGRAMS = {
    "git": ("git", "2.30"),
    "crun": ("crun", "1.8"),
    "conmon": ("conmon", "2.1"),
    "catatonit": ("catatonit", ""),
    "nft": ("nftables", ""),
    "ip": ("iproute2", ""),
    "mmdebstrap": ("mmdebstrap", ""),
    "mkfs.ext4": ("e2fsprogs", ""),
    "mksquashfs": ("squashfs-tools", ""),
    "runsvdir": ("runit", ""),
    "svlogd": ("runit", ""),
}

# Below these, builds and images fail in odd places.
MIN_DISK = 5 << 30
MIN_MEMORY = 1 << 30

_CONTROLLERS = ("memory", "cpu", "pids")
_UNKNOWN_VERSION = "present"


def doctor(settings: Settings) -> list[Check]:
    """Look at everything; changes nothing."""
    return [
        *_programs(),
        _python(),
        _cgroups(),
        *_kernel(settings),
        *_resources(settings),
        *_images(settings),
        *_ports(settings),
        _roles(settings),
    ]


def _programs() -> Iterator[Check]:
    for program, (package, oldest) in PROGRAMS.items():
        path = shutil.which(program, path=supervise.PATH)
        if path is None:
            yield Check(name=program, ok=False, detail="missing", remedy=f"apt-get install {package}")
            continue
        version = _version(path, program) if oldest else _UNKNOWN_VERSION
        recent = not oldest or numbers(version) >= numbers(oldest)
        detail = version if recent else f"{version}, {oldest} or newer is needed"
        yield Check(name=program, ok=recent, detail=detail, remedy="" if recent else f"apt-get install {package}")


def _python() -> Check:
    version = platform.python_version()
    return Check(name="python", ok=True, detail=version)


def _cgroups() -> Check:
    try:
        kind = cgroups.hierarchy()
    except protocol.RuntimeFailure as failure:
        return Check(name="cgroups", ok=False, detail=str(failure), remedy="mount -t cgroup2 none /sys/fs/cgroup")
    listed = Path("/proc/cgroups").read_text("ascii").splitlines()[1:]
    enabled = {line.split()[0] for line in listed if line.split()[3] == "1"}
    missing = [name for name in _CONTROLLERS if name not in enabled]
    if missing:
        detail = f"{kind}, without {', '.join(missing)}"
        remedy = "add cgroup_enable=memory to the kernel's command line (/etc/default/grub), update-grub, reboot"
        return Check(name="cgroups", ok=False, detail=detail, remedy=remedy)
    return Check(name="cgroups", ok=True, detail=str(kind))


def _kernel(settings: Settings) -> Iterator[Check]:
    loops = Path("/dev/loop-control").exists()
    yield Check(
        name="loop devices",
        ok=loops,
        detail="present" if loops else "missing: slugs are unpacked, which is slower",
        remedy="" if loops else "modprobe loop",
    )
    systems = Path("/proc/filesystems").read_text("ascii").split()
    for name in ("overlay", "squashfs"):
        there = name in systems
        yield Check(
            name=name, ok=there, detail="present" if there else "missing", remedy="" if there else f"modprobe {name}"
        )
    filtered = _flag("net/bridge/bridge-nf-call-iptables")
    # Only a note: the network works with both, but another engine's iptables rules then see our packets too.
    yield Check(name="bridge netfilter", ok=True, detail={None: "not loaded", True: "on", False: "off"}[filtered])
    forwards = bool(_flag("net/ipv4/ip_forward"))
    needed = supervise.running(settings)
    yield Check(
        name="ip_forward",
        ok=forwards or not needed,
        detail="on" if forwards else "off" + ("" if needed else " (bin/up turns it on)"),
        remedy="sysctl -w net.ipv4.ip_forward=1" if needed and not forwards else "",
    )


def _resources(settings: Settings) -> Iterator[Check]:
    for name, directory in (("disk of home", settings.home), ("disk of images", settings.images)):
        free = shutil.disk_usage(_existing(directory)).free
        remedy = "" if free >= MIN_DISK else f"free some space: du -xhd1 {_mount_point(directory)} | sort -h"
        yield Check(
            name=name, ok=free >= MIN_DISK, detail=f"{free / (1 << 30):.1f} GiB free in {directory}", remedy=remedy
        )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    enough = memory >= MIN_MEMORY
    remedy = "" if enough else "give this machine 1 GiB of memory or more"
    yield Check(name="memory", ok=enough, detail=f"{memory / (1 << 30):.1f} GiB", remedy=remedy)


def _images(settings: Settings) -> Iterator[Check]:
    for name in recipes.RECIPES:
        there = images.present(settings, name)
        detail = str(images.path(settings, name)) if there else "not built"
        yield Check(name=f"image {name}", ok=there, detail=detail, remedy="" if there else _bin_up(settings))


def _ports(settings: Settings) -> Iterator[Check]:
    ours = {*supervise.pids(settings).values(), *containers.engines(settings).values()}
    for name in options.PORTS:
        port = getattr(settings, name)
        title = f"{name.removesuffix('_port')} port {port}"
        holder = ports.holder(port)
        if holder is None or holder.pid in ours or f"{settings.cgroup}/" in holder.cgroups:
            yield Check(name=title, ok=True, detail="ours" if holder else "free")
            continue
        flag = f"--{name.replace('_', '-')}"
        remedy = f"stop it, or {_bin_up(settings)} {flag} ANOTHER"
        yield Check(name=title, ok=False, detail=f"in use by {holder.name} (process {holder.pid})", remedy=remedy)


def _roles(settings: Settings) -> Check:
    if not supervise.running(settings):
        return Check(name="roles", ok=False, detail="the platform is down", remedy=_bin_up(settings))
    running = supervise.pids(settings)
    missing = [role for role in supervise.roles(settings) if role not in running]
    if missing:
        look = f"tail {settings.home}/log/{missing[0]}/current"
        return Check(name="roles", ok=False, detail=f"down: {', '.join(missing)}", remedy=look)
    number = instances.taken().get(settings.instance)
    detail = f"{len(running)} run, instance {settings.instance}"
    return Check(name="roles", ok=True, detail=detail if number else f"{detail} (not recorded)")


def _version(path: str, program: str) -> str:
    try:
        finished = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return _UNKNOWN_VERSION
    words = (finished.stdout or finished.stderr).split()
    return next((word for word in words if word[:1].isdigit()), f"{program} of an unknown version")


def _flag(name: str) -> bool | None:
    try:
        return Path("/proc/sys", name).read_text("ascii").strip() != "0"
    except OSError:
        return None


def _existing(directory: Path) -> Path:
    return next(path for path in (directory, *directory.parents) if path.is_dir())


def _mount_point(directory: Path) -> Path:
    path = _existing(directory)
    return next(parent for parent in (path, *path.parents) if parent.is_mount())


def _bin_up(settings: Settings) -> str:
    return "bin/up" if settings.home == DEFAULT_HOME else f"bin/up --home {settings.home}"
