"""The network of a platform's dynos: one link per dyno, routed by the host, filtered by one nft table.

Every dyno has a link of its own to the host and an address of its own (/32) on it; there is no common segment, so no
dyno can hear, answer or pretend to be another. The link's name is made from the address: whoever comes after a crash
knows what to remove. What a dyno may reach is in `ruleset()`, as text.
"""

import contextlib
import ipaddress
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from celadon.model.engine import FIRST_ADDRESS
from celadon.runtime import netlink, protocol

# Both ends of every link have known hardware addresses: nobody ever has to ask for them.
_HOST_MAC = bytes.fromhex("02ce1ad00000")
_LOOPBACK_LINK = 1
# All platforms of a machine number their networks from here (10.200.0.0/16 to 10.239.255.255).
_PLATFORMS = "10.200.0.0-10.239.255.255"
# Link-local (most clouds' metadata), Alibaba's, Oracle's and Azure's metadata, loopback, multicast, reserved.
_FORBIDDEN = (
    "0.0.0.0/8",
    "100.100.100.200",
    "127.0.0.0/8",
    "168.63.129.16",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "224.0.0.0/3",
)
# Other container engines' links on the same host.
_FOREIGN_LINKS = ("docker*", "br-*", "virbr*", "lxcbr*", "cni*", "podman*", "veth*", "tap*", "vnet*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The network of one platform.

    `name` begins all names on the host (at most 9 characters); `subnet` is a /16 whose `.0.1` is the host's side;
    dynos reach port 53 of `resolvers` and the TCP ports `open_ports` of the host, and the internet.
    """

    name: str
    bridge: str
    subnet: str
    nft_table: str
    resolvers: tuple[str, ...]
    open_ports: tuple[int, ...]
    # Whether what is published is for the whole world, or for this machine alone.
    public: bool = False

    @property
    def gateway(self) -> str:
        return str(ipaddress.IPv4Network(self.subnet)[1])

    @property
    def link_prefix(self) -> str:
        return f"{self.name}v"

    def link(self, address: str) -> str:
        """The name of the host's side of a dyno's link."""
        low = int(ipaddress.IPv4Address(address)) & 0xFFFF
        return f"{self.link_prefix}{low:04x}"

    def ensure(self) -> None:
        """Bring the host's side into the wanted state; may be called at any time, also while dynos run."""
        with netlink.Netlink() as host:
            with contextlib.suppress(FileExistsError):
                host.add_bridge(self.bridge)
            index = host.index(self.bridge)
            host.without_ipv6(index)
            host.set_up(index)
            host.add_address(index, self.gateway)
            # A dyno that is gone answers at once instead of after a time-out, and nothing leaves by the default route.
            host.add_unreachable(*self._network())
        _write_sysctl("net/ipv4/ip_forward", "1")
        _nft(ruleset(self))
        _accept_in_iptables(self)

    def teardown(self) -> None:
        """Remove everything `ensure` and `connect` made; forwarding stays on, others may use it by now."""
        subprocess.run(["nft", "delete", "table", "inet", self.nft_table], capture_output=True, check=False)
        _remove_from_iptables(self)
        with netlink.Netlink() as host:
            for name in netlink.links(self.link_prefix):
                host.delete_link(name)
            host.delete_unreachable(*self._network())
            host.delete_link(self.bridge)

    def connect(self, pid: int, address: str) -> None:
        """Give the network namespace of process `pid` its link, address and default route."""
        if ipaddress.IPv4Address(address) not in ipaddress.IPv4Network(self.subnet):
            raise protocol.RuntimeFailure(f"cannot connect {address}: it is not in {self.subnet}")
        mac = b"\x02\xce" + socket.inet_aton(address)
        netns = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            with netlink.Netlink() as host:
                self._add_link(host, netns, address, mac)
            with netlink.inside(netns) as dyno:
                dyno.set_up(_LOOPBACK_LINK)
                index = dyno.index("eth0")
                dyno.set_up(index)
                dyno.add_address(index, address)
                dyno.add_neighbour(index, self.gateway, _HOST_MAC)
                dyno.add_default_route(index, self.gateway)
                dyno.wait_until_active(index)
            with netlink.Netlink() as host:
                host.wait_until_active(host.index(self.link(address)))
        finally:
            os.close(netns)

    def _add_link(self, host: netlink.Netlink, netns: int, address: str, mac: bytes) -> None:
        name = self.link(address)
        while True:
            try:
                host.add_veth(name, _HOST_MAC, "eth0", mac, netns, _uplink_mtu())
                break
            except FileExistsError:
                # The link of the address's last owner, whose namespace the kernel has not cleared away yet.
                host.delete_link(name)
        index = host.index(name)
        host.without_ipv6(index)
        host.set_up(index)
        host.add_neighbour(index, address, mac)
        host.add_route(index, address, source=self.gateway)

    def disconnect(self, address: str) -> None:
        """Remove a dyno's link now instead of when the kernel clears its namespace away."""
        with netlink.Netlink() as host:
            host.delete_link(self.link(address))

    def attach(self, address: str, group: str) -> None:
        """Let who has this address reach what its group (an app, or engines that belong together) may reach."""
        self.detach(address)
        chain, element = f"inet {self.nft_table} {group}", f"attached {{ {address} : jump {group} }}"
        _nft(f"add chain {chain}\nadd element inet {self.nft_table} {element}\n")

    def detach(self, address: str) -> None:
        """Let it reach nothing of that any more; no error when it did not."""
        _nft(f"delete element inet {self.nft_table} attached {{ {address} }}\n", absent=True)

    def allow(self, groups: Mapping[str, Iterable[tuple[str, int]]]) -> None:
        """What each of these groups may reach from now on: addresses and TCP ports."""
        lines = []
        for group, targets in groups.items():
            lines += [f"add chain inet {self.nft_table} {group}", f"flush chain inet {self.nft_table} {group}"]
            lines += [
                f"add rule inet {self.nft_table} {group} ip daddr {address} tcp dport {port} accept"
                for address, port in targets
            ]
        if lines:
            _nft("\n".join(lines) + "\n")

    def groups(self, prefix: str) -> list[str]:
        """Those whose names begin so, of whoever has run before."""
        listed = json.loads(_nft("", ("--json", "--terse", "list", "table", "inet", self.nft_table)))
        chains = [entry["chain"]["name"] for entry in listed["nftables"] if "chain" in entry]
        return [name for name in chains if name.startswith(prefix)]

    def forget(self, group: str) -> None:
        """Remove a group; no error when there is none. One that somebody is attached to stays as it is."""
        chain = f"inet {self.nft_table} {group}"
        _nft(f"flush chain {chain}\ndelete chain {chain}\n", absent=True, busy=True)

    def publish(self, ports: Mapping[int, tuple[str, int]]) -> None:
        """Which engine is reached at which port of the host; all others are not."""
        elements = ", ".join(f"{port} : {address} . {target}" for port, (address, target) in ports.items())
        added = f"add element inet {self.nft_table} published {{ {elements} }}\n" if elements else ""
        _nft(f"flush map inet {self.nft_table} published\n{added}")

    def _network(self) -> tuple[str, int]:
        network = ipaddress.IPv4Network(self.subnet)
        return str(network.network_address), network.prefixlen


def ruleset(network: Network) -> str:
    """The nft program that makes the platform's table or replaces its rules, in one transaction.

    What dynos are attached to (`attached`, and the chain of each app) and what is published stays as it is.
    """
    dynos = f'"{network.link_prefix}*"'
    foreign = "\n".join(f'    oifname "{name}" drop' for name in _FOREIGN_LINKS)
    here = "fib daddr type local" if network.public else f"ip daddr {network.gateway}"
    return f"""{_declared(network)}
table inet {network.nft_table} {{
  chain anyone {{
    fib saddr . iif oif missing drop
    meta nfproto ipv6 drop
    ct state established,related accept
{_resolver_rules(network)}
  }}
  chain outwards {{
    jump anyone
    ip saddr vmap @attached
    ip saddr {_engines(network)} drop
    ip daddr {{ {_PLATFORMS}, {", ".join(_FORBIDDEN)} }} drop
    oifname {dynos} drop
{foreign}
    accept
  }}
  chain to_host {{
    jump anyone
    ip saddr {_engines(network)} drop
    ip daddr != {network.gateway} ip daddr {_PLATFORMS} drop
{_port_rule(network)}
    drop
  }}
  chain forwarding {{
    type filter hook forward priority -10; policy accept;
    iifname {dynos} goto outwards
    oifname {dynos} ct state established,related accept
    oifname {dynos} ip daddr {_engines(network)} ct status dnat accept
    oifname {dynos} drop
  }}
  chain inwards {{
    type filter hook input priority -10; policy accept;
    iifname {dynos} goto to_host
    iifname != "lo" ip daddr {network.subnet} drop
  }}
  chain translation {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {network.subnet} oifname != {dynos} masquerade
  }}
  chain arriving {{
    type nat hook prerouting priority dstnat; policy accept;
    {here} dnat ip to tcp dport map @published
  }}
  chain from_here {{
    type nat hook output priority -100; policy accept;
    {here} dnat ip to tcp dport map @published
  }}
}}
"""


_CHAINS = {
    **dict.fromkeys(("anyone", "outwards", "to_host"), ""),
    "forwarding": "type filter hook forward priority -10; policy accept;",
    "inwards": "type filter hook input priority -10; policy accept;",
    "translation": "type nat hook postrouting priority srcnat; policy accept;",
    "arriving": "type nat hook prerouting priority dstnat; policy accept;",
    "from_here": "type nat hook output priority -100; policy accept;",
}


def _declared(network: Network) -> str:
    """The table with its maps and its chains, which are empty then."""
    chains = "\n".join(f"  chain {name} {{ {hook} }}" for name, hook in _CHAINS.items())
    flushed = "\n".join(f"flush chain inet {network.nft_table} {name}" for name in _CHAINS)
    return f"""table inet {network.nft_table} {{
  map attached {{ type ipv4_addr : verdict; }}
  map published {{ type inet_service : ipv4_addr . inet_service; }}
{chains}
}}
{flushed}"""


def _engines(network: Network) -> str:
    """The addresses of add-ons' engines: they begin no connection but to their peers."""
    subnet = ipaddress.IPv4Network(network.subnet)
    return f"{subnet[FIRST_ADDRESS]}-{subnet[-2]}"


def _resolver_rules(network: Network) -> str:
    lines = []
    for address in network.resolvers:
        lines.append(f"    ip daddr {address} meta l4proto {{ tcp, udp }} th dport 53 accept")
        if ipaddress.IPv4Address(address).is_private:
            lines.append(f"    ip daddr {address} drop")
    return "\n".join(lines)


def _port_rule(network: Network) -> str:
    if not network.open_ports:
        return ""
    return f"    tcp dport {{ {', '.join(str(port) for port in network.open_ports)} }} accept"


def host_resolvers(path: Path = Path("/etc/resolv.conf")) -> tuple[str, ...]:
    """The IPv4 resolvers that a dyno can use: the host's own, or those behind its loopback stub."""
    found = _nameservers(path)
    usable = tuple(address for address in found if not ipaddress.IPv4Address(address).is_loopback)
    if usable:
        return usable
    return _nameservers(Path("/run/systemd/resolve/resolv.conf"))


def _nameservers(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return ()
    found = []
    for line in lines:
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            with contextlib.suppress(ValueError):
                found.append(str(ipaddress.IPv4Address(words[1])))
    return tuple(found)


def _nft(text: str, words: tuple[str, ...] = ("-f", "-"), *, absent: bool = False, busy: bool = False) -> str:
    """What it prints. `absent`: what is to be removed may not be there; `busy`: it may be in use, and stays then."""
    try:
        found = subprocess.run(["nft", *words], input=text, text=True, capture_output=True, check=False)
    except FileNotFoundError:
        raise protocol.RuntimeFailure("cannot filter the dynos' network: apt-get install nftables") from None
    borne = (absent and "No such file or directory" in found.stderr) or (busy and "resource busy" in found.stderr)
    if found.returncode != 0 and not borne:
        raise protocol.RuntimeFailure(f"cannot filter the dynos' network: nft says {found.stderr.strip()}")
    return found.stdout


def _write_sysctl(name: str, value: str) -> None:
    path = Path("/proc/sys") / name
    if path.read_text().strip() != value:
        path.write_text(value)


def _uplink_mtu() -> int:
    """The MTU of the link of the default route: a larger one in the dynos would rely on path discovery."""
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        words = line.split()
        if words[1] == "00000000":
            with contextlib.suppress(OSError, ValueError):
                return int(Path(f"/sys/class/net/{words[0]}/mtu").read_text())
    return 1500


def _iptables_rules(network: Network) -> list[list[str]]:
    links = f"{network.link_prefix}+"
    answers = ["-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED"]
    return [["-i", links, "-j", "ACCEPT"], ["-o", links, *answers, "-j", "ACCEPT"]]


def _accept_in_iptables(network: Network) -> None:
    """Where iptables forwards nothing by default (Docker sets this), let the dynos' packets pass to our own table.

    A packet is forwarded only when every table accepts it: ours alone is not enough.
    """
    if not shutil.which("iptables"):
        return
    policy = subprocess.run(["iptables", "-w", "-S", "FORWARD"], capture_output=True, text=True, check=False)
    if "-P FORWARD DROP" not in policy.stdout:
        return
    for rule in _iptables_rules(network):
        if not _iptables(["-C", _iptables_chain(), *rule]) and not _iptables(["-I", _iptables_chain(), *rule]):
            raise protocol.RuntimeFailure(
                "cannot let the dynos reach the internet: iptables has a FORWARD policy of DROP and refuses our rule"
            )


def _remove_from_iptables(network: Network) -> None:
    if not shutil.which("iptables"):
        return
    for rule in _iptables_rules(network):
        for chain in ("DOCKER-USER", "FORWARD"):
            while _iptables(["-D", chain, *rule]):
                pass


def _iptables_chain() -> str:
    return "DOCKER-USER" if _iptables(["-S", "DOCKER-USER"]) else "FORWARD"


def _iptables(arguments: list[str]) -> bool:
    return subprocess.run(["iptables", "-w", *arguments], capture_output=True, check=False).returncode == 0
