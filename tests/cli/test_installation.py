import shutil
import sys

import pytest

from celadon.cli import installation
from celadon.cli.failure import Failure


def test_uv_or_pip_installs_whichever_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = {"uv": "/usr/bin/uv"}
    monkeypatch.setattr(shutil, "which", lambda name, path=None: programs.get(name))
    by_uv = ["/usr/bin/uv", "pip", "install", "--quiet", "--python", sys.executable]
    assert installation.installer() == installation.installer("conda") == by_uv
    assert installation.installer("pip")[:4] == [sys.executable, "-m", "pip", "install"]
    programs.clear()
    assert installation.installer()[:4] == [sys.executable, "-m", "pip", "install"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Failure, match="neither uv nor pip"):
        installation.installer()
