"""Ruby. The gems are Debian's, packed when the tests run and vendored: no test fetches one from a gem server."""

import io
import shutil
import tarfile
from pathlib import Path

import pytest
from tests.buildpacks import gems, stack
from tests.buildpacks.ruby_apps import RAILS, SINATRA

EXAMPLE = Path(__file__).parents[2] / "examples" / "ruby-rack"
SOURCE = 'source "https://rubygems.org"\n'
# No gems at all: what there is to say about the Ruby itself.
LOCK = "GEM\n  remote: https://rubygems.org/\n  specs:\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n"
RACK = LOCK.replace("specs:\n", "specs:\n    rack (3.1.20)\n") + "  rack\n"


def test_detects_a_gemfile_and_what_the_lock_has(app: stack.App) -> None:
    app.write({"config.ru": ""})
    assert app.detect("ruby") is None
    app.write({"Gemfile": SOURCE})
    assert app.detect("ruby") == "Ruby"
    app.write({"Gemfile.lock": RACK})
    assert app.detect("ruby") == "Ruby/Rack"
    app.write({"Gemfile.lock": RACK.replace("    rack ", "    railties (7.2.2)\n    rack ")})
    assert app.detect("ruby") == "Ruby/Rails"


def test_a_sinatra_app_with_a_c_extension_answers_and_its_second_build_installs_nothing(app: stack.App) -> None:
    app.write({**SINATRA, ".bundle/config": '---\nBUNDLE_PATH: "elsewhere"\nBUNDLE_BUILD__X: "--y"\n'})
    gems.bundle(app.source)
    first = app.compile("ruby")
    assert first.status == 0, first.output
    assert "-----> Using Ruby 3.3." in first.output
    assert "Installing greeting 1.0.0 with native extensions\n" in first.output
    assert " !     Left out of .bundle/config" in first.output
    assert "rack-test" not in first.output

    app.write({"app.rb": SINATRA["app.rb"].replace("production", "changed") + 'get("/again") { "again" }\n'})
    second = app.compile("ruby", alone=True)
    assert second.status == 0, second.output
    assert "-----> Using the gems of Gemfile.lock from the cache\n" in second.output
    assert "Installing" not in second.output

    released = app.release("ruby")
    assert "  web: bundle exec rackup config.ru -p ${PORT:-5000}\n" in released
    assert "addons: []\nconfig_vars: {}\n" in released
    with app.serve("bundle exec rackup config.ru -p ${PORT:-5000}") as url:
        assert stack.get(url)[1].startswith("hello from C, Ruby 3.3.")
        assert stack.get(url)[1].endswith(", production\n")
        assert stack.get(f"{url}/again")[1] == "again"
    shown = app.run(
        "echo $MALLOC_ARENA_MAX $LANG $BUNDLE_WITHOUT; type -P rackup; ls vendor/bundle/ruby/*/cache"
    ).output
    assert shown.startswith("2 C.UTF-8 development:test\n/app/vendor/bundle/bin/rackup\n")
    assert "No such file" in shown


def test_the_example_builds_and_answers_without_a_network(app: stack.App) -> None:
    shutil.copytree(EXAMPLE, app.source, dirs_exist_ok=True)
    built = app.compile("ruby", alone=True)
    assert built.status == 0, built.output
    for name in ("rack 3.1.20", "rackup 2.1.0", "webrick 1.9.1"):
        assert f"Installing {name}\n" in built.output
    with app.serve("bundle exec rackup config.ru -p ${PORT:-5000}") as url:
        assert stack.get(f"{url}/J%C3%BCrgen")[1] == "Hello Jürgen\n"


def test_of_a_changed_lock_only_what_is_new_is_installed(app: stack.App) -> None:
    app.write({"Gemfile": SOURCE + 'gem "greeting"\ngem "tilt"\n'})
    gems.bundle(app.source, "greeting", "tilt", "rack")
    assert app.compile("ruby").status == 0
    app.write({"Gemfile": SOURCE + 'gem "greeting"\ngem "rack"\n'})
    gems.bundle(app.source)
    built = app.compile("ruby")
    assert "       Installing rack " in built.output
    assert "Installing greeting" not in built.output
    assert {path.name.partition("-")[0] for path in app.slug.glob("vendor/bundle/ruby/*/gems/*")} == {
        "greeting",
        "rack",
    }


