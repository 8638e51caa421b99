"""An app of each language: from push to page, again from the cache with a change, and what a broken file says.

What Go, Rust, Java, Scala and Clojure need comes from their real registries; no registry gives Ruby's and PHP's packages to
tests, so these stand in the repository.
"""

from pathlib import Path

from tests.buildpacks import gems
from tests.buildpacks.ruby_apps import SINATRA
from tests.journeys.conftest import EXAMPLES, App, Platform, wait_for


def change(app: App, path: str, old: str, new: str) -> None:
    text = (app.checkout / path).read_text("utf-8")
    assert old in text
    app.write(path, text.replace(old, new))
    app.commit()


def refused(app: App, path: str, old: str, new: str) -> str:
    """What is said of a push with a file that was broken; what serves stays."""
    page = app.get().text
    change(app, path, old, new)
    output = app.push(check=False)
    assert "[remote rejected] main -> main" in output
    assert app.get().text == page
    return output


def serves(app: App, text: str) -> None:
    wait_for(f"{app.name} serves {text!r}", lambda: (answer := app.get()).status == 200 and text in answer.text)


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
    serves(app, "hello from C again, on web.1")
    assert "Gemfile.lock does not fit Gemfile" in refused(app, "Gemfile", 'gem "sinatra"', 'gem "sinatra", "< 1"')


def test_go(platform: Platform) -> None:
    app = platform.create(EXAMPLES / "go-modules")
    first = app.push()
    for said in (
        "-----> Go app detected",
        "Fetching it from",
        "github.com/go-chi/chi/v5",
        "Default types for Go -> web",
    ):
        assert said in first
    serves(app, "Hello from web.1, go1.24.0\n")
    change(app, "main.go", '"Hello from', '"Changed for')
    second = app.push()
    assert "Fetching it from" not in second
    assert "go-chi" not in second
    serves(app, "Changed for web.1, go1.24.0\n")
    assert "its code is not what go.sum says" in refused(app, "go.sum", "h1:x", "h1:y")


def test_rust(platform: Platform) -> None:
    app = platform.create(EXAMPLES / "rust-hello")
    first = app.push()
    for said in (
        "-----> Rust app detected",
        "Fetching it from",
        "Compiling tiny_http v",
        "Default types for Rust -> web",
    ):
        assert said in first
    serves(app, "Hello from web.1\n")
    change(app, "src/main.rs", '"Hello from', '"Changed for')
    second = app.push()
    assert "Fetching it from" not in second
    assert second.count("Compiling") == 1
    serves(app, "Changed for web.1\n")
    added = '[dependencies]\nbase64 = "0.22"\n'
    assert "Cargo.lock does not fit Cargo.toml" in refused(app, "Cargo.toml", "[dependencies]\n", added)


def test_java_by_maven(platform: Platform) -> None:
    app = platform.create(EXAMPLES / "java-maven")
    first = app.push()
    assert "-----> Java app detected" in first
    assert "Default types for Java -> web" in first
    serves(app, '"hello":"from web.1"')
    assert "Add JAVA_OPTS, MAVEN_OPTS, PATH config" in app.celadon("releases")
    assert "JAVA_OPTS:  -Xmx384m -Xss512k -XX:+UseCompressedOops" in app.celadon("config")
    change(app, "src/main/java/example/Hello.java", '"from "', '"again from "')
    second = app.push()
    assert second.count("from the cache") == 2, second
    serves(app, '"hello":"again from web.1"')
    assert app.celadon("releases").count("config") == 1


def test_scala_by_sbt(platform: Platform) -> None:
    app = platform.create(EXAMPLES / "scala-sbt")
    assert "-----> Scala app detected" in app.push()
    serves(app, '{"hello":"Scala"}')
    change(app, "src/main/scala/Main.scala", '"Scala"', '"sbt"')
    assert "from the cache" in app.push()
    serves(app, '{"hello":"sbt"}')


def test_clojure_by_tools_deps(platform: Platform) -> None:
    app = platform.create(EXAMPLES / "clojure-deps")
    first = app.push()
    assert "-----> Clojure (tools.deps) app detected" in first
    assert "Default types for Clojure (tools.deps) -> web" in first
    serves(app, '"hello":"Clojure"')
    change(app, "src/hello/core.clj", ':hello "Clojure"', ':hello "tools.deps"')
    second = app.push()
    assert "Downloading" not in second, second
    serves(app, '"hello":"tools.deps"')
