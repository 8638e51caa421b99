"""Pages of deploys, logs, settings and pipelines over the wire: who sees and may do what, what is refused, how long they get."""

import uuid

import pytest
from tests.api.world import PASSWORD, Reply, World
from tests.dashboard.test_logging_in import OWN, ask, cookie_of

from celadon.actions import accounts, apps, builds, config_vars, pipeline_stages, pipelines, slugs, team_members, teams
from celadon.actions.builds import Compiled
from celadon.dashboard import config_vars as config_pages
from celadon.dashboard import drains
from celadon.dashboard.builds import MOST, fitting
from celadon.model.app import check_repository_url
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.image import Image
from celadon.model.pipeline import Stage
from celadon.model.team import TeamRole

APP = "/dashboard/apps/example"
PAGES = (
    f"{APP}/deploy",
    f"{APP}/logs",
    f"{APP}/settings",
    *(
        f"{APP}/settings/{part}"
        for part in ("config-vars", "buildpacks", "domains", "certificates", "drains", "ownership")
    ),
)


class Somebody:
    """Who is logged in at a browser."""

    def __init__(self, world: World, email: str = "ada@example.com") -> None:
        self.world = world
        sent = {"email": email, "password": PASSWORD}
        self.cookie = cookie_of(ask(world, "POST", "/dashboard/login", sent, **OWN))

    def get(self, path: str) -> Reply:
        return ask(self.world, "GET", path, Cookie=self.cookie)

    def post(self, path: str, **form: str) -> Reply:
        return ask(self.world, "POST", path, form, Cookie=self.cookie, **OWN)


def stranger(world: World) -> Somebody:
    accounts.create(world.context, world.actor, email="eve@example.com", password=PASSWORD)
    return Somebody(world, "eve@example.com")


def viewer(world: World) -> Somebody:
    """Who may look at the app `watched` of a team, and nothing more."""
    teams.create(world.context, world.actor, "crew")
    apps.create(world.context, world.actor, name="watched", team="crew")
    config_vars.update(world.context, world.actor, "watched", {"SECRET": "s3cret"})
    accounts.create(world.context, world.actor, email="vera@example.com", password=PASSWORD)
    team_members.put(world.context, world.actor, "crew", "vera@example.com", TeamRole.VIEWER, team_members.Way.CREATE)
    return Somebody(world, "vera@example.com")


def test_a_stranger_finds_none_of_the_pages(world: World) -> None:
    eve = stranger(world)
    made = pipelines.create(world.context, world.actor, "shop")
    build = world.made["build"]
    for path in (*PAGES, f"{APP}/builds/{build}", f"{APP}/releases/v3", f"/dashboard/pipelines/{made.id}"):
        assert eve.get(path).status == 404, path
    for path, form in (
        (f"{APP}/logs", {}),
        (f"{APP}/releases/v3", {"step": "rollback"}),
        (f"{APP}/builds/{build}", {"step": "cancel"}),
        (f"{APP}/settings", {"step": "rename", "name": "mine-now"}),
        (f"{APP}/settings/config-vars", {"step": "set", "name": "A", "value": "1"}),
        (f"{APP}/settings/ownership", {"step": "destroy", "confirm": "example"}),
        (f"/dashboard/pipelines/{made.id}", {"step": "destroy", "confirm": "shop"}),
        (f"/dashboard/pipelines/{made.id}/promote?app=x", {"step": "promote"}),
    ):
        assert eve.post(path, **form).status == 404, path
    assert made.id not in eve.get("/dashboard/pipelines").content.decode()


def test_who_may_only_look_sees_no_secret_and_changes_nothing(world: World) -> None:
    vera = viewer(world)
    for path in PAGES:
        text = vera.get(path.replace("example", "watched")).content.decode()
        assert "s3cret" not in text
    text = vera.get("/dashboard/apps/watched/settings/config-vars?reveal=1&edit=SECRET").content.decode()
    assert "SECRET" not in text and "permission deploy" in text
    for part, form in (
        ("", {"step": "rename", "name": "other"}),
        ("", {"step": "maintenance", "on": "yes"}),
        ("", {"step": "link", "repository_url": "https://example.com/x"}),
        ("/config-vars", {"step": "set", "name": "A", "value": "1"}),
        ("/buildpacks", {"step": "add", "url": "heroku/python"}),
        ("/domains", {"step": "add", "hostname": "www.example.com"}),
        ("/drains", {"step": "add", "url": "https://logs.example.com"}),
        ("/ownership", {"step": "destroy", "confirm": "watched"}),
    ):
        refused = vera.post(f"/dashboard/apps/watched/settings{part}", **form)
        assert refused.status == 403 and 'role="alert"' in refused.content.decode(), (part, form)


def test_a_collaborator_does_not_rename_or_delete_and_is_told_who_may(world: World) -> None:
    grace = Somebody(world, "grace@example.com")
    text = grace.get(f"{APP}/settings/ownership").content.decode()
    assert "Only the owner may delete example: ada@example.com" in text and 'value="destroy"' not in text
    assert grace.post(f"{APP}/settings/ownership", step="destroy", confirm="example").status == 403
    assert grace.post(f"{APP}/settings", step="rename", name="other").status == 403


