"""From a ContainerSpec to an OCI bundle's config.json: pure, so that a whole container can be tested as one value."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from celadon.runtime import protocol

INIT = "/dev/init"
# Namespaces every container has; the network's is left out for engines on the host's network.
_NAMESPACES = ("pid", "ipc", "uts", "mount", "cgroup")
_DEVICE_SIZE = "65536k"
_SHARED_MEMORY = "65536k"
_TEMPORARY = 64 << 20
# What is killed first when the machine runs out of memory has the highest one; the platform's roles have none.
_OOM_SCORE, _SHELTERED = 500, 100

_MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/config.gz",
    "/proc/interrupts",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/vmallocinfo",
    # Loop devices tell the paths of all other dynos.
    "/sys/block",
    "/sys/class/block",
    "/sys/devices/virtual/block",
    "/sys/dev",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
    "/sys/kernel",
)
_READONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a bundle needs to know of the machine: how to filter calls, what the kernel has, which files to bind.

    `seccomp_bpf` (base64) is for crun, `seccomp` (OCI) for a runtime that compiles the profile itself.
    """

    cgroup: str
    init: Path
    etc: Path
    seccomp_bpf: str | None = None
    seccomp: Mapping[str, object] | None = None
    counts_swap: bool = True
    ipv6: bool = True


def config(spec: protocol.ContainerSpec, host: Host) -> dict[str, object]:
    """The whole config.json of a container."""
    found: dict[str, object] = {
        "ociVersion": "1.0.2",
        "process": {"terminal": spec.terminal, **command(spec, (INIT, "--", *spec.argv), spec.env)},
        "root": _root(spec),
        "hostname": spec.hostname,
        "mounts": _mounts(spec, host),
        "linux": _linux(spec, host),
    }
    if host.seccomp_bpf is not None:
        found["annotations"] = {"run.oci.seccomp_bpf_data": host.seccomp_bpf}
    return found


ROOT = "root"


def _root(spec: protocol.ContainerSpec) -> dict[str, object]:
    """The image itself, or what has been mounted over it to be written to."""
    if root_of(spec) is not None:
        return {"path": str(spec.bundle / ROOT), "readonly": False}
    return {"path": str(spec.root), "readonly": True}


def root_of(spec: protocol.ContainerSpec) -> protocol.Overlay | None:
    """The layer that is the container's whole root, if one is."""
    layers = (mount for mount in spec.mounts if isinstance(mount, protocol.Overlay) and mount.target == "/")
    return next(layers, None)


def command(spec: protocol.ContainerSpec, argv: tuple[str, ...], env: Mapping[str, str]) -> dict[str, object]:
    """One command with the container's user, limits and rights: its own, or one run beside it."""
    capabilities = [f"CAP_{name.upper().removeprefix('CAP_')}" for name in spec.capabilities]
    kinds = ("bounding", "effective", "inheritable", "permitted", "ambient")
    files = spec.limits.files
    found: dict[str, object] = {
        "user": {"uid": spec.uid, "gid": spec.uid, "umask": 0o022},
        "args": list(argv),
        "env": [f"{name}={value}" for name, value in env.items()],
        "cwd": spec.cwd,
        "capabilities": dict.fromkeys(kinds, capabilities),
        "rlimits": [
            {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
            {"type": "RLIMIT_NOFILE", "soft": files, "hard": files},
        ],
        "noNewPrivileges": True,
    }
    if spec.sheltered or spec.address is not None or spec.offline:
        # Dynos go before the servers of users' data, and those before HAProxy and the platform.
        found["oomScoreAdj"] = _SHELTERED if spec.sheltered else _OOM_SCORE
    return found


def _linux(spec: protocol.ContainerSpec, host: Host) -> dict[str, object]:
    memory = {"limit": spec.limits.memory}
    if host.counts_swap:
        memory["swap"] = spec.limits.swap
    namespaces = [*_NAMESPACES, *(() if spec.address is None and not spec.offline else ("network",))]
    found: dict[str, object] = {
        "cgroupsPath": host.cgroup,
        "namespaces": [{"type": name} for name in namespaces],
        "resources": {
            "memory": memory,
            "cpu": {"shares": spec.limits.cpu_shares},
            "pids": {"limit": spec.limits.pids},
            "devices": [{"allow": False, "access": "rwm"}],
        },
        "maskedPaths": list(_MASKED),
        "readonlyPaths": list(_READONLY),
    }
    if spec.address is not None:
        found["sysctl"] = _sysctl(host)
    if host.seccomp is not None:
        found["seccomp"] = dict(host.seccomp)
    return found


def _sysctl(host: Host) -> dict[str, str]:
    # No capability is needed for port 80 in a network of one's own.
    found = {"net.ipv4.ip_unprivileged_port_start": "0"}
    if host.ipv6:
        found |= {"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1"}
    return found


def _mounts(spec: protocol.ContainerSpec, host: Host) -> list[dict[str, object]]:
    plain = ("nosuid", "noexec", "nodev")
    found = [
        _mount("/proc", "proc", "proc", *plain),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "noexec", "strictatime", "mode=755", f"size={_DEVICE_SIZE}"),
        _mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
        _mount("/dev/shm", "tmpfs", "shm", *plain, "mode=1777", f"size={_SHARED_MEMORY}"),
        _mount("/dev/mqueue", "mqueue", "mqueue", *plain),
        _mount("/sys", "sysfs", "sysfs", *plain, "ro"),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", *plain, "relatime", "ro"),
        _bind(protocol.Bind(source=host.init, target=INIT)),
    ]
    found += [_bind(protocol.Bind(source=host.etc / name, target=f"/etc/{name}"), "noexec") for name in ETC_FILES]
    if all(mount.target != "/tmp" for mount in spec.mounts):
        found.append(_temporary(spec))
    return [*found, *(_of(mount) for mount in spec.mounts if mount.target != "/")]


