"""Languages whose packages no registry gives to tests: from push to page, again from the cache, and what a broken file says."""

from pathlib import Path

from tests.buildpacks import gems
from tests.buildpacks.ruby_apps import SINATRA
from tests.journeys.conftest import EXAMPLES, App, Platform, wait_for


def refused(app: App, path: str, old: str, new: str) -> str:
    """What is said of a push with a file that was broken; what serves stays."""
    page = app.get().text
    text = (app.checkout / path).read_text("utf-8")
    assert old in text
    app.write(path, text.replace(old, new))
    app.commit()
    output = app.push(check=False)
    assert "[remote rejected] main -> main" in output
    assert app.get().text == page
    return output


def test_php_behind_apache(platform: Platform) -> None:
    app = platform.create(EXAMPLES / "php-apache")
    output = app.push()
    assert "-----> PHP app detected" in output
    assert "Installing erusev/parsedown (1.7.4)" in output
    assert app.get().text.startswith("<h1>Hello from web.1</h1>")
    assert app.get("/there").text == "<p>Hello <em>there</em></p>\n"
    wait_for("PHP's own line is logged", lambda: "app[web.1]: " in (log := app.logs()) and "greeting there" in log)
    app.celadon("ps:restart")
    wait_for("the dyno of before has ended", lambda: "Process exited with status 143" in app.logs())
    assert "Error R12" not in app.logs()
    app.write("Procfile", "web: heroku-php-nginx public/\n")
    app.commit()
    assert "Using the packages of composer.lock from the cache" in app.push()
    wait_for("nginx answers", lambda: "nginx" in app.get("/missing").text)
    assert app.get("/index.php").status == 200
    assert "there is PHP 8.4" in refused(app, "composer.json", '"^8.2"', '"~8.1.0"')


def test_ruby_with_gems_in_the_repository(platform: Platform, tmp_path: Path) -> None:
    for path, text in SINATRA.items():
        (tmp_path / path).write_text(text)
    gems.bundle(tmp_path)
    app = platform.create(tmp_path)
    assert "-----> Ruby/Rack app detected" in app.push()
    assert app.get().text.startswith("hello from C, Ruby 3.3.")
    app.write("app.rb", SINATRA["app.rb"].replace("Greeting.hello}", 'Greeting.hello} again, on #{ENV["DYNO"]}'))
    app.commit()
    assert "Using the gems of Gemfile.lock from the cache" in app.push()
    wait_for("the change answers", lambda: "hello from C again, on web.1" in app.get().text)
    assert "Gemfile.lock does not fit Gemfile" in refused(app, "Gemfile", 'gem "sinatra"', 'gem "sinatra", "< 1"')
