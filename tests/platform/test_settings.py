"""Settings: kept in a file, overridden by the environment, every one of them documented."""

import dataclasses
import re
from pathlib import Path

import pytest

from celadon.platform import settings as platform_settings
from celadon.platform.settings import DEFAULT_HOME, Settings, SettingsError

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def written(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return str(value)


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`([^`]+)`|\(none\)) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    defaults = {
        field.name: written(getattr(Settings(home=DEFAULT_HOME), field.name)) for field in dataclasses.fields(Settings)
    }
    assert dict(rows) == defaults


def test_saved_settings_are_read_back(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, instance=7, domain="a.example.com", crash_backoff=(1.0, 2.0), images=Path("/srv/i")
    )
    platform_settings.save(settings)
    assert platform_settings.load(tmp_path) == settings
    assert "http_port" not in (tmp_path / "settings.toml").read_text()


def test_environment_overrides_one_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform_settings.save(Settings(home=tmp_path))
    monkeypatch.setenv("CELADON_STOP_TIMEOUT", "1.5")
    assert platform_settings.load(tmp_path).stop_timeout == 1.5


@pytest.mark.parametrize(
    "text",
    [
        "nonsense = 1",
        "http_port = 'high'",
        "dns_server = 'nowhere'",
        "dns_server = '192.0.2.1:x'",
        "private_destinations = '10.0.0.1/8'",
        "build_environment = ['PATH=/bin']",
        "= broken",
    ],
)
def test_unreadable_settings_are_refused_with_the_files_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(SettingsError, match=r"cannot read .*settings\.toml"):
        platform_settings.load(tmp_path)


def test_home_without_a_platform_is_refused_with_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="run bin/up"):
        platform_settings.load(tmp_path)


def test_mirrors_of_an_earlier_version_become_the_environment_of_builds(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        "pypi_mirror = 'http://m/pypi'\nnpm_mirror = ''\npython_mirror = 'http://m/py'\nbuild_environment = ['A=1']\n"
    )
    expected = ("PIP_INDEX_URL=http://m/pypi", "RUNTIME_MIRROR_PYTHON=http://m/py", "A=1")
    assert platform_settings.load(tmp_path).build_environment == expected


def test_the_environment_of_builds_is_kept_and_never_shown(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, build_environment=("PIP_INDEX_URL=https://me:hunter2@pypi.example.com/",))
    assert "hunter2" not in repr(settings)
    platform_settings.save(settings)
    assert platform_settings.load(tmp_path) == settings
    (tmp_path / "settings.toml").write_text("build_environment = ['hunter2']")
    with pytest.raises(SettingsError, match="entry 1 is not NAME=VALUE") as refused:
        platform_settings.load(tmp_path)
    assert "hunter2" not in str(refused.value)
