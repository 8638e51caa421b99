"""What bin/up refuses before it changes anything, and what it keeps of an earlier run."""

import socket
from pathlib import Path

import pytest
from tests import ports

from celadon.platform import options
from celadon.platform.failure import PlatformFailure
from celadon.platform.settings import Settings


def merged(*arguments: str, known: Settings | None = None) -> Settings:
    return options.merged(options.parse(["--home", "/srv/celadon", *arguments]), known, 3)


def test_flags_become_settings() -> None:
    settings = merged("--http-port", "9080", "--domain", "Apps.Example.com.", "--set", "stop_timeout=2.5")
    assert (settings.http_port, settings.domain, settings.stop_timeout) == (9080, "apps.example.com", 2.5)
    assert (settings.home, settings.instance) == (Path("/srv/celadon"), 3)


def test_second_run_keeps_what_was_chosen_before() -> None:
    known = Settings(home=Path("/srv/celadon"), instance=3, http_port=9080)
    assert merged(known=known) == known
    assert merged("--ssh-port", "2022", known=known).http_port == 9080


def test_a_value_with_a_password_is_not_repeated_when_it_is_refused() -> None:
    with pytest.raises(PlatformFailure, match=r"cannot set 'build_environment': .* PATH steers") as refused:
        merged("--set", "build_environment=A=hunter2,PATH=hunter2")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "domain", ["example", "-a.example.com", "10.0.0.1", "a_b.example.com", "a..b", "é.example.com", ""]
)
def test_bad_domain_is_refused(domain: str) -> None:
    with pytest.raises(PlatformFailure, match=r"cannot use .* as domain"):
        merged(f"--domain={domain}")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--http-port", "0"),
        ("--http-port", "70000"),
        ("--http-port", "8443"),
        ("--set", "nonsense=1"),
        ("--set", "stop_timeout=soon"),
        ("--set", "instance=4"),
        ("--email", "nobody"),
        ("--home", "/etc"),
    ],
)
def test_bad_value_is_refused_with_the_flag_that_mends_it(arguments: tuple[str, ...]) -> None:
    with pytest.raises(PlatformFailure, match=r"^cannot "):
        merged(*arguments)


def test_port_that_somebody_listens_on_is_refused_by_its_name() -> None:
    with ports.held() as (port,):
        settings = merged("--http-port", str(port))
        refused = pytest.raises(PlatformFailure, match=rf"port {port}: it is in use by .*\(process \d+\).*--http-port")
        with socket.create_server(("127.0.0.1", port)), refused:
            options.check_ports(settings, ["http_port"])
        options.check_ports(settings, ["http_port"])
