from pathlib import Path

import pytest

from celadon.runtime import bundle, protocol

HOST = bundle.Host(cgroup="/celadon7/web", init=Path("/usr/bin/catatonit"), etc=Path("/b/web/etc"), seccomp_bpf="Zm9v")


def spec(**changes: object) -> protocol.ContainerSpec:
    values: dict[str, object] = {
        "id": "web",
        "root": Path("/images/cedar/rootfs"),
        "argv": ("bash", "-c", "exec ./server"),
        "env": {"PORT": "5000", "QUOTES": "a \"b\" 'c'\n$d\u2028é"},
        "cwd": "/app",
        "uid": 270001,
        "hostname": "web-1",
        "limits": protocol.Limits(memory=512 << 20, swap=1 << 30, cpu_shares=2048, pids=99, files=123),
        "bundle": Path("/b/web"),
        "log_path": Path("/logs/web.log"),
        "address": "10.207.0.9",
        "mounts": (
            protocol.Overlay(lower=(Path("/run/slug"), Path("/run/layer")), scratch=Path("/b/web/rw"), target="/app"),
            protocol.Bind(source=Path("/usr/bin/uv"), target="/usr/local/bin/uv"),
            protocol.Bind(source=Path("/build"), target="/tmp/build_1", readonly=False),
            protocol.Tmpfs(target="/scratch", size=4096, mode="700"),
        ),
    }
    return protocol.ContainerSpec(**{**values, **changes})  # type: ignore[arg-type]


def mount(target: str, kind: str, source: str, *options: str) -> dict[str, object]:
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


def bind(source: str, target: str, *options: str) -> dict[str, object]:
    return mount(target, "bind", source, "rbind", "rprivate", *options)


def test_a_dyno_is_this_config() -> None:
    nothing: list[str] = []
    plain = ("nosuid", "noexec", "nodev")
    etc = [
        bind(f"/b/web/etc/{name}", f"/etc/{name}", "ro", "nosuid", "nodev", "noexec")
        for name in ("group", "hostname", "hosts", "passwd", "resolv.conf")
    ]
    layers = ("lowerdir=/run/slug:/run/layer", "upperdir=/b/web/rw/upper", "workdir=/b/web/rw/work")
    found = bundle.config(spec(), HOST)
    linux = found["linux"]
    assert isinstance(linux, dict)
    assert "/proc/keys" in linux.pop("maskedPaths")
    assert "/proc/sys" in linux.pop("readonlyPaths")
    assert found == {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 270001, "gid": 270001, "umask": 0o022},
            "args": ["/dev/init", "--", "bash", "-c", "exec ./server"],
            "env": ["PORT=5000", "QUOTES=a \"b\" 'c'\n$d\u2028é"],
            "cwd": "/app",
            "capabilities": {
                "bounding": nothing,
                "effective": nothing,
                "inheritable": nothing,
                "permitted": nothing,
                "ambient": nothing,
            },
            "rlimits": [
                {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
                {"type": "RLIMIT_NOFILE", "soft": 123, "hard": 123},
            ],
            "noNewPrivileges": True,
            "oomScoreAdj": 500,
        },
        "root": {"path": "/images/cedar/rootfs", "readonly": True},
        "hostname": "web-1",
        "mounts": [
            mount("/proc", "proc", "proc", *plain),
            mount("/dev", "tmpfs", "tmpfs", "nosuid", "noexec", "strictatime", "mode=755", "size=65536k"),
            mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
            mount("/dev/shm", "tmpfs", "shm", *plain, "mode=1777", "size=65536k"),
            mount("/dev/mqueue", "mqueue", "mqueue", *plain),
            mount("/sys", "sysfs", "sysfs", *plain, "ro"),
            mount("/sys/fs/cgroup", "cgroup", "cgroup", *plain, "relatime", "ro"),
            bind("/usr/bin/catatonit", "/dev/init", "ro", "nosuid", "nodev"),
            *etc,
            bind("/b/web/rw/tmp", "/tmp", "rw", "nosuid", "nodev"),
            mount("/app", "overlay", "overlay", "nosuid", "nodev", *layers),
            bind("/usr/bin/uv", "/usr/local/bin/uv", "ro", "nosuid", "nodev"),
            bind("/build", "/tmp/build_1", "rw", "nosuid", "nodev"),
            mount("/scratch", "tmpfs", "tmpfs", "nosuid", "nodev", "mode=700", "size=4096"),
        ],
        "linux": {
            "cgroupsPath": "/celadon7/web",
            "namespaces": [{"type": name} for name in ("pid", "ipc", "uts", "mount", "cgroup", "network")],
            "resources": {
                "memory": {"limit": 512 << 20, "swap": 1 << 30},
                "cpu": {"shares": 2048},
                "pids": {"limit": 99},
                "devices": [{"allow": False, "access": "rwm"}],
            },
            "sysctl": {
                "net.ipv4.ip_unprivileged_port_start": "0",
                "net.ipv6.conf.all.disable_ipv6": "1",
                "net.ipv6.conf.default.disable_ipv6": "1",
            },
        },
        "annotations": {"run.oci.seccomp_bpf_data": "Zm9v"},
    }


