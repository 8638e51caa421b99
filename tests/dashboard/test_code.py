"""Templates and the workspace on a store without roles: what is committed is in a real repository; nothing builds."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect
from tests.api.world import PASSWORD, World, open_world
from tests.dashboard.browser import Visitor, wait_for
from tests.dashboard.test_logging_in import OWN, ask, cookie_of, log_in
from tests.model.test_source_tree import HOSTILE

from celadon.actions import accounts, builds, releases, templates
from celadon.git import repository, workspace
from celadon.model.source_tree import Change
from celadon.platform.settings import Settings

CODE = "/dashboard/apps/example/code"


@pytest.fixture
def world(prepared: dict[bool, Path]) -> Iterator[World]:
    """Git runs as the app's uid, so its home is not below a directory of root's alone."""
    home = Path(tempfile.mkdtemp(prefix="celadon-code-"))
    shutil.copytree(prepared[True], home, dirs_exist_ok=True)
    home.chmod(0o711)
    (home / "sources").mkdir()
    made = open_world(Settings(home=home, acme_email="ops@example.com"))
    repository.prepare(made.context.settings)
    yield made
    made.context.database.close()
    shutil.rmtree(home)


def commit(world: World, **files: str) -> str:
    """Files (`name__py` stands for `name.py`) on top of what is there."""
    changes = [Change(path=name.replace("__", "."), text=text) for name, text in files.items()]
    return place(world, *changes)


def place(world: World, *changes: Change) -> str:
    base = workspace.look(world.context, world.actor, "example").commit
    return workspace.commit(world.context, world.actor, "example", base=base, message="Earlier", changes=changes)


def text_of(world: World, path: str) -> str:
    content = workspace.read(world.context, world.actor, "example", path)[2]
    assert content is not None
    return content.decode()


def paths(world: World) -> list[str]:
    return [entry.path for entry in workspace.look(world.context, world.actor, "example").entries]


def send(world: World, path: str, value: Any, cookie: str = "", **headers: str) -> Any:
    """As the page's script sends something."""
    sent = {**OWN, "Accept": "application/json", "Cookie": cookie or cookie_of(log_in(world)), **headers}
    return world.call("POST", path, token=None, content=json.dumps(value).encode(), headers=sent)


def open_file(page: Page, path: str) -> None:
    page.get_by_role("button", name=path, exact=True).click()
    expect(page.locator("#code-path")).to_have_text(path)


def write(page: Page, text: str) -> None:
    editor = page.locator("#code-editor .cm-content")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


# By the wire


@pytest.mark.parametrize("path", HOSTILE, ids=ascii)
def test_a_hostile_path_is_a_4xx_with_words(world: World, path: str) -> None:
    for change in ({"path": path, "text": "x"}, {"path": path, "from": "a"}, {"path": path, "deleted": True}):
        content = json.dumps({"base": None, "message": "x", "changes": [change]}).encode()
        sent = {**OWN, "Cookie": cookie_of(log_in(world))}
        answer = world.call("POST", f"{CODE}/commits", token=None, content=content, headers=sent)
        assert answer.status in (400, 422) and answer.json["message"], answer.content


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 422),
        ([], 400),
        ({"changes": [], "message": "x"}, 422),
        ({"changes": [{}], "message": "x"}, 422),
        ({"changes": ["x"], "message": "x"}, 422),
        ({"changes": [{"path": "a"}], "message": "x"}, 422),
        ({"changes": [{"path": "a", "text": 3}], "message": "x"}, 422),
        ({"changes": [{"path": "a", "text": "x"}], "message": "  "}, 422),
        ({"changes": [{"path": "a", "text": "x"}], "message": "x", "base": "f" * 40}, 409),
        ({"changes": [{"path": "a", "text": "x"}], "message": "x", "base": "--help"}, 409),
    ],
    ids=str,
)
def test_a_commit_that_makes_no_sense_is_refused(world: World, sent: Any, status: int) -> None:
    answer = send(world, f"{CODE}/commits", sent)
    assert answer.status == status and answer.json["message"]