@pytest.mark.parametrize("path", [p for p in PAGES if not p.endswith(("/deploy", "/logs"))])
def test_a_step_that_there_is_not_is_404(world: World, path: str) -> None:
    ada = Somebody(world)
    assert ada.post(path).status == 404
    assert ada.post(path, step="__class__").status == 404


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/config-vars", {"step": "set"}),
        ("/config-vars", {"step": "several", "lines": "\n#\n"}),
        ("/config-vars", {"step": "several", "lines": "not a name"}),
        ("/buildpacks", {"step": "up", "url": "heroku/none"}),
        ("/buildpacks", {"step": "add"}),
        ("/domains", {"step": "add"}),
        ("/certificates", {"step": "add", "chain": "x", "key": "y"}),
        ("/certificates", {"step": "add"}),
        ("/drains", {"step": "add"}),
        ("/ownership", {"step": "transfer", "to": "nobody"}),
        ("/ownership", {"step": "transfer", "to": "person:eve@example.com"}),
        ("/ownership", {"step": "destroy"}),
        ("", {"step": "link", "repository_url": "https://user:pass@example.com/x"}),
        ("", {"step": "link", "repository_url": "javascript:alert(1)"}),
        ("", {"step": "pages", "error_page": "ftp://x"}),
        ("", {"step": "rename"}),
    ],
)
def test_what_cannot_be_is_told_on_the_page(world: World, path: str, form: dict[str, str]) -> None:
    refused = Somebody(world).post(f"{APP}/settings{path}", **form)
    assert refused.status == 422 and 'role="alert"' in refused.content.decode()


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/domains", {"step": "remove", "hostname": "nowhere.example.com"}),
        ("/certificates", {"step": "remove", "name": "none"}),
        ("/drains", {"step": "remove", "drain": "none"}),
        ("/drains", {"step": "remove-webhook", "webhook": "none"}),
        ("/ownership", {"step": "withdraw"}),
        ("", {"step": "feature", "feature": "none", "on": "yes"}),
    ],
)
def test_what_is_not_there_any_more_is_told_on_the_page(world: World, path: str, form: dict[str, str]) -> None:
    refused = Somebody(world).post(f"{APP}/settings{path}", **form)
    assert refused.status == 404 and 'role="alert"' in refused.content.decode()


@pytest.mark.parametrize("query", ["?before=v-1", "?before=9999999999999", "?older=x", "?older=-3"])
def test_any_page_number_is_answered(world: World, query: str) -> None:
    assert Somebody(world).get(f"{APP}/deploy{query}").status == 200


def test_long_lists_make_short_pages(world: World) -> None:
    ada, text = Somebody(world), "<" * 5000
    for number in range(25):
        build = builds.create(world.context, world.actor, "example", commit=f"{number:040}", commit_description=text)
        compiled = Compiled(
            slug_id=str(uuid.uuid4()),
            process_types={"web": text},
            language="Python",
            checksum="SHA256:" + "0" * 64,
            size=2048,
            config_vars={},
        )
        builds.succeed(world.context, build.id, compiled)
    path = world.context.blobs.build_output(build.id)
    path.parent.mkdir(exist_ok=True)
    path.write_text("<script>\n" * 100_000)
    changes: dict[str, str | None] = {f"NAME_{number:03}": '"' * 500 for number in range(100)}
    config_vars.update(world.context, world.actor, "example", changes)
    for place in (
        f"{APP}/deploy",
        f"{APP}/deploy?older=10&before=v20",
        f"{APP}/builds/{build.id}",
        f"{APP}/releases/v10",
        f"{APP}/settings/config-vars?reveal=1",
    ):
        reply = ada.get(place)
        assert reply.status == 200 and len(reply.content) < 100_000, (place, len(reply.content))
    earlier = ada.get(f"{APP}/deploy?before=v11").content.decode()
    # What lives on that page asks for that page again.
    assert "v10" in earlier and 'hx-get="/dashboard/apps/example/deploy?before=v11"' in earlier


def test_the_last_lines_are_text_without_scripts(world: World) -> None:
    ada = Somebody(world)
    plain = ada.get(f"{APP}/logs?plain=1&dyno=web")
    assert plain.status == 303 and plain.headers["location"].startswith("/streams/")
    session = ada.post(f"{APP}/logs", lines="99999", source="app")
    assert session.status == 200 and session.content.startswith(b"/streams/")
    assert ada.post(f"{APP}/logs", dyno="x" * 65).status == 422


def test_going_back_keeps_what_add_ons_give_now(world: World) -> None:
    ada = Somebody(world)
    config_vars.update(world.context, world.actor, "example", {"A": "1", "B": "1"})
    world.deploy("example", {"web": "run"}, commit="b" * 40)
    config_vars.update(world.context, world.actor, "example", {"A": "2", "B": None, "C": "3"})
    text = ada.get(f"{APP}/releases/v6").content.decode()
    assert "<code>B</code> come back" in text.replace("\n", " ")
    assert "<code>C</code> go" in text and "<code>A</code> get their earlier value" in text
    assert '"2"' not in text and ada.post(f"{APP}/releases/v6", step="rollback").status == 303
    assert config_vars.find(world.context, world.actor, "example") == {"A": "1", "B": "1"}


