"""Java apps, by Maven and by Gradle; which Java they get is in test_find_jdk."""

import importlib.util
import shutil
import subprocess
import urllib.request
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from tests.buildpacks import stack

LIB = stack.BUILDPACKS / "java" / "lib"
EXAMPLE = Path(__file__).parents[2] / "examples" / "java-maven"
GRADLE = EXAMPLE.parent / "java-gradle"
WRAPPER = "org/apache/maven/wrapper/maven-wrapper-distribution/3.3.2/maven-wrapper-distribution-3.3.2-only-script.zip"
WAR = {
    "pom.xml": """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId>
  <artifactId>shop</artifactId>
  <version>1.0</version>
  <packaging>war</packaging>
  <properties>
    <maven.compiler.release>17</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
    <dependency>
      <groupId>jakarta.servlet</groupId>
      <artifactId>jakarta.servlet-api</artifactId>
      <version>6.0.0</version>
      <scope>provided</scope>
    </dependency>
  </dependencies>
</project>
""",
    "src/main/java/example/Shop.java": """\
package example;

import jakarta.servlet.annotation.WebServlet;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

@WebServlet("/hello")
public class Shop extends HttpServlet {
  @Override
  protected void doGet(HttpServletRequest request, HttpServletResponse response) throws java.io.IOException {
    response.getWriter().print("hello by " + getServletContext().getServerInfo());
  }
}
""",
    "src/main/webapp/index.html": "<p>shop</p>\n",
}
SPRING = {
    "pom.xml": """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <parent>
    <groupId>org.springframework.boot</groupId>
    <artifactId>spring-boot-starter-parent</artifactId>
    <version>3.5.7</version>
  </parent>
  <groupId>example</groupId>
  <artifactId>boot</artifactId>
  <version>1.0</version>
  <properties>
    <java.version>21</java.version>
  </properties>
  <dependencies>
    <dependency>
      <groupId>org.springframework.boot</groupId>
      <artifactId>spring-boot-starter-web</artifactId>
    </dependency>
  </dependencies>
  <build>
    <plugins>
      <plugin>
        <groupId>org.springframework.boot</groupId>
        <artifactId>spring-boot-maven-plugin</artifactId>
      </plugin>
    </plugins>
  </build>
</project>
""",
    "src/main/java/example/Boot.java": """\
package example;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@SpringBootApplication
@RestController
public class Boot {
  @GetMapping("/hello")
  String hello() {
    return "hello by Spring";
  }

  public static void main(String[] arguments) {
    SpringApplication.run(Boot.class, arguments);
  }
}
""",
}


