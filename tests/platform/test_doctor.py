"""What the doctor finds, and the command it names for it."""

import dataclasses
import os
import socket
from pathlib import Path

import pytest

from celadon.platform import doctor, options
from celadon.platform.doctor import Check
from celadon.platform.settings import Settings


def check(settings: Settings, name: str) -> Check:
    return next(check for check in doctor.doctor(settings) if check.name == name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return dataclasses.replace(options.from_environment(), home=tmp_path, instance=39)


def test_what_fails_always_has_a_remedy_and_what_is_well_has_none(settings: Settings) -> None:
    checks = doctor.doctor(settings)
    assert [found.name for found in checks if found.ok == bool(found.remedy)] == []
    assert len({found.name for found in checks}) == len(checks)


def test_programs_of_this_machine_are_found_with_their_versions(settings: Settings) -> None:
    assert check(settings, "git").ok
    assert check(settings, "crun").detail[0].isdigit()


def test_image_that_was_not_built_names_the_command_for_this_home(settings: Settings, tmp_path: Path) -> None:
    found = check(dataclasses.replace(settings, images=tmp_path), "image cedar")
    assert (found.ok, found.remedy) == (False, f"bin/up --home {tmp_path}")


def test_port_of_somebody_else_is_named_with_its_process(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = check(dataclasses.replace(settings, http_port=port), f"http port {port}")
    assert not found.ok
    assert f"(process {os.getpid()})" in found.detail
    assert "--http-port" in found.remedy


def test_platform_that_is_down_says_so(settings: Settings) -> None:
    assert check(settings, "roles").detail == "the platform is down"