def test_a_rails_app_has_its_assets_and_a_secret_that_stays(app: stack.App) -> None:
    app.write(RAILS)
    gems.bundle(app.source)
    first = app.compile("ruby")
    assert first.status == 0, first.output
    assert "-----> Running rake assets:precompile\n       Compiling style-" in first.output
    assert "for postgres://user:pass@127.0.0.1/dbname" in first.output
    released = app.release("ruby")
    assert "addons: [heroku-postgresql]\n" in released
    assert "  console: bin/rails console\n  rake: bundle exec rake\n" in released
    assert "  web: bin/rails server -p ${PORT:-5000} -e $RAILS_ENV\n" in released
    assert "SECRET_KEY_BASE: " in released

    # Who has a database is given none.
    app.config.mkdir(exist_ok=True)
    (app.config / "DATABASE_URL").write_text("postgres://own/db")
    second = app.compile("ruby")
    assert "Compiling" not in second.output, "the assets of before were not there"
    assert app.release("ruby") == released.replace("[heroku-postgresql]", "[]")
    with app.serve("bin/rails server -p ${PORT:-5000} -e $RAILS_ENV") as url:
        assert ", visit 1\n" in stack.get(url)[1]
        assert "Rails 7.2." in stack.get(url)[1]
        style = next(app.slug.glob("public/assets/style-*.css")).name
        assert stack.get(f"{url}/assets/{style}")[1] == "body { color: teal }\n"

    app.write({"config/environment.rb": "raise 'no such setting'\n"})
    failed = app.compile("ruby")
    assert failed.status == 1
    assert " !     cannot compile the assets: rake assets:precompile failed, see above.\n" in failed.output


@pytest.mark.parametrize(
    ("files", "answer"),
    [
        ({"Gemfile": SOURCE}, "there is no Gemfile.lock beside it.\n !     Run bundle install, commit Gemfile.lock"),
        ({"Gemfile": "gem(", "Gemfile.lock": LOCK}, "cannot read Gemfile: "),
        ({"Gemfile": SOURCE, "Gemfile.lock": "<<<<<<< HEAD\n"}, "cannot read Gemfile.lock: "),
        (
            {"Gemfile": SOURCE, "Gemfile.lock": LOCK.replace("  ruby\n", "  arm64-darwin-24\n")},
            "it is for arm64-darwin-24 only, and dynos are x86_64-linux.\n !     Run bundle lock --add-platform x86_64-linux",
        ),
        (
            {"Gemfile": SOURCE + 'gem "rack"\n', "Gemfile.lock": LOCK},
            "Gemfile.lock does not fit Gemfile.\n !     Run bundle install, commit Gemfile.lock",
        ),
        ({"Gemfile": 'ruby "2.7.8"', "Gemfile.lock": LOCK}, "Gemfile asks for: there is no 2.7.8 here.\n"),
        (
            {"Gemfile": 'ruby file: ".ruby-version"', ".ruby-version": "3.3\n", "Gemfile.lock": LOCK},
            "Gemfile asks for: there is no 3.3 here.\n",
        ),
        ({"Gemfile": 'ruby "~> 4.0"', "Gemfile.lock": LOCK}, "Versions that can be had: 3.3."),
        (
            {"Gemfile": 'ruby "3.3", engine: "jruby", engine_version: "9.4.1.0"', "Gemfile.lock": LOCK},
            "jruby is not offered",
        ),
        ({"Gemfile": "", ".ruby-version": "latest", "Gemfile.lock": LOCK}, '"latest" is not a version.'),
        ({"Gemfile": "", ".ruby-version": "3.2.1", "Gemfile.lock": LOCK}, 'Write ruby "~> 3.3.0" into Gemfile'),
    ],
)
def test_what_cannot_be_built_is_refused_at_once(app: stack.App, files: dict[str, str], answer: str) -> None:
    app.write(files)
    refused = app.compile("ruby")
    assert refused.status == 1
    assert answer in refused.output
    assert refused.seconds < 30


