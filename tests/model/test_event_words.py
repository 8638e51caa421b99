"""What an event says to people, and links to commits."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

import celadon
from celadon.model import event as rules
from celadon.model.event import Event
from celadon.model.repository_link import commit_url

COMMIT = "3063626deadbeef"


def event(action: str, line: str | None = None, payload: Mapping[str, object] | None = None) -> Event:
    return Event(
        seq=1,
        app_id="a",
        account_id=None,
        action=action,
        resource_id=None,
        payload=payload or {},
        line=line,
        at=datetime.now(UTC),
    )


@pytest.mark.parametrize(
    ("happened", "words"),
    [
        (event("release:create", "Deploy 3063626 by user ada@example.com"), "Deploy 3063626"),
        (event("app:create"), "Create app"),
        (
            event("addon:create", payload={"name": "redis-1", "plan": {"name": "heroku-redis:mini"}}),
            "Create add-on redis-1 (heroku-redis:mini)",
        ),
        (event("postgres:backup-delete", payload={"name": "b001"}), "Backup delete postgres b001"),
        (event("app-transfer:create", payload={"to": "eve@example.com"}), "Create app transfer eve@example.com"),
    ],
)
def test_an_event_says_what_happened_and_not_who_twice(happened: Event, words: str) -> None:
    assert rules.words(happened, "ada@example.com") == words


def test_what_apps_have_done_to_them_is_of_some_kind() -> None:
    """But for what concerns accounts, teams and the platform."""
    others = {"account", "account-feature", "authorization", "key", "oauth-client", "oauth-token", "session", "team"}
    others |= {"incident", "team-addons", "team-invitation", "team-member", "invitation", "addon-service", "pipeline"}
    root = Path(str(celadon.__file__)).parent / "actions"
    text = "\n".join(path.read_text() for path in root.glob("*.py"))
    nouns = set(re.findall(r"events\.insert\(\s*(?:tx,\s*)f?\"([a-z-]+):", text))
    known = {noun for kind in rules.KINDS.values() for noun in kind}
    assert {"release", "addon", "formation"} <= nouns
    assert nouns - others <= known


@pytest.mark.parametrize(
    ("place", "commit", "url"),
    [
        ("https://github.com/ada/shop", COMMIT, f"https://github.com/ada/shop/commit/{COMMIT}"),
        ("https://github.com/ada/shop.git/", COMMIT, f"https://github.com/ada/shop/commit/{COMMIT}"),
        ("https://gitlab.com/ada/shop", COMMIT, f"https://gitlab.com/ada/shop/-/commit/{COMMIT}"),
        ("https://bitbucket.org/ada/shop", COMMIT, f"https://bitbucket.org/ada/shop/commits/{COMMIT}"),
        ("javascript:alert(1)//", COMMIT, None),
        ("https://github.com/ada/shop", "v1/../../x", None),
        ("https://github.com/ada/shop", None, None),
        (None, COMMIT, None),
    ],
)
def test_commits_are_linked_where_a_repository_is_named(place: str | None, commit: str | None, url: str | None) -> None:
    assert commit_url(place, commit) == url
