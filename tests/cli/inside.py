"""The command line in the test's own process: the same words and answers as the program's, without its start."""

import os
from pathlib import Path

import pytest
from tests.cli.program import PATH, Run

from celadon.cli import group


class Inside:
    """A user with an empty home and nothing else in the environment but `env`."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self.env: dict[str, str] = {}
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        for name in os.environ:
            if name.startswith(("CELADON_", "HEROKU_", "GIT_", "XDG_")) or name in ("EDITOR", "VISUAL", "BROWSER"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("PATH", PATH)
        monkeypatch.chdir(home)

    def __call__(self, *words: str) -> Run:
        with self._monkeypatch.context() as patched:
            for name, value in self.env.items():
                patched.setenv(name, value)
            status = group.run(list(words))
        shown = self._capsys.readouterr()
        return Run(shown.out, shown.err, status)