def _temporary(spec: protocol.ContainerSpec) -> dict[str, object]:
    """/tmp is beside what the container writes anyway, on disk; a container that writes nothing gets a little memory."""
    for mount in spec.mounts:
        if isinstance(mount, protocol.Overlay):
            source = mount.scratch / TEMPORARY
            return _bind(protocol.Bind(source=source, target="/tmp", readonly=False))
    return _tmpfs(protocol.Tmpfs(target="/tmp", size=_TEMPORARY))


def _of(mount: protocol.Mount) -> dict[str, object]:
    match mount:
        case protocol.Bind():
            return _bind(mount)
        case protocol.Tmpfs():
            return _tmpfs(mount)
        case protocol.Overlay():
            return _overlay(mount)


UPPER, WORK, TEMPORARY = "upper", "work", "tmp"


def _overlay(mount: protocol.Overlay) -> dict[str, object]:
    return _mount(mount.target, "overlay", "overlay", "nosuid", "nodev", *layers(mount))


def layers(mount: protocol.Overlay) -> tuple[str, ...]:
    """What the kernel is told of an overlay."""
    return (
        f"lowerdir={':'.join(_escaped(path) for path in mount.lower)}",
        f"upperdir={_escaped(mount.scratch / UPPER)}",
        f"workdir={_escaped(mount.scratch / WORK)}",
    )


def _escaped(path: Path) -> str:
    """A path as an overlay option: blanks need nothing, but `:` and `,` separate."""
    text = str(path)
    if any(character in text for character in ":,\\"):
        raise protocol.RuntimeFailure(f"cannot mount {text}: a path with a comma, colon or backslash cannot be a layer")
    return text


def _bind(mount: protocol.Bind, *more: str) -> dict[str, object]:
    access = "ro" if mount.readonly else "rw"
    kind = "rbind" if mount.recursive else "bind"
    return _mount(mount.target, "bind", str(mount.source), kind, "rprivate", access, "nosuid", "nodev", *more)


def _tmpfs(mount: protocol.Tmpfs) -> dict[str, object]:
    return _mount(mount.target, "tmpfs", "tmpfs", "nosuid", "nodev", f"mode={mount.mode}", f"size={mount.size}")


def _mount(target: str, kind: str, source: str, *options: str) -> dict[str, object]:
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


ETC_FILES = ("group", "hostname", "hosts", "passwd", "resolv.conf")


def etc_files(
    spec: protocol.ContainerSpec, *, passwd: str, group: str, resolvers: tuple[str, ...], hosts: str | None = None
) -> dict[str, str]:
    """The files bound over the image's /etc, by name; `passwd` and `group` are the image's own texts.

    `hosts` replaces the file for containers on the host's network.
    """
    own = f"127.0.0.1\tlocalhost\n{spec.address or '127.0.0.1'}\t{spec.hostname}\n"
    return {
        "group": _with_entry(group, f"dyno:x:{spec.uid}:", spec.uid),
        "hostname": f"{spec.hostname}\n",
        "hosts": hosts if hosts is not None else own,
        "passwd": _with_entry(passwd, f"dyno:x:{spec.uid}:{spec.uid}:dyno:{_field(spec.home)}:{spec.shell}", spec.uid),
        "resolv.conf": "".join(f"nameserver {address}\n" for address in resolvers),
    }


def _field(text: str) -> str:
    """A path that may stand in /etc/passwd."""
    return "/" if ":" in text or "\n" in text else text


def _with_entry(text: str, entry: str, number: int) -> str:
    """The file with our entry at its end, unless the number has a name already."""
    lines = [line for line in text.splitlines() if line]
    if any(line.split(":")[2:3] == [str(number)] for line in lines):
        return "".join(f"{line}\n" for line in lines)
    return "".join(f"{line}\n" for line in [*lines, entry])