def test_a_gem_server_that_does_not_answer_fails_in_bounded_time(app: stack.App) -> None:
    app.write({"Gemfile": SOURCE + 'gem "rack"\n', "Gemfile.lock": RACK})
    refused = app.compile("ruby", env={"BUNDLE_MIRROR__ALL": "http://127.0.0.1:9/", "BUNDLE_RETRY": "0"})
    assert refused.status == 1
    assert " !     cannot install the gems: the gem server cannot be reached, see above.\n" in refused.output
    assert refused.seconds < 40


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "the stack's own (name another in Gemfile)"),
        ({".ruby-version": "3.3\n"}, "the stack's own (.ruby-version asks for 3.3)"),
        # A lock that was made with another one of what Gemfile allows.
        (
            {"Gemfile": SOURCE + 'ruby ">= 3.1", "< 4"', "Gemfile.lock": f"{LOCK}\nRUBY VERSION\n   ruby 3.2.4p170\n"},
            "the stack's own (Gemfile asks for >= 3.1, < 4)",
        ),
        ({".ruby-version": "ruby-3.3.1\n"}, ".ruby-version asks for 3.3.1, which cannot be had here; 3.3."),
    ],
)
def test_the_stack_s_ruby_is_used_where_it_will_do(app: stack.App, files: dict[str, str], said: str) -> None:
    app.write({"Gemfile": SOURCE, "Gemfile.lock": LOCK, **files})
    built = app.compile("ruby")
    assert built.status == 0, built.output
    assert said in built.output


def test_a_ruby_of_the_mirror_travels_in_the_slug(app: stack.App) -> None:
    """Stands in for a mirror's Ruby: the stack's own under another number. That a real one runs, no test shows."""
    mirror = app.work / "mirror" / "heroku-24" / "amd64"
    mirror.mkdir(parents=True)
    (mirror / "versions").write_text("3.2.7\n3.2.9\n3.4.1\n")
    program = b'#!/bin/sh\nexec /usr/bin/ruby "$@"\n'
    with tarfile.open(mirror / "ruby-3.2.9.tgz", "w:gz") as archive:
        entry = tarfile.TarInfo("bin/ruby")
        entry.mode, entry.size = 0o755, len(program)
        archive.addfile(entry, io.BytesIO(program))
    env = {"RUNTIME_MIRROR_RUBY": "file:///tmp/work/mirror"}
    app.write({"Gemfile": SOURCE, "Gemfile.lock": LOCK, ".ruby-version": "3.2"})
    built = app.compile("ruby", env=env)
    assert built.status == 0, built.output
    assert "-----> Using Ruby 3.2.9 from file:///tmp/work/mirror (.ruby-version asks for 3.2)\n" in built.output
    assert app.run("type -P ruby").output == "/app/.heroku/ruby/bin/ruby\n"
    again = app.compile("ruby")
    assert "-----> Using Ruby 3.2.9 from the cache" in again.output, again.output
    app.write({".ruby-version": "3.1"})
    refused = app.compile("ruby", env=env)
    assert "and from the mirror: 3.2.7, 3.2.9, 3.4.1." in refused.output


def test_node_is_there_for_assets_that_need_it(app: stack.App) -> None:
    task = "namespace(:assets) { task(:precompile) { sh 'node --version' } }\n"
    app.write({"Gemfile": SOURCE + 'gem "rake"\n', "Rakefile": task, "package.json": '{"engines": {"node": "22"}}'})
    gems.bundle(app.source, "rake")
    built = app.compile("ruby")
    assert built.status == 0, built.output
    assert "-----> Using node 22." in built.output
    assert "       v22." in built.output
