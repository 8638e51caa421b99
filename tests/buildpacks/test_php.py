"""The php buildpack, with the stack's PHP and Composer. Packages come from the app: no test reaches packagist."""

import base64
import http.server
import json
import runpy
import shutil
import subprocess
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.buildpacks import stack
from tests.buildpacks.php_apps import build, wait_for_log

BUILDPACK = "php"
EXAMPLE = Path(__file__).parents[2] / "examples" / "php-apache"
LIB = stack.BUILDPACKS / "php" / "lib"
ARCHIVE = EXAMPLE / "packages" / "erusev-parsedown-1.7.4.zip"
MANIFEST: dict[str, Any] = json.loads((EXAMPLE / "composer.json").read_text("utf-8"))
LOCK: dict[str, Any] = json.loads((EXAMPLE / "composer.lock").read_text("utf-8"))
PACKAGE: dict[str, Any] = LOCK["packages"][0]


def manifest(**changes: object) -> str:
    return json.dumps({**MANIFEST, **changes})


def requiring(**required: str) -> str:
    return manifest(
        require={**MANIFEST["require"], **{name.replace("_", "-"): text for name, text in required.items()}}
    )


def lock(**changes: object) -> str:
    """The example's, with another entry for its package."""
    return json.dumps({**LOCK, "packages": [{**PACKAGE, **changes}]})


def test_detects_php(app: stack.App) -> None:
    app.write({"index.html": ""})
    assert app.detect("php") is None
    app.write({"index.php": ""})
    assert app.detect("php") == "PHP"
    (app.source / "index.php").rename(app.source / "composer.json")
    assert app.detect("php") == "PHP"


def test_the_example_answers_behind_apache_and_its_second_build_fetches_nothing(
    first: tuple[stack.App, stack.Compiled], example: stack.App
) -> None:
    assert "-----> Using PHP 8.4." in first[1].output
    assert "-----> Installing the packages of composer.lock with Composer\n" in first[1].output
    assert "         - Installing erusev/parsedown (1.7.4): Extracting archive\n" in first[1].output
    page = (EXAMPLE / "public" / "index.php").read_text("utf-8")
    changes = {
        "public/index.php": page.replace("Hello *", "Changed for *"),
        "src/More.php": "<?php namespace Hello; class More {}",
    }
    second = build(example, changes)
    assert "-----> Using the packages of composer.lock from the cache\n" in second.output
    assert "Installing erusev" not in second.output
    assert "from the cache" in build(example).output, "the second build has changed what it took from the cache"
    assert "  web: heroku-php-apache2\n" in example.release("php")
    command = "vendor/bin/heroku-php-apache2 public/ 2>&1 | tee log"
    with example.serve(command, env={"DYNO": "web.1"}) as url:
        assert stack.get(url)[1].startswith("<h1>Hello from web.1</h1>\n<p>PHP 8.4.")
        # By .htaccess, which the example has.
        assert stack.get(f"{url}/there")[1] == "<p>Changed for <em>there</em></p>\n"
        assert stack.get(f"{url}/.htaccess")[0] == 404
        wait_for_log(example, "Serving public on port ", "UTC] greeting there\n", '"GET /there HTTP/1.1" 200 ')


def test_the_document_root_of_a_framework_is_hinted_at(app: stack.App) -> None:
    hint = "Commit a Procfile that names it: web: heroku-php-apache2 public/"
    assert hint in build(app, {"composer.json": "{}", "public/index.php": ""}).output
    assert hint not in build(app, {"Procfile": "web: heroku-php-nginx public/\n"}).output


