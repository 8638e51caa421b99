import runpy
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.buildpacks import stack

EXAMPLE = Path(__file__).parents[2] / "examples" / "scala-sbt"
ARTIFACT = runpy.run_path(str(stack.BUILDPACKS / "scala" / "lib" / "maven_artifact.py"))
UPICKLE = '"com.lihaoyi" %% "upickle" % "'


def test_detects_a_build_of_sbt(app: stack.App) -> None:
    app.write({"Main.scala": "", "project/notes.txt": ""})
    assert app.detect("scala") is None
    app.write({"build.sbt": ""})
    assert app.detect("scala") == "Scala"
    (app.source / "build.sbt").unlink()
    app.write({"project/Build.scala": ""})
    assert app.detect("scala") == "Scala"


def test_detects_an_app_of_play_which_no_buildpack_before_takes(app: stack.App) -> None:
    play = 'addSbtPlugin("org.playframework" % "sbt-plugin" % "3.0.9")'
    app.write(
        {
            "build.sbt": "enablePlugins(PlayScala)",
            "project/plugins.sbt": play,
            "conf/application.conf": "",
            "conf/routes": "",
        }
    )
    order = (stack.BUILDPACKS / "order").read_text("utf-8").split()
    assert next(name for name in order if app.detect(name)) == "scala"


def test_the_example_answers_and_its_second_build_compiles_only_what_changed(app: stack.App) -> None:
    shutil.copytree(EXAMPLE, app.source, dirs_exist_ok=True)
    build = (app.source / "build.sbt").read_text()
    app.write({"build.sbt": build.replace(UPICKLE, UPICKLE + "99.")})
    broken = app.compile("scala")
    assert broken.status == 1
    assert "not found: https://repo1.maven.org/maven2/com/lihaoyi/upickle_3/99." in broken.output, broken.output
    assert " !     cannot resolve what the build needs: there is no com.lihaoyi:upickle_3:99." in broken.output
    assert " !     Mend its name or its version in build.sbt" in broken.output

    app.write({"build.sbt": build})
    first = app.compile("scala")
    assert first.status == 0, first.output
    assert "compiling 1 Scala source" in first.output
    assert "API documentation" not in first.output
    assert "  web: target/universal/stage/bin/hello -Dhttp.port=$PORT\n" in app.release("scala")
    left = [path for path in app.slug.rglob("target/**/*") if path.is_file() and "stage" not in path.parts]
    assert left == []

    app.write({"conf/motd": "changed"})
    again = app.compile("scala", alone=True)
    assert again.status == 0, again.output
    assert "compiling" not in again.output
    with app.serve("target/universal/stage/bin/hello") as url:
        assert stack.get(url)[1] == '{"hello":"Scala"}'

    main = "src/main/scala/Main.scala"
    app.write({main: (app.source / main).read_text().replace('"Scala"', '"again"')})
    changed = app.compile("scala", alone=True)
    assert changed.status == 0, changed.output
    assert "compiling 1 Scala source" in changed.output
    with app.serve("target/universal/stage/bin/hello") as url:
        assert stack.get(url)[1] == '{"hello":"again"}'