def load(script: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(script, LIB / f"{script}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


explain, find_maven = load("explain"), load("find_maven")


def web(app: stack.App) -> str:
    """The command of the default process type."""
    return str(yaml.safe_load(app.release("java"))["default_process_types"]["web"])


def replace(app: stack.App, files: dict[str, str]) -> None:
    """Another app, in the place and with the cache of this one."""
    shutil.rmtree(app.source)
    app.write(files)


def bash(script: str, folder: Path, **env: str) -> str:
    ran = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{script}"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": "/app", **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.mark.parametrize(
    ("file", "name"), [("pom.xml", "Java"), ("build.gradle.kts", "Gradle"), ("gradlew", "Gradle"), ("Main.java", None)]
)
def test_detects_maven_and_gradle(app: stack.App, file: str, name: str | None) -> None:
    app.write({file: ""})
    assert app.detect("java") == name


def test_apps_of_maven(app: stack.App) -> None:
    """One after the other, because a JDK is fetched for each cache."""
    shutil.copytree(EXAMPLE, app.source, dirs_exist_ok=True)
    pom = (EXAMPLE / "pom.xml").read_text()
    app.write({"pom.xml": pom.replace("<version>2.11.0<", "<version>2.11.99<")})
    broken = app.compile("java")
    assert broken.status == 1, broken.output
    assert (
        " !     cannot build the app with Maven: there is no com.google.code.gson:gson:jar:2.11.99 in" in broken.output
    )

    app.write({"pom.xml": pom})
    mended = app.compile("java")
    assert mended.status == 0, mended.output
    assert "-----> Using Java 21." in mended.output
    assert "$ mvn -DskipTests clean install" in mended.output
    assert web(app) == "java $JAVA_OPTS -jar target/hello.jar"
    assert yaml.safe_load(app.release("java"))["config_vars"] == {
        "PATH": "/app/.jdk/bin:/usr/local/bin:/usr/bin:/bin",
        "JAVA_OPTS": "-Xmx384m -Xss512k -XX:+UseCompressedOops",
        "MAVEN_OPTS": "-Xmx384m -Xss512k -XX:+UseCompressedOops",
    }
    with app.serve(web(app), env={"JAVA_OPTS": "-Xss512k"}) as url:
        assert '"hello":"from here","java":"21.' in stack.get(f"{url}/x")[1]
    # Its authorities are the stack's, and the slug has no compiler.
    known = app.run("keytool -list -cacerts -storepass changeit | grep -c trustedCertEntry").output.splitlines()[-1]
    assert int(known) > 50
    assert app.run("javac").status == 127

    code = "src/main/java/example/Hello.java"
    app.write({code: (app.source / code).read_text().replace('"from "', '"again from "')})
    again = app.compile("java", alone=True)
    assert again.status == 0, again.output
    assert "from the cache" in again.output
    with app.serve(web(app)) as url:
        assert '"hello":"again from here"' in stack.get(url)[1]

    app.write({code: "class Hello {", "system.properties": "java.runtime.version=21\nmaven.version=3.9\n"})
    assert " !     cannot build the app with Maven: its code does not compile" in app.compile("java", alone=True).output

    # A war is served by a servlet container of Maven Central; the app's wrapper fetches its own Maven.
    replace(app, WAR)
    archive, _ = urllib.request.urlretrieve(f"https://repo1.maven.org/maven2/{WRAPPER}")
    with zipfile.ZipFile(archive) as wrapper:
        wrapper.extract("mvnw", app.source)
    distribution = "org/apache/maven/apache-maven/3.9.9/apache-maven-3.9.9-bin.zip"
    app.write(
        {
            ".mvn/wrapper/maven-wrapper.properties": f"distributionUrl=https://repo.maven.apache.org/maven2/{distribution}\n"
        }
    )
    war = app.compile("java")
    assert war.status == 0, war.output
    assert "$ ./mvnw -DskipTests clean install" in war.output
    assert (app.cache / "m2" / "wrapper" / "dists").is_dir()
    with app.serve(web(app)) as url:
        assert stack.get(f"{url}/hello")[1].startswith("hello by jetty/12.")
        assert stack.get(url)[1] == "<p>shop</p>\n"


def test_versions_that_cannot_be_had_end_the_build_at_once(app: stack.App) -> None:
    app.write({"pom.xml": "<project/>", "system.properties": "maven.version=3.9.99\n"})
    refused = app.compile("java")
    assert refused.status == 1
    assert "there is no 3.9.99.\n !     Nearest that can be had: 3.9." in refused.output
    app.write(
        {
            "gradlew": "",
            "gradle/wrapper/gradle-wrapper.properties": "distributionUrl=https\\://services.gradle.org/distributions/gradle-8.99-bin.zip\n",
        }
    )
    (app.source / "pom.xml").unlink()
    mirror = {"RUNTIME_MIRROR_GRADLE": "http://127.0.0.1:9/gradle/"}
    refused = app.compile("java", env=mirror)
    assert refused.status == 1
    assert "cannot fetch gradle 8.99-bin from http://127.0.0.1:9/gradle/gradle-8.99-bin.zip: curl" in refused.output
    assert "RUNTIME_MIRROR_GRADLE" in refused.output


@pytest.mark.long
def test_spring_boot(app: stack.App) -> None:
    app.write(SPRING)
    built = app.compile("java")
    assert built.status == 0, built.output
    assert web(app) == "java -Dserver.port=$PORT $JAVA_OPTS -jar target/boot-1.0.jar"
    with app.serve(web(app)) as url:
        assert stack.get(f"{url}/hello")[1] == "hello by Spring"


@pytest.mark.long
def test_an_application_by_debians_gradle(app: stack.App) -> None:
    """A wrapper's own Gradle is not reached from here."""
    shutil.copytree(GRADLE, app.source, dirs_exist_ok=True)
    mirror = {"MAVEN_MIRROR_URL": "https://repo1.maven.org/maven2"}
    for output, alone in (("Fetching it from Debian's packages\n-----> Building", False), ("wrapper", True)):
        built = app.compile("java", env=mirror, alone=alone)
        assert built.status == 0, built.output
        assert output in built.output
    assert web(app) == "build/install/hello/bin/hello"
    with app.serve(web(app)) as url:
        assert stack.get(url)[1] == '{"hello":"Gradle"}'
    build = (GRADLE / "build.gradle").read_text()
    app.write({"build.gradle": build.replace("2.11.0", "2.11.99")})
    refused = app.compile("java").output
    assert "there is no com.google.code.gson:gson:2.11.99 in" in refused
    # Of no Gradle's making.
    assert "Debian's Gradle 4.4 that failed" not in refused


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"target/quarkus-app/quarkus-run.jar": ""}, "java -Dquarkus.http.host=0.0.0.0 -Dquarkus.http.port=$PORT $JAVA_OPTS -jar target/quarkus-app/quarkus-run.jar"),
        ({"target/app.jar": "Main-Class: App", "target/app-sources.jar": "Main-Class: No"}, "java $JAVA_OPTS -jar target/app.jar"),
        ({"target/app.jar": "Main-Class: Launcher\nSpring-Boot-Version: 3.5.7"}, "java -Dserver.port=$PORT $JAVA_OPTS -jar target/app.jar"),
        ({"pom.xml": "io.micronaut", "web/target/app.jar": "Main-Class: App"}, "java -Dmicronaut.server.port=$PORT $JAVA_OPTS -jar web/target/app.jar"),
        ({"build/libs/app-plain.jar": "Main-Class: App", "build/install/app/bin/app": "", "build/install/app/bin/app.bat": ""}, "build/install/app/bin/app"),
        ({"target/app.war": "", "target/dependency/webapp-runner.jar": "Main-Class: Runner"}, "java $JAVA_OPTS -jar target/dependency/webapp-runner.jar --port $PORT target/app.war"),
        ({"target/app.jar": "", "src/App.java": ""}, ""),
    ],
)  # fmt: skip
def test_the_default_command_is_what_the_build_has_made(tmp_path: Path, files: dict[str, str], command: str) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".jar", ".war"):
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\n{text}\r\n")
        else:
            path.write_text(text)
    assert bash(f"source {LIB}/launch.sh; web_command", tmp_path) == command


