import os
import subprocess
import threading
from pathlib import Path

import pytest
from tests.runtime.running import Place, until

from celadon.runtime import netlink, network

NETWORK = network.Network(
    name="celadon7",
    bridge="celadon7br",
    subnet="10.207.0.0/16",
    nft_table="celadon7",
    resolvers=("10.0.0.2", "9.9.9.9"),
    open_ports=(8080, 8443),
)


def table(place: Place) -> str:
    argv = ["nft", "list", "table", "inet", place.network.nft_table]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def test_a_links_name_says_the_address() -> None:
    assert NETWORK.gateway == "10.207.0.1"
    assert NETWORK.link("10.207.3.254") == "celadon7v03fe"


def test_a_private_resolver_gives_its_port_53_and_nothing_else() -> None:
    rules = network.ruleset(NETWORK)
    assert "ip daddr 10.0.0.2 meta l4proto { tcp, udp } th dport 53 accept\n    ip daddr 10.0.0.2 drop" in rules
    assert "ip daddr 9.9.9.9 drop" not in rules
    assert "tcp dport { 8080, 8443 } accept" in rules


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nameserver 10.0.0.2\nsearch x\nnameserver ::1\nnameserver 9.9.9.9\n", ("10.0.0.2", "9.9.9.9")),
        ("# nameserver 1.2.3.4\nnameserver\n", ()),
    ],
)
def test_resolvers_are_those_a_dyno_can_reach(
    text: str, found: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("etc") / "resolv.conf"
    path.write_text(text)
    if found:
        assert network.host_resolvers(path) == found
    else:
        assert network.host_resolvers(path) == network.host_resolvers(path.parent / "none")


def test_ensure_twice_is_ensure_once_and_teardown_leaves_nothing(place: Place) -> None:
    place.network.ensure()
    first = table(place)
    place.network.ensure()
    assert table(place) == first != ""
    assert netlink.links(place.network.name) == [place.network.bridge]
    place.network.teardown()
    place.network.teardown()
    assert table(place) == ""
    assert netlink.links(place.network.name) == []
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    assert place.network.subnet not in routes


def test_an_address_can_be_given_again_before_the_kernel_has_cleared_it(place: Place) -> None:
    place.network.ensure()
    with_namespace = ["unshare", "-n", "sh", "-c", "echo; exec sleep 1000"]
    owners = [subprocess.Popen(with_namespace, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for owner in owners:
            assert owner.stdout and owner.stdout.readline()
            place.network.connect(owner.pid, f"10.{200 + place.instance}.0.9")
        argv = ["nsenter", "-n", "-t", str(owners[1].pid), "ip", "route", "show", "default"]
        assert place.network.gateway in subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    finally:
        for owner in owners:
            owner.kill()
            owner.communicate()
    until(lambda: netlink.links(place.network.link_prefix) == [], "links go with their namespaces")


def test_a_link_is_active_when_both_its_ends_are_up(place: Place) -> None:
    name = f"{place.network.link_prefix}test"
    netns = os.open("/proc/self/ns/net", os.O_RDONLY)
    active = threading.Event()

    def wait(index: int) -> None:
        with netlink.Netlink() as host:
            host.wait_until_active(index)
        active.set()

    try:
        with netlink.Netlink() as host:
            host.add_veth(name, b"\x02\xce\0\0\0\1", f"{name}p", b"\x02\xce\0\0\0\2", netns, 1500)
            waiter = threading.Thread(target=wait, args=(host.index(name),))
            host.set_up(host.index(name))
            waiter.start()
            assert not active.wait(0.2)
            host.set_up(host.index(f"{name}p"))
            assert active.wait(10)
            waiter.join()
    finally:
        os.close(netns)
        with netlink.Netlink() as host:
            host.delete_link(name)


def test_a_link_has_no_ipv6_address(place: Place) -> None:
    """Else each dyno that comes or goes changes the machine's addresses, and every browser on it begins anew."""
    place.network.ensure()
    address = f"10.{200 + place.instance}.0.8"
    owner = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE)
    try:
        assert owner.stdout and owner.stdout.readline()
        place.network.connect(owner.pid, address)
        for link in (place.network.link(address), place.network.bridge):
            argv = ["ip", "-6", "address", "show", "dev", link]
            assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == ""
    finally:
        owner.kill()
        owner.communicate()


def test_an_address_without_a_dyno_answers_at_once(place: Place) -> None:
    place.network.ensure()
    argv = ["ip", "route", "get", f"10.{200 + place.instance}.9.9"]
    assert "No route to host" in subprocess.run(argv, capture_output=True, text=True, check=False).stderr


IPTABLES = """#!/bin/sh
# What Docker leaves: FORWARD drops, DOCKER-USER is ours to fill. Keeps one file per rule.
shift
verb=$1 chain=$2
shift 2
rule="$DIRECTORY/$(echo "$chain $*" | tr ' /' '__')"
case $verb in
  -S) [ "$chain" != FORWARD ] || echo "-P FORWARD DROP" ;;
  -C) [ -e "$rule" ] ;;
  -I) : > "$rule" ;;
  -D) rm "$rule" ;;
esac
"""


def test_a_forward_policy_of_drop_gets_two_rules_that_teardown_removes(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, rules = tmp_path / "bin" / "iptables", tmp_path / "rules"
    program.parent.mkdir()
    rules.mkdir()
    program.write_text(IPTABLES)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DIRECTORY", str(rules))
    place.network.ensure()
    place.network.ensure()
    links = f"celadon{place.instance}v+"
    assert sorted(path.name for path in rules.iterdir()) == [
        f"DOCKER-USER_-i_{links}_-j_ACCEPT",
        f"DOCKER-USER_-o_{links}_-m_conntrack_--ctstate_ESTABLISHED,RELATED_-j_ACCEPT",
    ]
    place.network.teardown()
    assert list(rules.iterdir()) == []
