"""One folder of a repository as an app; its repository emptied and packed while it serves."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta

from celadon.actions import context as contexts
from celadon.actions import repositories
from celadon.actions.context import Context, now
from celadon.model.repository import Repository
from celadon.platform import settings
from celadon.store import apps
from celadon.store import repositories as stored
from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for
from tests.journeys.test_builds import archive


def monorepo(version: str) -> dict[str, str]:
    """An app in a folder, and what stands beside it; at the top there is none."""
    files = {f"services/api/{name}": text for name, text in sources.web(version=version).items()}
    return {**files, "README": "no app is here\n", "shared/lib": "x\n"}


def test_a_folder_is_an_app_and_its_repository_is_packed_and_emptied(platform: Platform) -> None:
    app = platform.create(monorepo("first\n"))
    (app.checkout / "services" / "api" / "away").symlink_to("../../shared/lib")
    (app.checkout / "services" / "api" / "near").symlink_to("Procfile")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
    (app.checkout / "services" / "api" / "large.bin").write_text(pointer)
    app.commit()
    app.celadon("apps:repo:path", "service")
    assert "the commit has no folder service; folders at its top: services, shared." in app.push(check=False)
    assert "The next push builds the folder services/api." in app.celadon("apps:repo:path", "services/api/")
    said = app.push()
    assert "-----> Building the folder services/api" in said
    assert " !     The link away leads out of services/api: what it leads to is not in the build." in said
    assert "The link near" not in said
    assert " !     Pointers of Git LFS stand in the place of files: large.bin." in said
    _no_lfs(platform, app)
    wait_for("it serves", lambda: " first " in app.get().text)
    # The size is looked at, and the push counted, when the push is over.
    shown = wait_for("its size is known", lambda: found if "Repo Size:" in (found := app.celadon("apps:info")) else "")
    assert "services/api" in shown
    _pack(platform, app)
    app.celadon("apps:repo:reset", "--confirm", app.name)
    assert "Building the folder services/api" in app.push()
    assert " first " in app.get().text
    _build_archives(platform, app)


def _pack(platform: Platform, app: App) -> None:
    """What the clock does when it is time, and what comes of it."""
    with _context(platform) as context:
        with context.database.transaction() as tx:
            found = apps.find(tx, app.name)
            assert found is not None
            stored.update(tx, found.id, pushes=20, pushed_at=now() - timedelta(hours=1))

        def now_is() -> Repository:
            with context.database.read() as tx:
                return stored.find(tx, found.id)

        # Other journeys build meanwhile, and then it is not quiet; the clock may be first to ask.
        wait_for(
            "it is asked for",
            lambda: repositories.ask_to_pack(context) or now_is().gc_requested or not now_is().pushes,
            120,
        )
        wait_for("it is packed", lambda: now_is().pushes == 0)
        assert list((context.blobs.repository(found.id) / "objects" / "pack").glob("pack-*.pack"))


def _no_lfs(platform: Platform, app: App) -> None:
    """The router leads a client with Git LFS to the answer."""
    url = f"https://localhost:{platform.ports['https-port']}/{app.name}.git/info/lfs/objects/batch"
    said = platform.run(
        "curl", "-sS", "--cacert", platform.home / "ca" / "ca.pem", "-d", "{}", "-w", "%{http_code}", url
    )
    assert "cannot take Git LFS files" in said.stdout and said.stdout.endswith("501")


@contextlib.contextmanager
def _context(platform: Platform) -> Iterator[Context]:
    context = contexts.connect(settings.load(platform.home))
    try:
        yield context
    finally:
        context.database.close()


def _build_archives(platform: Platform, app: App) -> None:
    """The same folder of an archive; one without it, or with a link in its place, is refused."""
    target = archive(platform.directory, monorepo("archived\n"))
    assert "Building the folder services/api" in app.celadon("builds:create", "--source-tar", str(target))
    wait_for("it serves", lambda: " archived " in app.get().text)
    other = archive(platform.directory, {"web/Procfile": "web: x\n", "README": "x\n"})
    said = app.celadon("builds:create", "--source-tar", str(other), check=False)
    assert "The source has no folder services/api; its folders: web." in said
    assert "Push failed: the folder that is to be built is not in the source" in said
    tree = platform.directory / f"{app.name}-link"
    tree.mkdir()
    (tree / "services").mkdir()
    (tree / "services" / "api").symlink_to("/celadon/env")
    platform.run("tar", "-czf", f"{tree}.tar.gz", "-C", tree, ".")
    said = app.celadon("builds:create", "--source-tar", f"{tree}.tar.gz", check=False)
    # Nothing of the build dyno itself is taken for it.
    assert "The source has no folder services/api; its folders: services." in said