def test_who_may_not_push_sees_no_code(world: World) -> None:
    commit(world, app__py="x")
    accounts.create(world.context, world.actor, email="eve@example.com", password=PASSWORD)
    stranger = accounts.log_in(world.context, "eve@example.com", PASSWORD)
    for token, status in ((world.new_token(actor=stranger), 404), (world.new_token("read"), 403)):
        cookie = f"celadon={token}"
        for path in (f"{CODE}/tree", f"{CODE}/file?path=app.py"):
            assert ask(world, "GET", path, Cookie=cookie).status == status
        change = {"base": None, "message": "x", "changes": [{"path": "a", "text": "x"}]}
        for path, value in ((f"{CODE}/commits", change), (f"{CODE}/deploys", {})):
            assert send(world, path, value, cookie).status == status
    page = ask(world, "GET", CODE, Cookie=f"celadon={world.new_token('read')}")
    assert page.status == 200 and "data-code" not in page.content.decode()


def test_a_page_of_another_origin_commits_nothing(world: World) -> None:
    change = {"base": None, "message": "x", "changes": [{"path": "a", "text": "x"}]}
    assert send(world, f"{CODE}/commits", change, Origin="http://shop.localhost:8080").status == 403
    assert paths(world) == []


def test_a_file_that_is_not_there_is_a_404(world: World) -> None:
    commit(world, app__py="x")
    for path in ("app", "/etc/passwd", "../x", ""):
        assert ask(world, "GET", f"{CODE}/file?path={path}", Cookie=cookie_of(log_in(world))).status == 404


def test_every_template_can_be_an_apps_first_commit(world: World) -> None:
    assert {one.id for one in templates.all_of()} >= {"flask", "django", "express", "static", "worker"}
    for number, template in enumerate(templates.all_of()):
        found = templates.files(template)
        assert "Procfile" in found or "static.json" in found
        world.call("POST", "/apps", {"name": f"made-{number}"})
        workspace.begin(world.context, world.actor, f"made-{number}", found, template.commit_message)
        entries = workspace.look(world.context, world.actor, f"made-{number}").entries
        assert {entry.path: entry.mode for entry in entries} == {path: mode for path, (mode, _) in found.items()}
    assert templates.files(templates.find("django"))["manage.py"][0] == "100755"


def test_a_template_makes_an_app_its_code_and_a_build(world: World) -> None:
    cookie = cookie_of(log_in(world))
    made = ask(world, "POST", "/dashboard/new", {"template": "flask", "name": "shop"}, Cookie=cookie, **OWN)
    assert made.status == 303 and made.headers["location"].startswith("/dashboard/apps/shop/code?build=")
    descriptions = [one.description for one in releases.list_of(world.context, world.actor, "shop")[1]]
    assert descriptions[-1] == "Cloned app from Flask"
    (build,) = builds.list_of(world.context, world.actor, "shop")[1]
    assert build.commit_description == "Cloned app from Flask"
    assert workspace.look(world.context, world.actor, "shop").commit == build.commit


@pytest.mark.parametrize(
    "form",
    [
        {"template": "none", "name": "shop"},
        {"name": "shop"},
        {"template": "flask", "name": "No"},
        {"template": "flask", "name": "example"},
    ],
    ids=str,
)
def test_an_app_that_cannot_be_is_told_beside_the_form(world: World, form: dict[str, str]) -> None:
    refused = ask(world, "POST", "/dashboard/new", form, Cookie=cookie_of(log_in(world)), **OWN)
    text = refused.content.decode()
    assert refused.status in (404, 422) and 'role="alert"' in text and f'value="{form["name"]}"' in text


def test_a_template_brings_add_ons_and_generated_config_vars(world: World) -> None:
    assert [one.plan for one in templates.find("worker").manifest.addons] == ["heroku-redis:mini"]
    django = templates.find("django").manifest
    assert django.addons[0].plan == "heroku-postgresql:mini" and django.env["SECRET_KEY"].generated


# In a browser


