"""PHP's web servers in a dyno: the options of Heroku's programs, logs, workers, and how all of it ends."""

import shutil

import pytest
from tests import ports
from tests.buildpacks import stack
from tests.buildpacks.php_apps import build, wait_for_log


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> stack.App:
    """An app that has been built; nothing changes it."""
    app = stack.App(folder=tmp_path_factory.mktemp("php"))
    app.source.mkdir()
    build(app, {"index.php": "", "composer.json": "{}", "public/index.php": ""})
    return app


NGINX = """\
location / { try_files $uri @rewritten; }
location @rewritten { rewrite ^(.*)$ /app.php$1 last; }
location ~ ^/app\\.php(/|$) { try_files @heroku-fcgi @heroku-fcgi; internal; }
"""
SHOW = """<?php
header('Content-Type: text/plain');
file_put_contents('/app/var/own.log', "a line of its own\\n", FILE_APPEND);
fwrite(fopen('php://stderr', 'w'), "to stderr\\n");
echo implode(' ', [$_SERVER['PATH_INFO'] ?? '-', ini_get('memory_limit'), ini_get('default_charset'), ini_get('date.timezone'),
    getenv('WEB_CONCURRENCY'), $_ENV['GREETING'], $_SERVER['HTTP_AUTHORIZATION'] ?? '-', session_start() ? 'session' : '']);
"""


@pytest.mark.parametrize("server", ["apache2", "nginx"])
def test_the_options_of_herokus_programs(app: stack.App, server: str) -> None:
    rewrite = "RewriteEngine On\nRewriteCond %{DOCUMENT_ROOT}%{REQUEST_URI} !-f\nRewriteRule ^(.*)$ /app.php$1 [L]\n"
    build(
        app,
        {
            "composer.json": '{"require": {"php": ">=8.1", "ext-pdo_pgsql": "*"}}',
            "web/app.php": SHOW,
            "web/static.txt": "a file\n",
            "web/.user.ini": "date.timezone = Europe/Vienna\n",
            "etc/server.conf.php": "<?php readfile('etc/server.conf');",
            "etc/server.conf": NGINX if server == "nginx" else rewrite,
            "etc/pool.conf": "php_value[memory_limit] = 64M\n",
            "etc/php.ini": "default_charset = latin1\n",
        },
    )
    command = f"heroku-php-{server} -C etc/server.conf.php -F etc/pool.conf -i etc/php.ini -l var/own.log -v web/ 2>&1 | tee log"
    with app.serve(command, env={"GREETING": "hi", "PHP_INI_SCAN_DIR": ":/nowhere"}) as url:
        shown = stack.get(f"{url}/some/path", Authorization="Bearer x")
        assert shown[1] == "/some/path 64M latin1 Europe/Vienna 8 hi Bearer x session", shown
        assert stack.get(f"{url}/static.txt")[1] == "a file\n"
        assert stack.get(f"{url}/.user.ini")[0] == 404
        wait_for_log(app, "to stderr\n", "a line of its own\n", "Using etc/server.conf.php for ")
        wait_for_log(app, "WEB_CONCURRENCY is 8, computed for 512 MB")


@pytest.mark.parametrize("server", ["apache2", "nginx"])
def test_an_app_of_index_php_alone_and_what_is_not_served(app: stack.App, server: str) -> None:
    built = build(app, {"index.php": "<?php echo 'plain';", "lib/other.php": "<?php echo 'other';", "Procfile": ""})
    assert "without Composer" in built.output
    (app.slug / "vendor" / "secret.php").write_text("<?php echo 'no';")
    with app.serve(f"vendor/bin/heroku-php-{server}") as url:
        assert stack.get(url)[1] == "plain"
        assert stack.get(f"{url}/lib/other.php")[1] == "other"
        for path in ("vendor/secret.php", ".profile.d/php.sh", "Procfile", "missing.php", "missing"):
            assert stack.get(f"{url}/{path}")[0] in (403, 404), path


