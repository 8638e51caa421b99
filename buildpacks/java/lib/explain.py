"""Say what a build tool's last words mean: `explain.py maven|gradle JAVA_VERSION <its output`."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

MOST_LINES = 200_000
_COMMIT = "commit and push again; the running release stays as it is."


def _java(asked: str, using: str) -> list[str]:
    major = asked.removeprefix("1.").split(".")[0]
    return [
        f"the app asks for Java {major}, and is built with {using}.",
        f"Write java.runtime.version={major} into system.properties, or ask for another Java in {{file}}, {_COMMIT}",
    ]


def _class_file(number: str, using: str) -> list[str]:
    return _java(str(int(float(number)) - 44), using)


def _dependency(what: str, _: str) -> list[str]:
    return [
        f"there is no {what} in the repositories that {{file}} names.",
        f"Check its name and its version in {{file}}, {_COMMIT}",
    ]


def _unreachable(what: str, _: str) -> list[str]:
    return [
        f"{what} cannot be fetched: its repository cannot be reached from here.",
        "Push again when it can, or name a mirror of Maven Central in MAVEN_MIRROR_URL.",
    ]


def _old_source(asked: str, using: str) -> list[str]:
    return [
        f"Java {using} does not compile source of level {asked} any more.",
        f"Write a newer level into {{file}} (maven.compiler.release, sourceCompatibility), {_COMMIT}",
    ]


def _old_gradle(number: str, _: str) -> list[str]:
    return [
        f"this Gradle is too old for Java {int(number) - 44}.",
        "Take a newer one (./gradlew wrapper --gradle-version ...), or an older java.runtime.version in system.properties,",
        _COMMIT,
    ]


def _says(first: str, *rest: str) -> Callable[[str, str], list[str]]:
    """A rule whose words are always these; `{what}` is what the pattern found."""
    return lambda what, _: [line.replace("{what}", what) for line in (first, *rest)]


_MEND = f"Mend it, {_COMMIT}"
# The first that is found says it: a pattern, and what to say of its first group and of the Java in use.
RULES: list[tuple[str, Callable[[str, str], list[str]]]] = [
    (r"(?:Non-parseable|Malformed) POM ([^\n]*)", _says("pom.xml is not what Maven can read:", "{what}", _MEND)),
    (r"'dependencies\.dependency\.version' for (\S+) is missing", _says("pom.xml names no version for {what}.", _MEND)),
    (r"Could not find artifact (\S+) (?:in|\()", _dependency),
    (r"Could not find ([\w.-]+:[\w.-]+:[\w.-]*\w)\.\s", _dependency),
    (r"Plugin (?:\[id: ')?([^\s']+)[^\n]*(?:could not be resolved|was not found)", _dependency),
    (r"Could not transfer artifact (\S+)", _unreachable),
    (r"Could not (?:GET|HEAD) '?([^\s']*\w)", _unreachable),
    (r"Could not resolve ([\w.-]+:[\w.:-]*\w)", _unreachable),
    (r"Source option (\d+) is no longer supported", _old_source),
    (r"(?:invalid target release:|invalid source release:|release version) ([\d.]*\d)", _java),
    (r"languageVersion=(\d+)", _java),
    (r"Unsupported class file major version (\d{1,5})", _old_gradle),
    (r"(?:class file version|class file has wrong version) (\d{1,5})", _class_file),
    (
        r"Unknown lifecycle phase \"([^\"]*)\"",
        _says("Maven has no goal {what}.", "Change the config var MAVEN_CUSTOM_GOALS."),
    ),
    (
        r"(?:Unrecognized option: |Unable to parse command line options: )([^\n]*)",
        _says("Maven takes no {what}.", "Change MAVEN_CUSTOM_OPTS."),
    ),
    (
        r"Task '([^']*)' not found",
        _says("there is no task {what} in {file}.", 'Name one in the config var GRADLE_TASK, or add a task "stage".'),
    ),
    (
        r"(?:gradle-wrapper\.jar|GradleWrapperMain)()",
        _says(
            "the wrapper's own program is not in the repository; a .gitignore may leave it out.",
            "git add -f gradle/wrapper/gradle-wrapper.jar, commit and push again.",
        ),
    ),
    (
        r"(?:OutOfMemoryError|Java heap space)()",
        _says(
            "the memory of its JVM was not enough.",
            "Give it more: celadon config:set MAVEN_JAVA_OPTS=-Xmx1g (GRADLE_OPTS).",
        ),
    ),
    (
        r"(?:COMPILATION ERROR|Compilation failed; see the compiler)()",
        _says("its code does not compile, see above.", _MEND),
    ),
    (r"(?:There are test failures|There were failing tests)()", _says("a test of it failed, see above.", _MEND)),
]


def explain(tool: str, java: str, output: str) -> list[str]:
    """Lines for the user: what happened, why as far as it can be told, what to do."""
    name, file = {"maven": ("Maven", "pom.xml"), "gradle": ("Gradle", "build.gradle")}[tool]
    for pattern, words in RULES:
        found = re.search(pattern, output)
        if found:
            what = (found[1] or "").replace(f"{Path.cwd()}/", "")
            first, *rest = [line.replace("{file}", file) for line in words(what, java)]
            return [f"cannot build the app with {name}: {first}", *rest]
    return [f"cannot build the app with {name}: see above.", f"Mend it, {_COMMIT}"]


if __name__ == "__main__":
    for line in explain(sys.argv[1], sys.argv[2], "".join(sys.stdin.readlines()[-MOST_LINES:])):
        print(f" !     {line}")
