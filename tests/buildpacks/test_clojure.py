"""The clojure buildpack: Leiningen from Debian, tools.deps and libraries from Maven Central."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.buildpacks import stack

LIB = stack.BUILDPACKS / "clojure" / "lib"
EXAMPLES = Path(__file__).parents[2] / "examples"
DEPS, LEIN = EXAMPLES / "clojure-deps", EXAMPLES / "clojure-lein"
EDN = (DEPS / "deps.edn").read_text("utf-8")
PROJECT = (LEIN / "project.clj").read_text("utf-8")
CODE = "src/hello/core.clj"
# Whatever a dyno would still fetch.
NO_INTERNET = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
# In place of Maven Central and of Clojars, which is not reached from here: it is asked, and says no.
MIRROR = {"MAVEN_MIRROR_URL": "https://repo1.maven.org/maven2/"}
BUILD = """\
(ns build (:require [clojure.tools.build.api :as b]))

(defn uber [{:keys [file] :or {file "hello"}}]
  (let [basis (b/create-basis {:project "deps.edn"})]
    (b/copy-dir {:src-dirs ["src"] :target-dir "target/classes"})
    (b/compile-clj {:basis basis :ns-compile '[hello.core] :class-dir "target/classes"})
    (b/uber {:class-dir "target/classes" :uber-file (str "target/" file ".jar") :basis basis :main 'hello.core})))
"""
BUILD_ALIAS = ':aliases {:build {:deps {io.github.clojure/tools.build {:mvn/version "0.10.10"}} :ns-default build}'


def load(script: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(script, LIB / f"{script}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[script] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, ModuleType]]:
    names = ("maven_artifact", "edn", "project", "find_clojure", "explain", "lein_profiles")
    before = {name: sys.modules.get(name) for name in names}
    yield {name: load(name) for name in names}
    for name, module in before.items():
        if module:
            sys.modules[name] = module
        else:
            del sys.modules[name]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> stack.App:
    """One cache for all that is really built: a JDK is fetched once."""
    app = stack.App(folder=tmp_path_factory.mktemp("clojure"))
    app.source.mkdir()
    return app


def become(app: stack.App, example: Path, files: dict[str, str] | None = None) -> None:
    """Another app, in the place and with the cache of this one."""
    shutil.rmtree(app.source)
    shutil.copytree(example, app.source)
    app.write(files or {})


def test_detects_leiningen_before_tools_deps(app: stack.App) -> None:
    app.write({"core.clj": ""})
    assert app.detect("clojure") is None
    app.write({"deps.edn": "{}"})
    assert app.detect("clojure") == "Clojure (tools.deps)"
    app.write({"project.clj": ""})
    assert app.detect("clojure") == "Clojure (Leiningen 2)"


def test_an_app_of_tools_deps(shared: stack.App) -> None:
    become(shared, DEPS, {"deps.edn": EDN.replace("2.5.1", "2.5.99")})
    broken = shared.compile("clojure", env=MIRROR)
    assert broken.status == 1
    assert "       Fetching tools.deps from https://repo1.maven.org/maven2\n" in broken.output, broken.output
    assert " !     cannot build the app: there is no org.clojure:data.json:" in broken.output
    assert "\n       \tat " not in broken.output

    become(shared, DEPS)
    first = shared.compile("clojure")
    assert first.status == 0, first.output
    assert "       Downloading: org/clojure/data.json/2.5.1/data.json-2.5.1.jar from central\n" in first.output
    assert '  web: "clojure -M:run"\n' in shared.release("clojure")

    become(shared, DEPS, {CODE: (DEPS / CODE).read_text().replace(':hello "Clojure"', ':hello "again"')})
    second = shared.compile("clojure", alone=True)
    assert second.status == 0, second.output
    assert second.output.count("from the cache") == 2
    assert "Downloading" not in second.output
    # What a dyno needs is in the slug, and nothing else of the cache.
    jars = {path.name for path in (shared.slug / ".m2").rglob("*") if path.is_file()}
    assert jars == {
        "clojure-1.12.3.jar",
        "data.json-2.5.1.jar",
        "spec.alpha-0.5.238.jar",
        "core.specs.alpha-0.4.74.jar",
    }
    with shared.serve("clojure -M:run", env=NO_INTERNET) as url:
        assert stack.get(f"{url}/x")[1] == '{"hello":"again","path":"\\/x"}'


def test_an_uberjar_by_tools_build_and_functions_with_arguments(shared: stack.App) -> None:
    core = (DEPS / CODE).read_text().replace("InetSocketAddress)))", "InetSocketAddress))\n  (:gen-class))")
    become(
        shared,
        DEPS,
        {
            "build.clj": BUILD,
            CODE: core + "\n(defn show [given] (println (pr-str given)) (future nil))\n",
            "deps.edn": EDN.replace(":aliases {", BUILD_ALIAS),
            "Procfile": "show: clojure -J-Dx=y -X:run hello.core/show :a 1\n",
        },
    )
    built = shared.compile("clojure")
    assert built.status == 0, built.output
    assert "       Running: clojure -T:build uber\n" in built.output
    assert '  web: "java $JVM_OPTS -jar target/hello.jar"\n' in shared.release("clojure")
    assert not list(shared.slug.glob(".m2/**/tools.build*"))
    with shared.serve("java $JVM_OPTS -jar target/hello.jar") as url:
        assert '"hello":"Clojure"' in stack.get(url)[1]
    shown = shared.run("clojure -X:run hello.core/show :a 1 '[:b :c]' '\"d\"' '{:e 2}'", env=NO_INTERNET)
    assert "Downloading" not in shown.output
    assert shown.output.endswith('{:a 1, :b {:c "d"}, :e 2}\n')
    # A future that has ended does not hold up the program's end for a minute; nothing else here takes one.
    assert shown.seconds < 60
    refused = shared.run("clojure -X:run hello.core/none")
    assert refused.status == 1
    assert refused.output.endswith("there is no none in hello.core\n")


def test_an_app_of_leiningen(shared: stack.App) -> None:
    become(shared, LEIN, {"project.clj": PROJECT.replace("2.5.1", "2.5.99")})
    broken = shared.compile("clojure", env=MIRROR)
    assert "       Fetching Leiningen from Debian's packages\n" in broken.output
    assert " !     cannot build the app: there is no org.clojure:data.json:jar:2.5.99 in the" in broken.output, (
        broken.output
    )

    become(shared, LEIN)
    first = shared.compile("clojure")
    assert first.status == 0, first.output
    assert "       Running: lein uberjar\n" in first.output

    become(shared, LEIN, {CODE: (LEIN / CODE).read_text().replace(':hello "Clojure"', ':hello "again"')})
    second = shared.compile("clojure", alone=True)
    assert second.status == 0, second.output
    assert "Retrieving" not in second.output
    assert '  web: "java $JVM_OPTS -cp target/hello.jar clojure.main -m hello.core"\n' in shared.release("clojure")
    assert not (shared.slug / ".m2").exists()
    assert not (shared.slug / ".lein" / "lib").exists()
    with shared.serve("java $JVM_OPTS -cp target/hello.jar clojure.main -m hello.core") as url:
        assert '"hello":"again"' in stack.get(url)[1]

    # Without an uberjar Leiningen and the libraries are in the slug: the dyno fetches nothing.
    become(shared, LEIN, {"project.clj": PROJECT.replace('  :uberjar-name "hello.jar"\n', "")})
    plain = shared.compile("clojure", alone=True)
    assert plain.status == 0, plain.output
    assert "       Running: lein with-profile production compile :all\n" in plain.output
    web = "lein with-profile production trampoline run"
    assert f'  web: "{web}"\n' in shared.release("clojure")
    with shared.serve(web, env=NO_INTERNET) as url:
        assert '"hello":"Clojure"' in stack.get(url)[1]

    become(shared, LEIN, {"bin/build": "#!/bin/sh\necho by the app itself; lein version\n"})
    assert "       by the app itself\n       Leiningen 2.10.0 on Java 21." in shared.compile("clojure").output


@pytest.mark.parametrize(
    ("files", "env", "answer"),
    [
        ({"deps.edn": EDN.replace('2.5.1"}}', '2.5.1"}')}, {}, "cannot read deps.edn: the { of line 1 is never closed."),
        ({"deps.edn": EDN.replace('"src"', '"src')}, {}, "has no end."),
        ({"project.clj": PROJECT.replace('2.5.1"]]', '2.5.1"]')}, {}, "the ) of line 7 does not close the [ of line 3."),
        ({"project.clj": "(def x 1)"}, {}, "there is no (defproject ...) in it."),
        ({"project.clj": PROJECT.replace("2.9.0", "2.99.0")}, {}, "Nearest that can be had: 2.10.0."),
        ({"project.clj": PROJECT.replace("2.9.0", "9" * 5000)}, {}, "is not a version of it."),
        ({"project.clj": PROJECT}, {"LEIN_VERSION": "new"}, "'new' is not a version of it."),
        ({}, {"CLOJURE_CLI_VERSION": "1.11.1"}, "cannot use the Clojure CLI that CLOJURE_CLI_VERSION asks for"),
        ({}, {"CLOJURE_CLI_VERSION": "0.29.99"}, "Nearest that can be had: 0.29.1598, "),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused_at_once(
    app: stack.App, files: dict[str, str], env: dict[str, str], answer: str
) -> None:
    app.write({"deps.edn": EDN, **files})
    refused = app.compile("clojure", env=env)
    assert refused.status == 1
    assert answer in refused.output, refused.output
    assert refused.seconds < 45


def test_a_mirror_comes_first_and_is_refused_when_damaged(app: stack.App) -> None:
    app.write({"project.clj": PROJECT, "mirror/leiningen-2.12.0-standalone.jar": "no jar"})
    app.write({"mirror/SHA256SUMS": "".join(f"{'0' * 64}  leiningen-2.{n}.0-standalone.jar\n" for n in (8, 11, 12))})
    damaged = app.compile("clojure", env={"RUNTIME_MIRROR_CLOJURE": "file:///tmp/work/build_1/mirror/"})
    assert damaged.status == 1
    assert "-----> Using Leiningen 2.12.0 (project.clj asks for 2.9.0 or newer)\n" in damaged.output
    assert "2.12.0-standalone.jar: its SHA-256 is not the one that its source names." in damaged.output


@pytest.mark.parametrize(
    ("files", "web", "postgres"),
    [
        ({"deps.edn": "{:aliases {:run-x {:exec-fn a/b} :run {:main-opts []}}}"}, "clojure -M:run", "no"),
        ({"deps.edn": "{:aliases {:x {:main-opts []}} :deps {org.postgresql/postgresql {}}}"}, "", "yes"),
        ({"deps.edn": "{#_#_org.postgresql/postgresql {} :aliases {:start {:exec-fn a/b}}}"}, "clojure -X:start", "no"),
        ({"project.clj": "(defproject a \"1\" :main b.c) ; postgresql"}, "", "no"),
        ({"project.clj": "(defproject a \"1\" :main b.c)", ".lein/bin/lein": ""}, "lein with-profile production trampoline run", "no"),
        (
            {
                "project.clj": '(defproject a "1" :main ^:skip-aot b.c :deps [[postgresql "9"]] :profiles {:uberjar {:uberjar-name "x.jar"}})',
                "target/uberjar/x.jar": "",
            },
            "java $JVM_OPTS -cp target/uberjar/x.jar clojure.main -m b.c",
            "yes",
        ),
        ({"project.clj": '(defproject a "1" :uberjar-name "x.jar")', "target/x.jar": ""}, "", "no"),
    ],
)  # fmt: skip
def test_the_default_command_and_the_database(app: stack.App, files: dict[str, str], web: str, postgres: str) -> None:
    app.write(files)
    shutil.copytree(app.source, app.slug)
    release = app.release("clojure")
    assert (f'  web: "{web}"\n' if web else "default_process_types: {}\n") in release
    assert (postgres == "yes") == ("addons: [heroku-postgresql]\n" in release)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (" -M:run --port 80", "-M:run"),
        (" -J-Xmx1g -A:dev:prod -X:serve", "-A:dev:prod -X:serve"),
        (" -M -m hello", "-M"),
        (' -Sdeps "{}" -M:run', ""),
        (" -M:$ALIAS", ""),
    ],
)
def test_what_processes_start_is_prepared(scripts: dict[str, ModuleType], words: str, options: str) -> None:
    assert scripts["project"].options(words) == options


@given(text=st.text(alphabet="()[]{}\"\\;#_^'`~@ \n:ax1", max_size=40))
def test_any_text_is_read_or_refused(scripts: dict[str, ModuleType], text: str) -> None:
    edn = scripts["edn"]
    try:
        edn.read(text)
    except edn.Broken as error:
        assert "line " in str(error)


def test_edn_is_read_as_clojure_reads_it(scripts: dict[str, ModuleType]) -> None:
    edn = scripts["edn"]
    text = r"""; (
    {:a #"\(\"" , :b \( #_ {:c 1} :d #inst "2026" :e ^{:x 1} f :g #{'h #(i %)} #?@(:clj [1])}"""
    form = edn.read(text)[0]
    assert [edn.plain(form.get(key)) for key in (":a", ":b", ":d", ":e")] == ['\\(\\"', "\\(", "2026", "f"]
    assert form.get(":g") == edn.Form("{", ["h", edn.Form("(", ["i", "%"])])


def test_a_file_beyond_all_measure_is_read_all_the_same(scripts: dict[str, ModuleType]) -> None:
    form = scripts["edn"].read("[" * 50_000 + ":a" + "]" * 50_000)[0]
    assert list(scripts["edn"].every(form))[-1] == ":a"


def test_a_mirrors_login_opens_it_and_is_not_shown(app: stack.App) -> None:
    app.write({"project.clj": PROJECT})
    mirror = {"RUNTIME_MIRROR_CLOJURE": "http://joe:s3cret@127.0.0.1:9/mirror", "LEIN_VERSION": "9.9.9"}
    refused = app.compile("clojure", env=mirror)
    assert "RUNTIME_MIRROR_CLOJURE cannot be read" in refused.output
    assert "s3cret" not in refused.output


@pytest.mark.parametrize(
    ("tool", "output", "said"),
    [
        ("lein", "Could not transfer artifact a:b:pom:1 from/to clojars (https://x/): x: Name or service not known", "a:b:pom:1 cannot be fetched"),
        ("deps", "Could not find artifact a:b:jar:1 in central (https://x/)", "there is no a:b:jar:1 in the repositories that deps.edn"),
        ("deps", "Error building classpath. Unable to clone https://x/y.git to /z:", "the git library https://x/y.git cannot"),
        ("deps", "has been compiled by a more recent version of the Java Runtime (class file version 69.0)", "a library needs a newer Java than 21.0.4"),
        ("lein", "Syntax error reading source at (a/b.clj:3:1).", "its code does not compile, at a/b.clj:3:1."),
        ("lein", "'paint' is not a task. See 'lein help'.", "Leiningen has no task paint."),
        ("deps", "something else", "clojure -P failed, see above."),
    ],
)  # fmt: skip
def test_what_a_failed_build_means(scripts: dict[str, ModuleType], tool: str, output: str, said: str) -> None:
    assert said in "\n".join(scripts["explain"].explain(tool, "21.0.4", "clojure -P", output))


def test_versions_fit_what_asks_for_them(scripts: dict[str, ModuleType]) -> None:
    find = scripts["find_clojure"]
    offered = [find.Tool("debian", version, "", "-") for version in ("2.9.8", "2.10.0", "2.11.2")]
    asked = ("2.9", "2.9.1+", "latest", "2.10.0", "2.10.x", "3", "2.12.0+")
    found = [find.newest(wanted, offered) for wanted in asked]
    assert [tool and tool.version for tool in found] == ["2.9.8", "2.11.2", "2.11.2", "2.10.0", "2.10.0", None, None]


def test_a_version_is_offered_as_its_place_wants_it_written(
    scripts: dict[str, ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    find = scripts["find_clojure"]
    offered = [find.Tool("debian", version, "", "-") for version in ("2.9.8", "2.10.0")]
    # A version without quotes is none that Leiningen can read.
    for who, advice in (
        (
            "the :min-lein-version of project.clj",
            'Write one of these into project.clj, as :min-lein-version "2.10.0", and push',
        ),
        ("LEIN_VERSION", "Write one of these into LEIN_VERSION, and push again."),
    ):
        assert find.refuse(find.KINDS["lein"], who, "there is no 2.99 here.", offered) == 1
        assert advice in capsys.readouterr().err


def test_a_mirrors_login_is_for_leiningen_alone(scripts: dict[str, ModuleType]) -> None:
    mirrors = scripts["lein_profiles"].mirrors("https://u:p%40@host/maven")
    assert mirrors.count(':url "https://host/maven" :username "u" :password "p@"') == 2


def test_the_program_clojure_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    ran = subprocess.run([LIB / "clojure", "-Spom"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "clojure has no option -Spom here.\n")