def test_what_a_pipeline_shows_of_apps_is_what_one_sees_of_them(world: World) -> None:
    made = pipelines.create(world.context, world.actor, "shop")
    for name, stage in (("secret-app", Stage.STAGING), ("example", Stage.PRODUCTION)):
        if name != "example":
            apps.create(world.context, world.actor, name=name)
        pipelines.couple(world.context, world.actor, made.id, name, stage)
    world.deploy("secret-app", {"web": "run"})
    grace = Somebody(world, "grace@example.com")
    text = grace.get(f"/dashboard/pipelines/{made.id}").content.decode()
    assert "example" in text and "secret-app" not in text and "Only ada@example.com may." in text
    source = apps.find(world.context, world.actor, "secret-app")
    assert grace.get(f"/dashboard/pipelines/{made.id}/promote?app={source.id}").status == 404
    assert grace.post(f"/dashboard/pipelines/{made.id}", step="rename", name="mine").status == 403


def test_where_code_goes_next() -> None:
    assert [pipeline_stages.following(stage) for stage in Stage] == [
        None,
        None,
        Stage.STAGING,
        Stage.PRODUCTION,
        None,
    ]


def test_lines_of_config_vars() -> None:
    text = "A=1\n\n# no\nexport B = 'x=y'\nC=\nD\n"
    assert config_pages.read_lines(text) == {"A": "1", "B": "x=y", "C": "", "D": None}
    with pytest.raises(InvalidParams, match="line 2"):
        config_pages.read_lines("A=1\nnot this\n")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass@h.example.com/a?b=c", "https://h.example.com/…"),
        ("syslog://h.example.com:514", "syslog://h.example.com:514"),
        ("https://h.example.com/?token=x", "https://h.example.com/…"),
    ],
)
def test_of_a_url_only_the_place_is_shown(url: str, shown: str) -> None:
    assert drains.place(url) == shown


def test_commits_are_linked_once_a_repository_is_named(world: World) -> None:
    ada = Somebody(world)
    assert ada.post(f"{APP}/settings", step="link", repository_url="https://github.com/example/shop").status == 303
    world.deploy("example", {"web": "run"}, commit="b" * 40)
    newest = ada.get(f"{APP}/releases/v5").content.decode()
    assert f'href="https://github.com/example/shop/commit/{"b" * 40}"' in newest


def test_an_image_is_shown_as_one_and_its_environment_is_not(world: World) -> None:
    digest = "sha256:" + "1a2b3c4d" * 8
    found = Image(reference="registry.example.com/me/app:1", digest=digest, env={"SECRET": "of the image"})
    build = builds.create_import(world.context, world.actor, "example", found.reference)
    compiled = Compiled(
        slug_id=str(uuid.uuid4()),
        process_types={"web": "/server"},
        language="Container image",
        checksum="SHA256:1",
        size=1,
        config_vars={},
        image=found,
    )
    release = builds.succeed(world.context, build.id, compiled)
    assert release is not None and release.description == f"Imported {found.pinned}"
    ada = Somebody(world)
    page = ada.get(f"{APP}/releases/{release.name}").content.decode()
    assert f"<dt>Image</dt><dd><code>{found.pinned}</code></dd>" in page and "of the image" not in page
    assert "1a2b3c4d</code>" in ada.get(f"{APP}/releases/v3").content.decode()
    assert f"Import of <code>{found.reference}</code>" in ada.get(f"{APP}/builds/{build.id}").content.decode()
    shown = world.call("GET", f"/apps/example/slugs/{compiled.slug_id}")
    assert "of the image" not in shown.content.decode() and "it is the image" in _blob(world, shown)
    assert world.call("GET", "/apps/example").json["stack"]["name"] == "container"


def _blob(world: World, slug: Reply) -> str:
    """What one is told who would read a slug's bytes."""
    _, _, key = slug.json["blob"]["url"].rpartition("/")
    with pytest.raises(NotFound) as refused:
        slugs.to_read(world.context, slug.json["id"], key)
    return refused.value.message


def test_links_to_repositories() -> None:
    assert check_repository_url(" https://github.com/example/shop.git/ ") == "https://github.com/example/shop"
    assert check_repository_url("") is None
    for wrong in (
        "github.com/x",
        "https://a@b.example/x",
        "https://example.com",
        'https://example.com/"x',
        "https://x/?a",
    ):
        with pytest.raises(InvalidParams):
            check_repository_url(wrong)


def test_an_output_fits_into_a_page() -> None:
    text, whole = fitting(("<a>\n" * 30_000, True))
    assert not whole and len(text) * 2 < MOST and text.startswith("<a>")
    assert fitting(("short", True)) == ("short", True)