def test_an_engine_is_on_the_hosts_network_with_the_capabilities_it_names() -> None:
    found = bundle.config(spec(address=None, capabilities=("net_bind_service",)), HOST)
    linux, process = found["linux"], found["process"]
    assert isinstance(linux, dict)
    assert isinstance(process, dict)
    assert {"type": "network"} not in linux["namespaces"]
    assert "sysctl" not in linux
    assert set(map(tuple, process["capabilities"].values())) == {("CAP_NET_BIND_SERVICE",)}


@pytest.mark.parametrize(
    ("changes", "score"),
    [({}, 500), ({"sheltered": True}, 100), ({"address": None, "offline": True}, 500), ({"address": None}, None)],
)
def test_who_is_killed_first_when_the_machine_runs_out_of_memory(changes: dict[str, object], score: int | None) -> None:
    found = bundle.config(spec(**changes), HOST)["process"]
    assert isinstance(found, dict)
    assert found.get("oomScoreAdj") == score


def test_without_swap_accounting_only_memory_is_limited() -> None:
    host = bundle.Host(cgroup="/c", init=Path("/i"), etc=Path("/e"), counts_swap=False)
    linux = bundle.config(spec(), host)["linux"]
    assert isinstance(linux, dict)
    assert linux["resources"]["memory"] == {"limit": 512 << 20}


def test_a_layer_whose_path_would_be_read_as_two_is_refused() -> None:
    bad = protocol.Overlay(lower=(Path("/a:/etc"),), scratch=Path("/b"), target="/app")
    with pytest.raises(protocol.RuntimeFailure, match="cannot mount /a:/etc"):
        bundle.config(spec(mounts=(bad,)), HOST)


def test_etc_names_the_user_the_host_and_the_resolvers() -> None:
    passwd, group = "root:x:0:0:root:/root:/bin/bash\n", "root:x:0:\n"
    assert bundle.etc_files(spec(), passwd=passwd, group=group, resolvers=("9.9.9.9", "1.1.1.1")) == {
        "passwd": f"{passwd}dyno:x:270001:270001:dyno:/app:/bin/bash\n",
        "group": f"{group}dyno:x:270001:\n",
        "hostname": "web-1\n",
        "hosts": "127.0.0.1\tlocalhost\n10.207.0.9\tweb-1\n",
        "resolv.conf": "nameserver 9.9.9.9\nnameserver 1.1.1.1\n",
    }


def test_a_uid_that_the_image_knows_keeps_its_name() -> None:
    passwd = "haproxy:x:99:99::/:/bin/false\n"
    assert bundle.etc_files(spec(uid=99), passwd=passwd, group="", resolvers=())["passwd"] == passwd
