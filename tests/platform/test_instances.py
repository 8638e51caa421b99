"""Instance numbers, in a directory of the test's own."""

import ipaddress
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from celadon.platform import instances
from celadon.platform.failure import PlatformFailure
from celadon.platform.settings import DEFAULT_HOME


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One on which nobody comes and goes meanwhile."""
    for name in ("_LINKS", "_GROUPS"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(instances, name, tmp_path / name)
    (tmp_path / "routes").write_text("Iface\tDestination\n")
    monkeypatch.setattr(instances, "_ROUTES", tmp_path / "routes")


def made(home: Path) -> Path:
    home.mkdir(parents=True)
    return home


def test_home_keeps_its_number(tmp_path: Path) -> None:
    first, second = made(tmp_path / "a"), made(tmp_path / "b")
    numbers = [instances.allocate(home, tmp_path / "instances") for home in (first, second, first, second)]
    assert numbers[:2] == numbers[2:]
    assert numbers[0] != numbers[1]


def test_number_of_a_home_that_is_gone_is_free_again(tmp_path: Path) -> None:
    number = instances.allocate(made(tmp_path / "a"), tmp_path / "instances")
    (tmp_path / "a").rmdir()
    assert instances.allocate(made(tmp_path / "b"), tmp_path / "instances") == number


def test_released_number_is_free_again(tmp_path: Path) -> None:
    number = instances.allocate(made(tmp_path / "a"), tmp_path / "instances")
    instances.release(tmp_path / "a", tmp_path / "instances")
    assert instances.taken(tmp_path / "instances") == {}
    assert instances.allocate(made(tmp_path / "b"), tmp_path / "instances") == number


def test_only_the_default_home_gets_number_0(tmp_path: Path) -> None:
    assert instances.allocate(made(tmp_path / "a"), tmp_path / "instances") > 0
    directory = tmp_path / "empty"
    directory.mkdir()
    assert instances.allocate(DEFAULT_HOME, directory) == 0


def test_simultaneous_installations_get_different_numbers(tmp_path: Path) -> None:
    homes = [made(tmp_path / str(n)) for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        numbers = list(threads.map(lambda home: instances.allocate(home, tmp_path / "instances"), homes))
    assert len(set(numbers)) == len(homes)


def test_full_machine_is_refused_with_what_to_remove(tmp_path: Path) -> None:
    directory = tmp_path / "instances"
    directory.mkdir()
    for number in instances.NUMBERS:
        (directory / str(number)).write_text(f"{tmp_path}\n")
    with pytest.raises(PlatformFailure, match="bin/down --purge"):
        instances.allocate(made(tmp_path / "a"), directory)


def test_numbers_whose_network_is_in_use_are_skipped() -> None:
    routes = [ipaddress.IPv4Network("10.200.7.0/24"), ipaddress.IPv4Network("10.202.0.0/15")]
    usable = instances.usable(range(6), routes, ["eth0", "celadon1br", "celadon12v0001", "celadon4v0002"])
    assert list(usable) == [5]
