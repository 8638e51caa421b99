"""The proxies under test: Celadon's HAProxy, nginx in two ways, Caddy. nginx and Caddy are Debian's; they are unpacked,
not installed, when missing."""

import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from processes import OTHER_CORE, PROXY_CORE, family, free_port, pinned, program, running, wait_for

from celadon.model.routing import Answer, Backend, RoutingTable, Server
from celadon.platform import images
from celadon.platform.settings import Settings
from celadon.router import admin, haproxy
from celadon.router.receiver import Receiver
from celadon.store.lines import Lines

_CHROOT = 'mount --bind /tmp "$0/tmp" && exec chroot "$0" "$@"'
HELLO = 'location / { return 200 "hello, world\\n"; }'


@dataclass(frozen=True)
class Target:
    """One proxy under test: where it listens, and the processes whose time counts."""

    name: str
    port: int
    pids: Callable[[], list[int]]
    receiver: Callable[[], list[int]] = list


def _nginx_config(home: Path, listen: str, port: int, body: str, upstream: str = "") -> Path:
    path = home / f"nginx-{port}.conf"
    path.write_text(
        f"user root; worker_processes 1; daemon off; pid {home}/nginx-{port}.pid; error_log /dev/null;\n"
        "events { worker_connections 4096; }\n"
        f"http {{ access_log off; keepalive_requests 1000000; client_body_temp_path {home}/b{port};\n"
        f"proxy_temp_path {home}/p{port}; fastcgi_temp_path {home}/f{port}; uwsgi_temp_path {home}/u{port};\n"
        f"scgi_temp_path {home}/s{port};\n{upstream}\n"
        f"server {{ listen {listen}:{port} backlog=1024; {body} }} }}\n"
    )
    return path


@contextlib.contextmanager
def backend(home: Path, body: str = HELLO, listen: str = "127.0.0.1") -> Iterator[int]:
    """nginx as the app behind the proxies; its port."""
    port = free_port()
    config = _nginx_config(home, listen, port, body)
    nginx = program("nginx", "nginx")
    with running(home / "backend.log", *pinned(OTHER_CORE, nginx, "-c", str(config), "-p", str(home))):
        wait_for(port, home / "backend.log")
        yield port


_TO_APP = (
    "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $to_app;"
    "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;"
    "proxy_set_header X-Forwarded-Port $server_port; proxy_set_header X-Forwarded-Proto $scheme;"
    "proxy_set_header X-Request-Start $msec;"
)


@contextlib.contextmanager
def nginx_proxy(home: Path, to: int, *, keep_alive: bool) -> Iterator[Target]:
    """As Dokku's template (`Connection` from a map: close), or with connections kept to the backend."""
    port = free_port()
    # Dokku's template has this map with `close`.
    kept, connection = ("keepalive 512; keepalive_requests 1000000;", '""') if keep_alive else ("", "close")
    upstream = f"upstream app {{ server 127.0.0.1:{to}; {kept} }}\n"
    upstream += f"map $http_upgrade $to_app {{ default upgrade; '' {connection}; }}"
    config = _nginx_config(home, "127.0.0.1", port, f"location / {{ proxy_pass http://app; {_TO_APP} }}", upstream)
    argv = pinned(PROXY_CORE, program("nginx", "nginx"), "-c", str(config), "-p", str(home))
    with running(home / f"nginx-{port}.log", *argv) as process:
        wait_for(port, home / f"nginx-{port}.log")
        name = "nginx, connections kept" if keep_alive else "nginx as Dokku sets it up"
        yield Target(name, port, lambda: family(process))


@contextlib.contextmanager
def caddy(home: Path, to: int) -> Iterator[Target]:
    port = free_port()
    config = home / "Caddyfile"
    config.write_text(f"{{\n admin off\n auto_https off\n}}\nhttp://:{port} {{\n reverse_proxy 127.0.0.1:{to}\n}}\n")
    argv = pinned(PROXY_CORE, program("caddy", "caddy"), "run", "--config", str(config), "--adapter", "caddyfile")
    with running(home / "caddy.log", "env", f"HOME={home}", "GOMAXPROCS=1", *argv) as process:
        wait_for(port, home / "caddy.log")
        yield Target("Caddy", port, lambda: family(process))


@contextlib.contextmanager
def celadon(home: Path, to: int, *, logging: bool) -> Iterator[Target]:
    """Our configuration as it is rendered; `logging` off takes its log line out and follows nothing."""
    files = home / f"celadon-{logging}"
    files.mkdir()
    port, https_port = free_port(), free_port()
    where = haproxy.Site(
        files=files, run=files, bind="127.0.0.1", http_port=port, https_port=https_port, api_hosts=("localhost",)
    )
    server = Server(name="web.1_bench", address="127.0.0.1", port=to, dyno_id="bench")
    app = Backend(app_id="bench", app_name="bench", answer=Answer.SERVE, servers=(server,))
    table = RoutingTable(hosts={"bench.localhost": "bench"}, wildcards={}, backends=(app,))
    for name, text in haproxy.render(table, {"bench": "slot0"}, haproxy.FIRST_SLOTS, where).texts.items():
        (files / name).write_text(text if logging else re.sub(r"(?m)^  log ring.*$", "", text))
    root = str(images.path(Settings(home=home), "services"))
    enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _CHROOT, root]
    master = files / "master.sock"
    argv = ["haproxy", "-W", "-S", f"{master},mode,600", "-f", str(files / haproxy.CONFIG)]
    with running(files / "log", *pinned(PROXY_CORE, *enter, *argv)) as process:
        wait_for(port, files / "log")
        name = "celadon, request lines in the log" if logging else "celadon, without log"
        if not logging:
            yield Target(name, port, lambda: family(process))
            return
        with receiving(files, master) as pid:
            yield Target(name, port, lambda: family(process), lambda: [pid])


@contextlib.contextmanager
def receiving(files: Path, master: Path) -> Iterator[int]:
    """The receiver as the role runs it, in a process of its own on the proxy's core."""
    pid = os.fork()
    if pid == 0:
        os.sched_setaffinity(0, {PROXY_CORE})
        Receiver(files / haproxy.ADMIN_SOCKET, master, Lines(files), 55.0, files / "received").serve()
        os._exit(0)
    try:
        yield pid
        lines = (files / "logs" / "bench" / "heroku.router.log").read_bytes().count(b"\n")
        with admin.Admin(files / haproxy.ADMIN_SOCKET) as conversation:
            rows = [row.split(",") for row in conversation.ask("show stat www 1 -1").splitlines()]
        asked = int(dict(zip(rows[0], rows[1], strict=False))["req_tot"])
        print(f"lines in the app's log: {lines:,} of {asked:,} requests")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@contextlib.contextmanager
def everyone(home: Path, to: int) -> Iterator[list[Target]]:
    """All of them, in the order of the tables: Celadon with and without log, nginx without and with keep-alive, Caddy."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(celadon(home, to, logging=True)),
            stack.enter_context(celadon(home, to, logging=False)),
            stack.enter_context(nginx_proxy(home, to, keep_alive=False)),
            stack.enter_context(nginx_proxy(home, to, keep_alive=True)),
            stack.enter_context(caddy(home, to)),
        ]
