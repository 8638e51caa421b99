"""Say what a build's last words mean: `explain.py lein|deps JAVA_VERSION COMMAND <its output`."""

import re
import sys

MOST_LINES = 200_000
_COMMIT = "commit and push again; the running release stays as it is."
# The first that is found says it: a pattern, then lines in which {what} is its first group, {file} the app's, {java} the version.
RULES = [
    (
        r"Could not (?:transfer|find) artifact (\S+) (?:from/to|in) \S+ \(\S+\): (?!\S*status: 404|.*\b404\b|Could not find)",
        "{what} cannot be fetched: a repository cannot be reached from here.",
        "Check its name and its version in {file}, in case no repository has it; push again when all of them can be reached,",
        "or name a mirror of Maven Central and Clojars in MAVEN_MIRROR_URL.",
    ),
    (
        r"Could not find artifact ([\w.:+-]*\w)",
        "there is no {what} in the repositories that {file} names.",
        f"Check its name and its version in {{file}}, {_COMMIT}",
    ),
    (
        r"(?:Unable to clone|Error building classpath. Unable to \w+) (\S+)",
        "the git library {what} cannot be fetched.",
        f"Check its URL in {{file}}, and that it can be read without a login, {_COMMIT}",
    ),
    (
        r"has been compiled by a more recent version of the Java Runtime \(class file version (\d+)",
        "a library needs a newer Java than {java} (class files of version {what}: 65 is Java 21, 69 is Java 25).",
        f"Write java.runtime.version=25 into system.properties, {_COMMIT}",
    ),
    (
        r"(?:Syntax error|Execution error)[^\n]*? at \(([^)]+)\)",
        "its code does not compile, at {what}.",
        f"Mend it, {_COMMIT}",
    ),
    (
        r"'([^']+)' is not a task",
        "Leiningen has no task {what}.",
        "Change the config var LEIN_BUILD_TASK or BUILD_COMMAND, or add the plugin to project.clj, and push again.",
    ),
    (
        r"(?:OutOfMemoryError|Java heap space)()",
        "the memory of its JVM was not enough.",
        "Give builds more (the setting build_memory), or let it compile less.",
    ),
    (r"Error building classpath\. ([^\n]*)", "{what}", f"Mend {{file}}, {_COMMIT}"),
    (
        r"(?:^|\n)(?:bash: line \d+: )?(\S+): command not found",
        "there is no program {what}.",
        "Mend the command, and push again.",
    ),
]


def explain(tool: str, java: str, command: str, output: str) -> list[str]:
    """Lines for the user: what happened, why as far as it can be told, what to do."""
    file = {"lein": "project.clj", "deps": "deps.edn"}[tool]
    for pattern, *lines in RULES:
        if found := re.search(pattern, output):
            first, *rest = [line.format(what=found[1], file=file, java=java) for line in lines]
            return [f"cannot build the app: {first}", *rest]
    return [f"cannot build the app: {command} failed, see above.", f"Mend it, {_COMMIT}"]


if __name__ == "__main__":
    said = "".join(sys.stdin.readlines()[-MOST_LINES:])
    for line in explain(sys.argv[1], sys.argv[2], sys.argv[3], said):
        print(f" !     {line}")