def test_an_app_is_made_from_a_template(world: World, visitor: Visitor) -> None:
    # Nothing serves the build's output here.
    visitor.expect("404")
    visitor.page.get_by_role("link", name="From a template").click()
    page = visitor.page
    expect(page.get_by_role("heading", name="New app from a template")).to_be_visible()
    visitor.look("new-app")
    page.get_by_label("Static site").check()
    page.get_by_label("Name of the app").fill("Not a name")
    visitor.expect("422")
    page.get_by_role("button", name="Create and build").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Static site")).to_be_checked()
    page.get_by_label("Name of the app").fill("pages")
    page.get_by_role("button", name="Create and build").click()
    expect(page.locator("#code-build")).to_contain_text("Cloned app from Static site")
    page.get_by_text("public", exact=True).click()
    page.get_by_role("button", name="index.html").click()
    expect(page.locator("#code-editor")).to_contain_text("Hello from a static site")


def test_an_app_without_code_begins_with_a_template(world: World, visitor: Visitor) -> None:
    visitor.expect("404")
    page = visitor.go(CODE)
    expect(page.get_by_role("heading", name="No code yet")).to_be_visible()
    visitor.look("code-empty")
    page.get_by_label("Express").check()
    page.get_by_role("button", name="Begin with this template").click()
    expect(page.locator("#code-build")).to_contain_text("Cloned app from Express")
    assert "server.js" in paths(world)


def test_edit_look_at_the_diff_and_commit(world: World, visitor: Visitor) -> None:
    place(
        world,
        Change(
            path="app.py",
            text='"""An app."""\n\n\ndef hello():\n    return "Hello"\n\n\nif __name__ == "__main__":\n    print(hello())\n',
        ),
        Change(path="pages/deep/index.html", text="<h1>Index</h1>\n"),
        Change(path="pages/a-file-with-a-very-long-name-that-does-not-fit-into-the-column.html", text="x\n"),
        Change(path="notes.txt", text="one\r\ntwo\r\n"),
        Change(path="old.txt", text="old\n"),
        Change(path="gone.txt", text="gone\n"),
    )
    page = visitor.go(CODE)
    open_file(page, "app.py")
    expect(page.locator("#code-editor .cm-content")).to_contain_text("def hello")
    page.get_by_label("Find a file").fill("deep ind")
    open_file(page, "pages/deep/index.html")
    write(page, "A new page")
    page.get_by_label("Find a file").fill("")
    expect(page.locator("#code-changes")).to_contain_text("pages/deep/index.html")
    # Edits survive a reload.
    page.reload()
    expect(page.locator("#code-editor .cm-content")).to_have_text("A new page")
    open_file(page, "notes.txt")
    write(page, "three\nfour\n")
    open_file(page, "old.txt")
    page.get_by_role("button", name="Rename", exact=True).click()
    page.get_by_label("Path").fill("kept/new.txt")
    page.get_by_role("button", name="OK").click()
    expect(page.locator("#code-path")).to_have_text("kept/new.txt")
    open_file(page, "gone.txt")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="New file").click()
    page.get_by_label("Path").fill("pages")
    page.get_by_role("button", name="OK").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("in its way")
    page.get_by_label("Path").fill("fresh.md")
    page.get_by_role("button", name="OK").click()
    expect(page.locator("#code-path")).to_have_text("fresh.md")
    expect(page.locator("#code-editor .cm-focused")).to_be_visible()
    page.keyboard.type("# Fresh")
    open_file(page, "app.py")
    page.get_by_text("return", exact=True).click()
    page.keyboard.press("End")
    page.keyboard.type("  # said")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(".cm-search")).to_be_visible()
    page.get_by_role("button", name="Diff of app.py").click()
    expect(page.locator("#code-diff .cm-insertedLine, #code-diff .cm-changedLine").first).to_contain_text("# said")
    visitor.look("code")
    page.get_by_role("button", name="Diff of kept/new.txt").click()
    expect(page.locator("#code-diff")).to_contain_text("Renamed from old.txt")
    page.get_by_label("What has changed", exact=True).fill("Much at once")
    page.get_by_role("button", name="Commit", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Committed")).to_be_visible()
    expect(page.locator("#code-none")).to_be_visible()
    assert text_of(world, "pages/deep/index.html") == "A new page"
    assert text_of(world, "notes.txt") == "three\r\nfour\r\n"
    assert text_of(world, "fresh.md") == "# Fresh" and text_of(world, "kept/new.txt") == "old\n"
    assert '    return "Hello"  # said\n' in text_of(world, "app.py")
    assert not {"old.txt", "gone.txt"} & set(paths(world))
    page.reload()
    expect(page.locator("#code-none")).to_be_visible()


def test_the_file_that_was_clicked_last_is_the_one_that_is_open(world: World, visitor: Visitor) -> None:
    commit(world, slow__py="slow\n", fast__py="fast\n")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visitor.page.route("**/file?path=slow.py", hold)
    page = visitor.go(CODE)
    page.get_by_role("button", name="slow.py", exact=True).click()
    open_file(page, "fast.py")
    with page.expect_response("**/file?path=slow.py"):
        held[0].continue_()
    # What is asked later is answered later: the page has read it by then.
    page.evaluate("fetch(location.href).then(answer => answer.text())")
    write(page, "typed")
    expect(page.locator("#code-changes")).to_contain_text("fast.py")
    expect(page.locator("#code-path")).to_have_text("fast.py")


def test_a_push_in_between_keeps_the_edits(world: World, visitor: Visitor) -> None:
    visitor.expect("409")
    commit(world, app__py="one\n", other__py="x\n")
    page = visitor.go(CODE)
    open_file(page, "app.py")
    write(page, "mine\n")
    commit(world, app__py="theirs\n")
    page.get_by_label("What has changed", exact=True).fill("Mine")
    page.get_by_role("button", name="Commit", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="main has moved")).to_be_visible()
    assert text_of(world, "app.py") == "theirs\n"
    page.reload()
    expect(page.locator("#code-changes")).to_contain_text("another version")
    page.get_by_role("button", name="Diff of app.py").click()
    expect(page.locator("#code-diff")).to_contain_text("theirs")
    visitor.look("code-moved")
    page.get_by_label("What has changed", exact=True).fill("Mine, having seen theirs")
    page.get_by_role("button", name="Commit", exact=True).click()
    expect(page.locator("#code-none")).to_be_visible()
    assert text_of(world, "app.py") == "mine\n"