BROKEN: dict[str, tuple[dict[str, str | None], str]] = {
    "JSON": ({"composer.json": '{"require": {"php": "^8.2",}}'}, "cannot read composer.json"),
    "no object": ({"composer.json": "[1]"}, "cannot read composer.json"),
    "no range": ({"composer.json": requiring(php="newest")}, 'Invalid version string "newest"'),
    "no lock": ({"composer.lock": None}, "there is no composer.lock beside it"),
    "a conflict in the lock": ({"composer.lock": "<<<<<<< HEAD\n"}, "cannot read composer.lock"),
    "a lock of nothing": ({"composer.lock": "{}"}, "cannot read composer.lock"),
    "a lock of before": ({"composer.json": requiring(**{"monolog/monolog": "^3"})}, "composer.lock does not have all"),
    "a PHP to come": ({"composer.json": requiring(php="~8.5.0")}, 'Change "php" in composer.json, to "^8.4" for example'),
    "a package's old PHP": ({"composer.lock": lock(require={"php": "^7.4"})}, "composer update erusev/parsedown"),
    "no such extension": ({"composer.json": requiring(ext_gmp="*")}, "requires ext-gmp, and the stack's PHP has no such"),
    "a script": ({"composer.json": manifest(scripts={"post-install-cmd": "@php artisan x"})}, "a script of composer.json"),
    "a script for ever": ({"composer.json": manifest(scripts={"compile": "sleep 60"}, config={"process-timeout": 1})}, "COMPOSER_PROCESS_TIMEOUT"),
    "the script compile": ({"composer.json": manifest(scripts={"compile": "exit 3"})}, "a script of composer.json failed"),
    "another archive": ({"composer.lock": lock(dist={**PACKAGE["dist"], "shasum": "0" * 40})}, "not the one of composer.lock"),
    "a page": (
        {"Procfile": "web: heroku-php-nginx -C nginx.conf public/\n", "public/index.php": "<?php\n\necho 'x'\necho 'y';\n"},
        'cannot run public/index.php: syntax error, unexpected token "echo", expecting "," or ";" on line 4.',
    ),
    "what is always loaded": (
        {"composer.json": manifest(autoload={"files": ["src/all.php"]}), "src/all.php": "<?php\nfunction a() {}\nfunction a() {}\n"},
        "cannot run src/all.php: Cannot redeclare function a() (previously declared in src/all.php:2) on line 3.",
    ),
    "nobody there": ({"composer.lock": lock(dist={"type": "zip", "url": "https://127.0.0.1:9/x"})}, "cannot fetch a package"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_said_within_seconds(example: stack.App, name: str) -> None:
    files, answer = BROKEN[name]
    example.write({path: text for path, text in files.items() if text is not None})
    for path in (path for path, text in files.items() if text is None):
        (example.source / path).unlink()
    refused = example.compile("php")
    assert refused.status == 1
    assert answer in refused.output
    assert refused.output.count(" !     ") > 1, "what to do about it is not said"
    assert "Exception trace" not in refused.output
    assert refused.seconds < 30


@pytest.mark.parametrize(
    "files",
    [
        {"index.php": "<?xml version='1.0'?>\n<?php echo 1; ?>\n"},
        {"index.php": "<?php if (1): ?>a<? endif;\n"},
        {"Procfile": "web: heroku-php-apache2 $FOLDER\n", "index.php": "<?php }\n"},
        {"Procfile": "web: heroku-php-apache2 public/\n", "public/index.html": "", "index.php": "<?php }\n"},
        {"Procfile": "web: php -S 0.0.0.0:$PORT -t public\n", "index.php": "<?php }\n"},
        {"Procfile": "worker: php work.php\n", "index.php": "<?php echo 1;\n"},
    ],
)
def test_a_file_that_may_well_run_is_not_refused(app: stack.App, files: dict[str, str]) -> None:
    assert " !     " not in build(app, {"index.php": "", **files}).output


def test_an_older_lock_that_will_do_is_only_said(example: stack.App) -> None:
    built = build(example, {"composer.json": manifest(**{"minimum-stability": "dev"})})
    assert "composer.lock was written for another composer.json than this" in built.output


def update(app: stack.App) -> None:
    """Write composer.lock as a developer does."""
    stack.own(app.source)
    argv = stack.enter_argv({app.source: "/app"}, "/app", ["composer", "update", "--no-install", "--no-interaction"])
    subprocess.run(argv, env=stack.environment({"COMPOSER_HOME": "/tmp/home"}), check=True, capture_output=True)


def test_a_package_in_a_folder_of_the_app_is_never_an_old_copy(app: stack.App) -> None:
    source = "<?php namespace Acme; function hello(): string { return 'one'; }"
    app.write(
        {
            "composer.json": json.dumps(
                {
                    "require": {"acme/hello": "*"},
                    "require-dev": {"acme/never": "*"},
                    "repositories": [{"type": "path", "url": "packages/*"}, {"packagist.org": False}],
                    "scripts": {"compile": ["echo $GREETING >greeting", "@php -r 'echo PHP_SAPI;'"]},
                }
            ),
            "packages/hello/composer.json": '{"name": "acme/hello", "version": "1.0.0", "autoload": {"files": ["hello.php"]}}',
            "packages/never/composer.json": '{"name": "acme/never", "version": "1.0.0"}',
            "packages/hello/hello.php": source,
            "index.php": "<?php require 'vendor/autoload.php'; echo Acme\\hello(), \"\\n\";",
        }
    )
    app.config.mkdir()
    for name, value in {"GREETING": "well", "COMPOSER_MIRROR_PATH_REPOS": "1"}.items():
        (app.config / name).write_text(value)
    update(app)
    build(app)
    assert (app.slug / "greeting").read_text("utf-8") == "well\n"
    assert not (app.slug / "vendor" / "acme" / "never").exists(), "development packages are installed"
    second = build(app, {"packages/hello/hello.php": source.replace("one", "two")})
    assert "from the cache" in second.output
    assert app.run("php index.php").output == "two\n"


def archive(app: stack.App, package: dict[str, object], files: dict[str, str]) -> None:
    """A package as an artifact of the app's, in `zips`."""
    (app.source / "zips").mkdir()
    with zipfile.ZipFile(app.source / "zips" / "package.zip", "w") as made:
        for name, text in {"composer.json": json.dumps(package), **files}.items():
            made.writestr(name, text)


PLUGIN = """<?php namespace Acme;
class Plugin implements \\Composer\\Plugin\\PluginInterface {
    public function activate(\\Composer\\Composer $composer, \\Composer\\IO\\IOInterface $io) { $io->write('the plugin acts'); }
    public function deactivate(\\Composer\\Composer $composer, \\Composer\\IO\\IOInterface $io) {}
    public function uninstall(\\Composer\\Composer $composer, \\Composer\\IO\\IOInterface $io) {}
}
"""


@pytest.mark.parametrize("allowed", [True, False])
def test_a_plugin_of_composer_acts_where_the_app_allows_it(app: stack.App, allowed: bool) -> None:
    own = {
        "require": {"acme/plugin": "*"},
        "repositories": [{"type": "artifact", "url": "zips"}, {"packagist.org": False}],
        "config": {"allow-plugins": {"acme/plugin": True} if allowed else {}},
    }
    package = {
        "name": "acme/plugin",
        "version": "1.0.0",
        "type": "composer-plugin",
        "require": {"composer-plugin-api": "^2"},
    }
    code = {"extra": {"class": "Acme\\Plugin"}, "autoload": {"psr-4": {"Acme\\": ""}}}
    app.write({"composer.json": json.dumps(own)})
    archive(app, {**package, **code}, {"Plugin.php": PLUGIN})
    update(app)
    for _ in range(2):
        built = app.compile("php")
        assert ("       the plugin acts\n" in built.output) == allowed, built.output
        assert (built.status == 0) == allowed
    assert allowed or "a plugin is not allowed in composer.json" in built.output


def test_programs_of_packages_are_there_in_folders_of_the_apps_choice(app: stack.App) -> None:
    app.write(
        {
            "composer.json": json.dumps(
                {
                    "require": {"acme/tool": "*"},
                    "config": {"vendor-dir": "lib/php", "bin-dir": "tools"},
                    "repositories": [{"type": "artifact", "url": "zips"}, {"packagist.org": False}],
                }
            ),
            "index.php": "<?php require 'lib/php/autoload.php'; echo 'loaded';",
        }
    )
    files = {"tool": "#!/usr/bin/env php\n<?php echo 'a tool';"}
    archive(app, {"name": "acme/tool", "version": "1.0.0", "bin": ["tool"]}, files)
    update(app)
    build(app)
    assert "from the cache" in build(app).output
    assert app.run("tool").output == "a tool"
    with app.serve("tools/heroku-php-apache2") as url:
        assert stack.get(url)[1] == "loaded"
        assert [stack.get(f"{url}/{path}")[0] for path in ("lib/php/autoload.php", "tools/tool")] == [403, 403]


def test_packages_that_came_with_the_push_are_used(example: stack.App) -> None:
    build(example)
    shutil.copytree(example.slug / "vendor", example.source / "vendor", symlinks=True)
    (example.source / "vendor" / "erusev" / "parsedown" / "own").touch()
    shutil.rmtree(example.source / "packages")
    assert "Using the packages in vendor, which came with the push" in build(example).output
    assert (example.slug / "vendor" / "erusev" / "parsedown" / "own").exists()


class Private(http.server.BaseHTTPRequestHandler):
    """One archive, for who has the password."""

    def do_GET(self) -> None:
        right = "Basic " + base64.b64encode(b"me:secret").decode()
        allowed = self.headers.get("Authorization") == right
        content = ARCHIVE.read_bytes() if allowed else b""
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("password", ["secret", "wrong"])
def test_a_private_package_by_the_login_in_composer_auth(app: stack.App, password: str) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Private)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    dist = {"type": "zip", "url": f"http://{host}/parsedown.zip", "shasum": PACKAGE["dist"]["shasum"]}
    app.write({"composer.json": manifest(config={"secure-http": False}), "composer.lock": lock(dist=dist)})
    app.config.mkdir()
    token = "a-token-of-github"
    login = {"http-basic": {host: {"username": "me", "password": password}}}
    (app.config / "COMPOSER_AUTH").write_text(json.dumps(login))
    (app.config / "COMPOSER_GITHUB_OAUTH_TOKEN").write_text(token)
    built = app.compile("php")
    server.shutdown()
    server.server_close()
    assert (built.status == 0) == (password == "secret"), built.output
    for secret in (password, token):
        assert secret not in built.output
        kept = [path for path in app.cache.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
        assert kept == [], "a login is in the cache"
    if built.status:
        assert "Put it into the config var COMPOSER_AUTH" in built.output


def missing(name: str, source: str = "__root__", constraint: str = "*", version: str = "n/a") -> str:
    failed = {"source": source, "type": "requires", "target": name, "constraint": constraint}
    status = "missing" if version == "n/a" else "failed"
    return json.dumps([{"name": name, "version": version, "status": status, "failed_requirement": failed}])


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            missing("php", constraint="^9", version="8.4.1"),
            ["composer.json asks for (php ^9): there is PHP 8.4.1", '"^8.4"'],
        ),
        (missing("php-64bit", "a/b", "^7", "8.4.1"), ["a/b, which is locked, asks for", "composer update a/b"]),
        (missing("php", "me/app", "^9", "8.4.1"), ["composer.json asks for"]),
        (
            missing("ext-mbstrin"),
            ["requires ext-mbstrin, and", "Did you mean ext-mbstring?", "There are mbstring, zend-opcache."],
        ),
        (
            missing("ext-redis", "a/b", "^7", "6.2.0"),
            ["a/b, which is locked, requires ext-redis ^7, and the stack has 6.2.0."],
        ),
        (missing("lib-none"), ["requires lib-none, which the stack has not", "Change lib-none in composer.json"]),
    ],
)
def test_what_the_stack_lacks_is_told_with_what_to_change(entry: str, words: list[str]) -> None:
    requirements = runpy.run_path(str(LIB / "requirements.py"))
    (found,) = requirements["read"](entry, "me/app")
    lines = requirements["explain"](found, "composer.json", "8.4.1", requirements["names"]("mbstring Zend OPcache"))
    assert [word for word in words if word not in "\n".join(lines)] == []
    assert requirements["read"](entry.replace('"failed"', '"success"').replace('"missing"', '"success"'), "") == []


@pytest.mark.parametrize(
    ("required", "installed"),
    [
        ({"php": "^8.2", "php-64bit": "*", "ext-gd": "*", "lib-icu": "*", "composer-runtime-api": "^2"}, []),
        ({"composer/semver": "^3", "php-http/client": "^1", "ext-ras/x": "*"}, ["composer/semver", "php-http/client"]),
    ],
)
def test_what_is_a_package_and_what_is_of_the_stack(required: dict[str, str], installed: list[str]) -> None:
    packages = runpy.run_path(str(LIB / "plan.py"))["packages"]
    assert packages({"require": required})[: len(installed) + 1][:2] == installed