def test_one_staged_program_is_the_web_type_and_a_driver_asks_for_its_database(app: stack.App) -> None:
    app.slug.mkdir(parents=True)
    assert "default_process_types: {}" in app.release("scala")
    stage = app.slug / "server" / "target" / "universal" / "stage"
    for name in ("bin/server", "bin/server.bat", "lib/org.postgresql.postgresql-42.7.7.jar"):
        (stage / name).parent.mkdir(parents=True, exist_ok=True)
        (stage / name).touch(0o755)
    assert "  web: server/target/universal/stage/bin/server -Dhttp.port=$PORT\n" in app.release("scala")
    assert "addons:\n  - heroku-postgresql\n" in app.release("scala")
    (stage / "bin" / "worker").touch(0o755)
    assert "default_process_types: {}" in app.release("scala")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("[error] Not a valid key: stage (similar: state)", "Add sbt-native-packager to project/plugins.sbt"),
        ("[error] Error downloading org.example:none:1", "Mend the names and versions in build.sbt"),
        (
            "[error] Error downloading org.example:none_2.13:1.99\n[error]   Not found\n[error]   not found: https://repo1/none.pom",
            "there is no org.example:none_2.13:1.99 in the repositories that the build names.",
        ),
        (
            "[error] Error downloading org.example:sbt-x;sbtVersion=1.0;scalaVersion=2.12:9\n[error]   Not found",
            "there is no org.example:sbt-x:9 in the repositories that the build names.",
        ),
        (
            "[warn] unresolved dependency: org.example#none_2.12;1.99: not found",
            "there is no org.example:none_2.12:1.99 in",
        ),
        (
            "[error] Error downloading org.example:none:1\n[error]   download error: Caught java.net.ConnectException "
            "(Connection refused) while downloading https://me:pw@repo.example/maven2/x.pom",
            "cannot resolve what the build needs: repo.example cannot be reached.",
        ),
        ("java.lang.OutOfMemoryError: Java heap space", "SBT_OPTS=-XX:MaxRAMPercentage=80"),
        (
            "[error] x\n[error] src/Main.scala:3:1: type mismatch",
            "cannot build the app: src/Main.scala:3:1 does not compile, see",
        ),
        (
            "[error] -- [E007] Type Mismatch Error: src/Main.scala:3:14 ----",
            "the app: src/Main.scala:3:14 does not compile, see",
        ),
        ("[warn] src/Main.scala:3:1: unused\n[error] (stage) failed", "sbt compile stage failed, see above."),
    ],
)
def test_what_sbt_says_becomes_advice(tmp_path: Path, said: str, answer: str) -> None:
    (tmp_path / "sbt.log").write_text(said)
    script = 'cd "$1" && source output.sh && source sbt.sh && SCRATCH=$2 && explain_failure "compile stage"'
    argv = ["bash", "-c", script, "advice", stack.BUILDPACKS / "scala" / "lib", tmp_path]
    advised = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert advised.returncode == 1
    assert answer in advised.stderr


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (
            "1.11.99",
            "there is no sbt 1.11.99 in https://repo1.maven.org/maven2.\n !     Nearest that can be had: 1.11.7, ",
        ),
        ("99", "Nearest that can be had: "),
        ("newest", "'newest' is not a version."),
    ],
)
def test_an_sbt_that_cannot_be_had_is_refused_with_the_nearest(app: stack.App, asked: str, answer: str) -> None:
    app.write({"project/build.properties": f"sbt.version = {asked}\n"})
    refused = app.compile("scala")
    assert refused.status == 1
    assert answer in refused.output
    assert "into project/build.properties, commit and push again." in refused.output
    assert refused.seconds < 30


def test_sbt_comes_from_a_mirror_and_is_refused_when_damaged(app: stack.App, tmp_path: Path) -> None:
    versions = tmp_path / "source" / "org" / "scala-sbt" / "sbt-launch"
    jar = versions / "1.9.9" / "sbt-launch-1.9.9.jar"
    jar.parent.mkdir(parents=True)
    jar.write_bytes(b"no jar")
    (jar.parent / "sbt-launch-1.9.9.jar.sha1").write_text("0" * 40)
    app.write({"project/build.properties": "sbt.version=1.9.9\n"})
    refused = app.compile("scala", env={"RUNTIME_MIRROR_SCALA": "file:///tmp/work/build_1/"})
    assert refused.status == 1
    assert "sbt-launch-1.9.9.jar is damaged: its SHA-1 is not the one beside it.\n" in refused.output


@given(
    st.lists(st.from_regex(r"\A[0-9]{1,2}(\.[0-9]{1,2}){2}(-RC1)?\Z"), min_size=1), st.sampled_from(["", "1", "1.1"])
)
def test_the_newest_of_a_series_is_final_and_of_it(versions: list[str], series: str) -> None:
    found = ARTIFACT["newest"](series, versions)
    fits = [
        version for version in versions if "-" not in version and f"{version}.".startswith(f"{series}." * bool(series))
    ]
    assert (found in fits) if fits else (found is None)
    assert all(ARTIFACT["order"](version) <= ARTIFACT["order"](found) for version in fits)


def test_nearest_names_the_series_first() -> None:
    known = ["1.10.1", "1.11.7", "1.12.0-RC1", "1.12.9", "2.0.1"]
    assert ARTIFACT["nearest"]("1.11.99", known) == ["1.11.7", "1.12.9", "2.0.1"]
    assert ARTIFACT["nearest"]("3.0.0", known) == ["2.0.1"]
    assert ARTIFACT["series"]("1.11.x") == "1.11"
    assert ARTIFACT["series"]("newest") is None
    assert ARTIFACT["shown"]("https://user:secret@host/maven") == "https://host/maven"
