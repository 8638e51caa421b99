"""What an editor may change of a tree: paths from users are never trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.model import source_tree
from celadon.model.errors import InvalidParams
from celadon.model.source_tree import Change, Entry, Placed, check_path, plan

HOSTILE = (
    "",
    "/etc/passwd",
    "a//b",
    "a/",
    ".",
    "..",
    "../x",
    "a/../../x",
    "a/./b",
    ".git",
    ".git/config",
    "a/.git/hooks/post-checkout",
    ".GIT/config",
    ".Git",
    ".git ",
    ".git.",
    ".git. ./x",
    ".git::$INDEX_ALLOCATION/config",
    "git~1/config",
    "GIT~2",
    ".g\u200cit/config",
    "\uff0egit/config",
    "a\\..\\b",
    "a\0b",
    "a\nb",
    "a\x7fb",
    "a\x85b",
    "a\u202egpj.py",
    "a\u2028b",
    "\ud800",
    " a",
    "a ",
    "a/ b",
    "x" * 256,
    "/".join(["x" * 200] * 6),
)


def entry(path: str, mode: str = "100644") -> Entry:
    return Entry(path=path, mode=mode, blob="1" * 40, size=3)


TREE = [entry("app.py"), entry("bin/run", "100755"), entry("link", "120000"), entry("sub", "160000"), entry("README")]


@pytest.mark.parametrize("path", HOSTILE, ids=ascii)
def test_a_hostile_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidParams):
        check_path(path)
    for change in (Change(path=path, text="x"), Change(path=path, origin="app.py")):
        with pytest.raises(InvalidParams):
            plan(TREE, [change])


@pytest.mark.parametrize(
    "path", ["a", ".gitignore", ".github/workflows/x.yml", "a b/ü.py", "git", ".env", "日本/語.md"]
)
def test_an_ordinary_path_is_taken(path: str) -> None:
    assert check_path(path) == path


@given(st.text(max_size=30))
def test_no_path_leads_elsewhere(path: str) -> None:
    try:
        check_path(path)
    except InvalidParams:
        return
    names = path.split("/")
    assert not {"", ".", ".."} & set(names) and ".git" not in [name.lower() for name in names]


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [Change(path="none")],
        [Change(path="link", text="elsewhere")],
        [Change(path="sub", text="x")],
        [Change(path="link/x", text="x")],
        [Change(path="app.py/x", text="x")],
        [Change(path="bin", text="x")],
        [Change(path="readme", text="x")],
        [Change(path="BIN/x", text="x")],
        [Change(path="a/x", text="x"), Change(path="A/y", text="x")],
        [Change(path="new", origin="none")],
        [Change(path="new", origin="sub")],
        [Change(path="new", text="x"), Change(path="new", text="y")],
        [Change(path="app.py"), Change(path="app.py")],
        [Change(path="x", origin="app.py"), Change(path="y", origin="app.py")],
        [Change(path="new", text="\ud800")],
        [Change(path="new", text="x" * (source_tree.EDITED + 1))],
        [Change(path=f"f{number}", text="x") for number in range(source_tree.MOST_CHANGES + 1)],
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(changes: list[Change]) -> None:
    with pytest.raises(InvalidParams):
        plan(TREE, changes)


def test_a_plan_keeps_modes_and_lets_names_change_places() -> None:
    assert plan(TREE, [Change(path="bin/run", text="x")]) == [Placed(path="bin/run", mode="100755", text=b"x")]
    moved = plan(TREE, [Change(path="bin/go", origin="bin/run", text="y"), Change(path="run", origin="app.py")])
    assert moved == [
        Placed(path="bin/run"),
        Placed(path="app.py"),
        Placed(path="bin/go", mode="100755", text=b"y"),
        Placed(path="run", mode="100644", blob="1" * 40),
    ]
    swapped = plan(TREE, [Change(path="README", origin="app.py"), Change(path="app.py", origin="README")])
    assert [(one.path, one.goes) for one in swapped] == [("README", False), ("app.py", False)]
    assert plan(TREE, [Change(path="README"), Change(path="readme", text="")])[-1].text == b""
