import json
from pathlib import Path

import pytest

from celadon.cli.connection import platforms
from celadon.cli.failure import Failure, UsageFailure
from celadon.platform import settings
from celadon.platform.settings import Settings


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "CELADON_CA_FILE", "CELADON_HOST", "CELADON_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(platforms, "_INSTANCES", tmp_path / "instances")
    monkeypatch.setattr(platforms, "_DEFAULT_HOME", tmp_path / "default")
    return home


def installed(home: Path, **values: object) -> Path:
    home.mkdir(parents=True)
    settings.save(Settings(home=home, **values))  # type: ignore[arg-type]
    return home


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://localhost:5080", "http://localhost:5080"),
        ("http://LOCALHOST:5080/some/path?x", "http://localhost:5080"),
        ("https://api.example.com:443/", "https://api.example.com"),
        ("localhost", "http://localhost:8080"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("example.com", "https://api.example.com"),
        ("api.example.com", "https://api.example.com"),
        ("example.com:8443", "https://api.example.com:8443"),
    ],
)
def test_a_platform_is_named_by_url_or_host(text: str, url: str) -> None:
    assert platforms.named(text).api_url == url


@pytest.mark.parametrize("text", ["http://", "https://host:port", "a b", "exa;mple"])
def test_what_is_no_platform_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageFailure):
        platforms.named(text)


def test_a_home_says_all_of_its_platform(tmp_path: Path) -> None:
    home = installed(tmp_path / "here", http_port=80, https_port=443, ssh_port=22, domain="paas.test")
    platform = platforms.named(str(home))
    assert platform.api_url == "http://api.paas.test"
    assert platform.git_host == "api.paas.test"
    assert platform.ssh_host == "paas.test"
    assert platform.ca_file == home / "ca" / "ca.pem"
    assert platform.address == "127.0.0.1"


def test_a_home_without_a_platform_says_so(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot find a platform in"):
        platforms.named(str(tmp_path / "nothing"))


def test_credentials_are_keyed_by_host_and_port_and_only_the_default_platform_has_the_bare_name(tmp_path: Path) -> None:
    other = platforms.of_home(installed(tmp_path / "other", http_port=9080, https_port=9443))
    assert other.machines == ["localhost:9080", "localhost:9443"]
    default = platforms.of_home(installed(tmp_path / "default"))
    assert default.machines == ["localhost:8080", "localhost:8443", "localhost"]


def test_a_url_finds_the_platform_of_this_machine_that_has_it(tmp_path: Path) -> None:
    home = installed(tmp_path / "other", http_port=9080, https_port=9443)
    (tmp_path / "instances").mkdir()
    (tmp_path / "instances" / "3").write_text(f"{home}\n")
    assert platforms.named("http://localhost:9080").home == home


def test_the_last_login_comes_first_then_the_default_home(tmp_path: Path) -> None:
    installed(tmp_path / "default")
    assert platforms.last().home == tmp_path / "default"
    platforms.remember(platforms.Platform(api_url="https://api.example.com", git_host="api.example.com"))
    assert platforms.last().api_url == "https://api.example.com"
    platforms.forget(platforms.Platform(api_url="https://api.example.com"))
    assert platforms.last().home == tmp_path / "default"


def test_with_nothing_known_the_default_address_is_used() -> None:
    assert platforms.last().api_url == "http://localhost:8080"
    assert platforms.last().default


def test_a_remembered_home_that_moved_its_ports_or_went_is_left_out(tmp_path: Path) -> None:
    home = installed(tmp_path / "moved", http_port=9080)
    platforms.remember(platforms.of_home(home))
    settings.save(Settings(home=home, http_port=9081))
    assert platforms.last().api_url == "http://localhost:8080"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"platforms": 3}', '"x"'])
def test_a_broken_configuration_is_as_good_as_none(text: str) -> None:
    file = platforms.config_file()
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert platforms.last().api_url == "http://localhost:8080"
    platforms.remember(platforms.Platform(api_url="https://api.example.com"))
    assert json.loads(file.read_text())["last"] == "https://api.example.com"


@pytest.mark.parametrize(
    ("url", "door", "own"),
    [
        ("https://api.paas.test", "paas.test:2222", True),
        ("https://api.paas.test", "git.paas.test", True),
        ("https://paas.test:8443", "api.paas.test:8443", True),
        ("http://10.0.0.5:8080", "10.0.0.5:8443", True),
        ("http://localhost:9000", "localhost:8443", True),
        ("http://127.0.0.1:9000", "api.localhost:8443", True),
        ("https://api.paas.test", "github.com", False),
        ("https://api.paas.test", "evilpaas.test", False),
        ("https://api.paas.test", "localhost:8443", False),
        ("http://localhost:9000", "github.com", False),
        ("https://api.test", "other.test", False),
        ("https://api.paas.test", "paas.test@github.com", False),
        ("https://api.paas.test", "git.paas.test\nmachine", False),
        ("https://api.paas.test", "paas.test:port", False),
    ],
)
def test_a_platforms_doors_are_below_the_host_that_was_named(url: str, door: str, own: bool) -> None:
    assert platforms.may_be_at(platforms.Platform(api_url=url), door) is own


def test_doors_that_were_kept_are_looked_at_again() -> None:
    platforms.remember(platforms.Platform(api_url="https://api.paas.test", git_host="github.com", ssh_host="paas.test"))
    kept = platforms.last()
    assert (kept.git_host, kept.ssh_host) == (None, "paas.test")