STOP = """
heroku-php-{server} >log 2>&1 & boot=$!
until curl -so /dev/null localhost:$PORT/index.html; do sleep 0.05; done
curl -s localhost:$PORT/ >page & asked=$!
until [ -e asked ]; do sleep 0.05; done
{deed}
wait $boot; echo "boot $?"
wait $asked; cat page
pgrep -c 'apache|nginx|php-fpm'
cat log
"""


@pytest.mark.parametrize("server", ["apache2", "nginx"])
def test_sigterm_lets_a_request_finish(app: stack.App, server: str) -> None:
    build(app, {"index.php": "<?php touch('asked'); sleep(1); error_log('last'); echo \"done\\n\";", "index.html": ""})
    with ports.held() as (port,):
        ran = app.run(STOP.format(server=server, deed="kill -TERM $boot"), env={"PORT": str(port)})
    assert ran.output.startswith("boot 143\ndone\n0\n"), ran.output
    assert "UTC] last\n" in ran.output, "what was logged last is lost"


@pytest.mark.parametrize("server", ["apache2", "nginx"])
def test_sigterm_to_all_processes_as_a_dyno_gets_it(app: stack.App, server: str) -> None:
    build(app, {"index.php": "<?php touch('asked'); sleep(1);", "index.html": ""})
    with ports.held() as (port,):
        ran = app.run(STOP.format(server=server, deed="kill -TERM -1"), env={"PORT": str(port)})
    assert ran.output.startswith("boot 143\n"), ran.output
    assert "\n0\n" in ran.output, "a server was left behind"
    assert "Stopping: " in ran.output
    assert server == "nginx" or ", shutting down" in ran.output, "what was logged last is lost"


def test_the_dyno_ends_with_php(app: stack.App) -> None:
    build(app, {"index.php": "<?php touch('asked'); sleep(1);", "index.html": ""})
    with ports.held() as (port,):
        ran = app.run(STOP.format(server="nginx", deed="pkill -KILL -o php-fpm"), env={"PORT": str(port)})
    assert ran.output.startswith("boot 1\n"), ran.output
    assert "PHP-FPM has ended (status 137), and so the dyno does.\n" in ran.output
    assert "\n0\n" in ran.output, "a server was left behind"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("heroku-php-nginx nowhere/", "the document root nowhere/ is not a folder of the app"),
        ("heroku-php-nginx -C none.conf", "the app has no file none.conf"),
        ("heroku-php-apache2 -x", "there is no option -x"),
        ("heroku-php-apache2 public -v", "the last word after all options"),
        ("heroku-php-apache2 -l 'logs/*.log'", "no file is called logs/*.log"),
        ("WEB_CONCURRENCY=many heroku-php-apache2", "should be a number from 1 on"),
        ("heroku-php-apache2 -F composer.json", "PHP-FPM refuses its configuration"),
        ("heroku-php-apache2 -t -C composer.json", "Syntax error"),
    ],
)
def test_a_command_line_that_cannot_serve_says_why(served: stack.App, command: str, answer: str) -> None:
    ran = served.run(command, env={"PORT": "5000"})
    assert answer in ran.output
    assert ran.status != 0


def test_workers_by_memory_processors_and_memory_limit(app: stack.App) -> None:
    cases = {
        "512 2 128M": 4, "512 8 128M": 4, "512 2 64M": 8, "512 2 512M": 1, "512 2 1G": 1, "512 2 -1": 4,
        "1024 2 128M": 8, "2560 2 128M": 20, "14336 8 128M": 112, "512 1 32M": 16, "64 2 128M": 1,
    }  # fmt: skip
    app.slug.mkdir(parents=True)
    shutil.copy(stack.BUILDPACKS / "php" / "lib" / "serve" / "workers.php", app.slug)
    command = "php workers.php $((%s * 1048576)) %s /app <<<'php_admin_value[memory_limit] = %s'; echo"
    shown = app.run("\n".join(command % tuple(case.split()) for case in cases))
    assert shown.output.split() == [str(number) for number in cases.values()]
    (app.slug / ".user.ini").write_text("memory_limit = 256M\n")
    weaker = "php workers.php 1073741824 2 /app <<<'php_value[memory_limit] = 64M'"
    assert app.run(weaker).output == "4"