@pytest.mark.parametrize(
    ("build", "task"),
    [
        ("task stage(dependsOn: ['build'])", "stage"),
        ('tasks.register("stage") { }', "stage"),
        ("// task stage\nplugins { id 'org.springframework.boot' version '3.5.7' }", "build -x check"),
        ("plugins {\n  application\n}", "installDist -x check"),
        ("apply plugin: 'application'", "installDist -x check"),
        ("apply plugin: 'java'", "build -x check"),
    ],
)
def test_the_task_of_gradle(tmp_path: Path, build: str, task: str) -> None:
    (tmp_path / "build.gradle").write_text(f"{build}\n")
    script = f"source {LIB}/gradle.sh; gradle_task"
    assert bash(script, tmp_path) == task
    assert bash(script, tmp_path, GRADLE_TASK="jar") == "jar"


def test_postgresql_is_asked_for_by_its_driver(tmp_path: Path) -> None:
    script = f"source {LIB}/launch.sh; if needs_postgres; then echo yes; else echo no; fi"
    (tmp_path / "pom.xml").write_text("<artifactId>mysql-connector-j</artifactId>")
    assert bash(script, tmp_path) == "no"
    (tmp_path / "pom.xml").write_text("<groupId>org.postgresql</groupId>")
    assert bash(script, tmp_path) == "yes"


@pytest.mark.parametrize(
    ("megabytes", "options", "expected"),
    [
        ("512", "", "-Xmx300m -Xss512k -XX:CICompilerCount=2 -Dfile.encoding=UTF-8|"),
        ("1024", "", "-Xmx671m -XX:CICompilerCount=2 -Dfile.encoding=UTF-8|"),
        ("2560", "", "-Xmx2048m -Dfile.encoding=UTF-8|"),
        ("1024", "-Xmx100m", "-Dfile.encoding=UTF-8|-Xmx100m"),
        (
            "1024",
            "-Xmx384m -Xss512k -XX:+UseCompressedOops",
            "-Dfile.encoding=UTF-8|-Xmx671m -Xss512k -XX:+UseCompressedOops",
        ),
    ],
)
def test_the_heap_follows_the_dynos_memory(tmp_path: Path, megabytes: str, options: str, expected: str) -> None:
    script = f'source {LIB}/jvmcommon.sh; echo "$JAVA_TOOL_OPTIONS|${{JAVA_OPTS:-}}"'
    assert bash(script, tmp_path, MEMORY_AVAILABLE=megabytes, JAVA_OPTS=options) == expected


