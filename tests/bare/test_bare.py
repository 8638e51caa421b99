"""bin/up and bin/down on a bare machine: a fresh minimal Debian with nothing but its essential packages.

The root filesystem is new; the kernel, its control groups and the network are this machine's. What cannot be shown here
is systemd: nothing runs as process 1, so bin/up starts its tree itself.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import ports

from celadon.platform import instances, mounts

CHECKOUT = Path(__file__).parents[2]
MACHINE = Path(__file__).parent / "machine"
AUTHORITIES = Path("/usr/local/share/ca-certificates")


@pytest.fixture(params=[("bookworm", "/opt"), ("trixie", "/root")], ids=["bookworm", "trixie"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "root"
    mirror = "http://deb.debian.org/debian"
    suite, parent = request.param
    sources = [
        f"deb {mirror} {suite} main",
        f"deb {mirror} {suite}-updates main",
        f"deb {mirror}-security {suite}-security main",
    ]
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", suite, str(root), *sources], check=True)
    # A private authority that stands between us and the package index is part of the network, not of the machine.
    if AUTHORITIES.is_dir():
        shutil.copytree(AUTHORITIES, root / AUTHORITIES.relative_to("/"), dirs_exist_ok=True)
    clone = ["git", "-c", f"safe.directory={CHECKOUT}", "clone", "--quiet", str(CHECKOUT), f"{root}{parent}/celadon"]
    subprocess.run(clone, check=True)
    # The kernel is shared, the directory of instance numbers is not: the machine is given one that nobody else gets.
    number = root / "etc/celadon/instances" / str(instances.allocate(root))
    number.parent.mkdir(parents=True)
    number.write_text("/var/lib/celadon\n")
    yield root
    instances.release(root)
    mounts.unmount_below(root)
    shutil.rmtree(root)


SCRIPT = """
set -eu
trap '[ $? = 0 ] || tail -n 20 /var/lib/celadon/log/*/current >&2' EXIT
cd /opt/celadon 2>/dev/null || cd /root/celadon
up() {{ bin/up --http-port {0} --https-port {1} --ssh-port {2} --rendezvous-port {3}; }}
echo "== first"; up
echo "== second"; start=$(date +%s%N); up; echo "second run: $(( ($(date +%s%N) - start) / 1000000 )) ms"
echo "== use"; celadon apps; celadon platform:info --json
echo "== user"
if [ -d /opt/celadon ]; then
    useradd --create-home me
    SUDO_USER=me up >/dev/null
    su me -c 'cd && celadon whoami && stat -c %U .netrc && celadon create mine 2>&1'
fi
echo "== down"; bin/down
if celadon platform:info --json; then echo "says it runs"; exit 1; fi
echo "== again"; up
echo "== purge"; bridge=celadon$(ls /etc/celadon/instances)br; bin/down --purge
echo "== left"
ls -d /run/celadon* /var/lib/celadon /usr/local/bin/celadon /etc/celadon/instances/* /sys/class/net/$bridge \
    /sys/fs/cgroup/*/${{bridge%br}} 2>/dev/null || true
cat /root/.netrc
mount | grep celadon || true
nft list tables | grep ${{bridge%br}} || true
"""


@pytest.mark.long
def test_bare_machine_goes_from_nothing_to_a_page_and_back(machine: Path) -> None:
    with ports.held(4) as found:
        argv = [str(MACHINE), str(machine), "sh", "-c", SCRIPT.format(*found)]
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    sections = dict(part.split("\n", 1) for part in ran.stdout.split("== ")[1:])
    assert "git push brought this page here." in sections["first"]
    took = int(sections["second"].rsplit("second run: ", 1)[1].split()[0])
    assert took <= 5000
    assert "installed" not in sections["second"] and "password" not in sections["second"].split("operator-password")[0]
    # A checkout in /root is nothing that another user could run.
    assert sections["user"].startswith("admin@localhost\nme\n") or (machine / "root/celadon").is_dir()
    assert '"running": false' in sections["down"]
    assert sections["left"] == ""
