"""What lies between two commits that were pushed."""

import pytest
from tests.git.town import Town

from celadon.git import history, workspace
from celadon.model.app import App
from celadon.model.errors import NotFound
from celadon.model.source_tree import Change


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not told in ten seconds is told less; here git has the time a busy machine takes to start it twice."""
    monkeypatch.setattr(history, "_LONGEST", 60.0)


@pytest.fixture
def app(town: Town) -> App:
    return town.create_app()


def commit(town: Town, app: App, message: str) -> str:
    base = workspace.look(town.context, town.actor, app.name).commit
    changes = [Change(path="file", text=message)]
    return workspace.commit(town.context, town.actor, app.name, base=base, message=message, changes=changes)


def test_commits_are_listed_newest_first(town: Town, app: App) -> None:
    first, second, third = (commit(town, app, text) for text in ("One", "Two\twith <tabs>\n\nMore", "Three"))
    found = history.between(town.context, town.actor, app.name, first, third, 10)
    assert found and (found.ahead, found.behind) == (2, 0)
    assert [(one.sha, one.subject) for one in found.commits] == [(third, "Three"), (second, "Two\twith <tabs>")]
    short = history.between(town.context, town.actor, app.name, first, third, 1)
    assert short and (short.ahead, len(short.commits)) == (2, 1)
    back = history.between(town.context, town.actor, app.name, third, first, 10)
    assert back and (back.ahead, back.behind, back.commits) == (0, 2, ())


def test_what_is_not_there_is_none(town: Town, app: App) -> None:
    assert history.between(town.context, town.actor, app.name, "a" * 40, "b" * 40, 10) is None
    known = commit(town, app, "One")
    for old in ("a" * 40, "HEAD", "--all", "", known[:8]):
        assert history.between(town.context, town.actor, app.name, old, known, 10) is None
    with pytest.raises(NotFound):
        history.between(town.context, town.actor, "nobodys", known, known, 10)