def test_database_urls_are_there_for_jdbc(tmp_path: Path) -> None:
    script = f"source {LIB}/jdbc.sh; source {LIB}/jdbc.sh; env | grep -E 'JDBC|SPRING' | sort"
    urls = {
        "DATABASE_URL": "postgres://u:p%40x@host:5433/name",
        "HEROKU_POSTGRESQL_RED_URL": "postgres://a:b@c/d?sslmode=verify-full",
    }
    assert bash(script, tmp_path, **urls).splitlines() == [
        "HEROKU_POSTGRESQL_RED_JDBC_PASSWORD=b",
        "HEROKU_POSTGRESQL_RED_JDBC_URL=jdbc:postgresql://c/d?user=a&password=b&sslmode=verify-full",
        "HEROKU_POSTGRESQL_RED_JDBC_USERNAME=a",
        "JDBC_DATABASE_PASSWORD=p@x",
        "JDBC_DATABASE_URL=jdbc:postgresql://host:5433/name?user=u&password=p%40x&sslmode=require",
        "JDBC_DATABASE_USERNAME=u",
        "SPRING_DATASOURCE_PASSWORD=p@x",
        "SPRING_DATASOURCE_URL=jdbc:postgresql://host:5433/name?user=u&password=p%40x&sslmode=require",
        "SPRING_DATASOURCE_USERNAME=u",
    ]


@pytest.mark.parametrize(
    ("tool", "output", "said"),
    [
        ("maven", "Non-parseable POM /x/pom.xml: Unrecognised tag: 'a'", "pom.xml is not what Maven can read:"),
        ("maven", "'dependencies.dependency.version' for a:b:jar is missing.", "pom.xml names no version for a:b:jar."),
        ("maven", "Could not transfer artifact a:b:pom:1 from/to central", "a:b:pom:1 cannot be fetched"),
        ("maven", "error: release version 25 not supported", "the app asks for Java 25, and is built with 21.0.4."),
        ("maven", "invalid target release: 1.9", "the app asks for Java 9"),
        ("maven", "Source option 6 is no longer supported. Use 8", "does not compile source of level 6"),
        ("maven", "class file has wrong version 69.0, should be 65.0", "the app asks for Java 25"),
        ("maven", 'Unknown lifecycle phase "paint"', "Maven has no goal paint."),
        ("gradle", "Unsupported class file major version 69", "this Gradle is too old for Java 25."),
        ("gradle", "matching: {languageVersion=17, vendor=any}", "the app asks for Java 17"),
        ("gradle", "Could not resolve all files\n> Could not find a:b:1.\nSearched", "there is no a:b:1 in"),
        ("gradle", "Task 'stage' not found in root project", "there is no task stage in build.gradle."),
        ("gradle", "Could not find or load main class org.gradle.wrapper.GradleWrapperMain", "git add -f gradle/wrapper"),
        ("gradle", "something else", "see above."),
    ],
)  # fmt: skip
def test_what_a_failed_build_means(tool: str, output: str, said: str) -> None:
    assert said in "\n".join(explain.explain(tool, "21.0.4", output))


def test_releases_of_maven() -> None:
    versions = find_maven.finals("".join(f"<version>{v}</version>" for v in ("3.9.10", "3.9.9", "3.8.8", "4.0.0-rc-1")))
    assert versions == ["3.8.8", "3.9.9", "3.9.10"]
    assert [find_maven.newest(wanted, versions) for wanted in ("3.9", "3.x", "3.9.9", "latest", "4")] == ["3.9.10", "3.9.10", "3.9.9", "3.9.10", None]  # fmt: skip
    assert find_maven.nearest("3.8.99", versions)[0] == "3.8.8"
