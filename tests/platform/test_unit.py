"""The systemd unit, read by systemd's own checker where it is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from celadon.platform import unit
from celadon.platform.settings import DEFAULT_HOME, Settings


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("home", [DEFAULT_HOME, Path("/srv/a home/100%"), Path('/srv/$HOME "q"')])
def test_systemd_accepts_the_unit(tmp_path: Path, home: Path) -> None:
    settings = Settings(home=home, instance=7)
    path = tmp_path / unit.name(settings)
    # Any program that exists will do: the checker looks whether it can be run.
    path.write_text(unit.text(settings, program="/bin/true"))
    checked = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_dynos_outlive_the_unit() -> None:
    assert "KillMode=process\n" in unit.text(Settings(home=DEFAULT_HOME))


def test_each_home_has_a_unit_of_its_own() -> None:
    assert unit.name(Settings(home=DEFAULT_HOME)) == "celadon.service"
    assert unit.name(Settings(home=Path("/srv/b"), instance=4)) == "celadon-4.service"
