"""Which refs of a push deploy, are stored, or are refused."""

import pytest

from celadon.git import branches
from celadon.git.branches import Update
from celadon.model.errors import BadRequest, InvalidParams

NONE, ONE, TWO = "0" * 40, "1" * 40, "2" * 40


def test_main_and_master_deploy() -> None:
    for branch in ("main", "master"):
        update = Update(NONE, ONE, f"refs/heads/{branch}")
        assert branches.plan([update]).deploy == update


@pytest.mark.parametrize(
    "ref", ["refs/heads/topic", "refs/tags/main", "refs/heads/main/x", "refs/heads/Main", "refs/notes/x"]
)
def test_other_refs_are_stored(ref: str) -> None:
    plan = branches.plan([Update(NONE, ONE, ref)])
    assert plan.deploy is None
    assert "without a build" in branches.sentences(plan)[0]


def test_main_and_master_at_one_commit_deploy_once() -> None:
    plan = branches.plan([Update(NONE, ONE, "refs/heads/main"), Update(NONE, ONE, "refs/heads/master")])
    assert plan.deploy is not None and plan.stored == ()


def test_main_and_master_at_different_commits_are_refused() -> None:
    with pytest.raises(InvalidParams, match="main and master"):
        branches.plan([Update(NONE, ONE, "refs/heads/main"), Update(NONE, TWO, "refs/heads/master")])


def test_deleting_the_deploy_branch_is_refused_and_others_are_told() -> None:
    with pytest.raises(InvalidParams, match="cannot delete main"):
        branches.plan([Update(ONE, NONE, "refs/heads/main")])
    plan = branches.plan([Update(ONE, NONE, "refs/heads/topic")])
    assert branches.sentences(plan) == ["Deleted topic"]


def test_too_many_refs_are_refused() -> None:
    updates = [Update(NONE, ONE, f"refs/heads/b{n}") for n in range(branches.MOST + 1)]
    with pytest.raises(InvalidParams, match="10,001 refs"):
        branches.plan(updates)
    assert "and 9,995 more" in branches.sentences(branches.plan(updates[1:]))[0]


def test_names_are_shown_without_what_a_terminal_would_obey() -> None:
    plan = branches.plan([Update(NONE, ONE, "refs/heads/x\x1b[31m\u202e")])
    assert "\x1b" not in branches.sentences(plan)[0] and "\u202e" not in branches.sentences(plan)[0]


def test_lines_of_git_are_read_and_others_refused() -> None:
    assert branches.read(f"{NONE} {ONE} refs/heads/a\u2028b\n") == [Update(NONE, ONE, "refs/heads/a\u2028b")]
    for line in ("", "x", f"{ONE} {TWO}", f"{ONE} {'z' * 40} refs/heads/main", f"{ONE} -x refs/heads/main"):
        with pytest.raises(BadRequest):
            branches.read(f"{line}\n")