def test_what_cannot_be_edited_is_said(world: World, visitor: Visitor) -> None:
    place(world, Change(path="big.txt", text="x" * (250 << 10)), Change(path="nul.bin", text="a\0b"))
    page = visitor.go(CODE)
    open_file(page, "nul.bin")
    expect(page.locator("#code-editor")).to_contain_text("not text (3 bytes)")
    expect(page.get_by_role("button", name="Search", exact=True)).to_be_hidden()
    open_file(page, "big.txt")
    expect(page.locator("#code-editor .cm-content")).to_be_visible()


def test_edits_are_undone_and_discarded(world: World, visitor: Visitor) -> None:
    commit(world, app__py="one\n", b__py="b\n")
    page = visitor.go(CODE)
    for name in ("app.py", "b.py"):
        open_file(page, name)
        write(page, "changed")
        expect(page.get_by_role("button", name=f"Undo what is changed of {name}")).to_be_visible()
    page.get_by_role("button", name="Undo what is changed of b.py").click()
    expect(page.locator("#code-editor .cm-content")).to_contain_text("b")
    page.get_by_role("button", name="Discard all changes").click()
    page.get_by_role("button", name="Really discard").click()
    expect(page.locator("#code-none")).to_be_visible()
    page.reload()
    expect(page.locator("#code-none")).to_be_visible()


def test_deploy_builds_the_head(world: World, visitor: Visitor) -> None:
    visitor.expect("404")
    made = commit(world, app__py="one\n")
    page = visitor.go(CODE)
    page.get_by_role("button", name="Deploy main").click()
    expect(page.locator("#code-build")).to_contain_text(made[:8])
    build = max(builds.list_of(world.context, world.actor, "example")[1], key=lambda one: one.created_at)
    assert build.commit == made
    wait_for("its archive is there", world.context.blobs.source(build.id).exists)
    visitor.expect("409")
    page.get_by_role("button", name="Deploy main").click()
    expect(page.get_by_role("alert").filter(has_text="another build")).to_be_visible()
