"""Say what a Clojure app is, from its project.clj or deps.edn in the working folder.

project.py read                     facts, "NAME VALUE" a line; a file that cannot be read ends with 1 and says where
project.py release                  facts of what a build has made: `web`, the command; `postgres yes`
project.py processes                the options of each `clojure` that the app's processes start
project.py libraries FOLDER HOME    the paths below HOME, without its dot, that the classpaths in FOLDER name
"""

import re
import shlex
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import edn

DRIVERS = {"org.postgresql/postgresql", "postgresql/postgresql", "postgresql", "com.impossibl.pgjdbc-ng/pgjdbc-ng"}
# The aliases by which apps are started; the first that is there is the one.
ALIASES = ("web", "run", "run-m", "run-x", "server", "start", "main")
_NAMESPACE = re.compile(r"^[\w.*+!?<>=-]+$")
LEIN, DEPS = Path("project.clj"), Path("deps.edn")


def file() -> Path:
    return LEIN if LEIN.is_file() else DEPS


def described() -> edn.Form:
    """The form of defproject, or the map of deps.edn. Raises Broken, OSError, UnicodeDecodeError."""
    forms = [form for form in edn.read(file().read_text("utf-8")) if isinstance(form, edn.Form)]
    if file() == LEIN:
        forms = [form for form in forms if form.items[:1] == ["defproject"]]
    if not forms:
        raise edn.Broken("there is no (defproject ...) in it" if file() == LEIN else "there is no {...} in it")
    return forms[0]


def anywhere(form: edn.Form, key: str) -> str:
    """The first value of a key, also in a profile."""
    found = (inner.get(key) for inner in edn.every(form) if isinstance(inner, edn.Form))
    return next((edn.plain(value) for value in found if value), "")


def alias(form: edn.Form, name: str) -> edn.Form | None:
    aliases = form.get(":aliases")
    found = aliases.get(f":{name}") if isinstance(aliases, edn.Form) else None
    return found if isinstance(found, edn.Form) else None


def facts(form: edn.Form) -> Iterator[str]:
    if file() == LEIN:
        for name in ("min-lein-version", "uberjar-name"):
            if value := anywhere(form, f":{name}"):
                yield f"{name} {value}"
        return
    build = alias(form, "build")
    script = Path("build.clj")
    if (
        build
        and build.get(":ns-default")
        and script.is_file()
        and re.search(r"\(defn uber\b", script.read_text("utf-8"))
    ):
        yield "build-uber yes"


def started_by(form: edn.Form) -> str:
    """The options by which `clojure` starts the app; nothing where no alias says so."""
    for name in ALIASES:
        found = alias(form, name)
        if found and found.get(":main-opts"):
            return f"-M:{name}"
        if found and found.get(":exec-fn"):
            return f"-X:{name}"
    return ""


def main_class(jar: Path) -> str:
    try:
        with zipfile.ZipFile(jar) as archive:
            text = archive.read("META-INF/MANIFEST.MF").decode("utf-8", "replace")
    except (OSError, KeyError, zipfile.BadZipFile):
        return ""
    found = re.search(r"^Main-Class: (\S+)", text, re.MULTILINE)
    return found[1] if found else ""


def web(form: edn.Form) -> str:
    if file() == LEIN:
        return _web_of_lein(anywhere(form, ":main"), anywhere(form, ":uberjar-name"))
    for jar in sorted(Path().glob("target/*.jar")):
        if main_class(jar):
            return f"java $JVM_OPTS -jar {shlex.quote(str(jar))}"
    options = started_by(form)
    return f"clojure {options}" if options else ""


def _web_of_lein(main: str, uberjar: str) -> str:
    if not _NAMESPACE.match(main):
        return ""
    if not uberjar:
        return "lein with-profile production trampoline run" if Path(".lein/bin/lein").is_file() else ""
    jar = min((path for path in Path("target").rglob("*") if path.name == uberjar), default=None)
    return f"java $JVM_OPTS -cp {shlex.quote(str(jar))} clojure.main -m {main}" if jar else ""


def processes(form: edn.Form) -> list[str]:
    """The options of each `clojure` in the Procfile, and of the default web process where that has none."""
    text = Path("Procfile").read_text("utf-8", "replace") if Path("Procfile").is_file() else ""
    lines = text.splitlines()
    if not any(re.match(r"web\s*:", line) for line in lines):
        lines.append(f"web: {web(form)}")
    found = (options(match[1]) for line in lines for match in re.finditer(r"\bcl(?:oj)?(?:ure)?\b(\s+-[^;&|]*)", line))
    return list(dict.fromkeys(words for words in found if words))


def options(words: str) -> str:
    """Of what follows `clojure`: the words up to the mode, with its aliases, if they are all aliases' and Java's."""
    taken: list[str] = []
    for word in words.split():
        if re.match(r"^-[AJMXT][\w:.*+!?<>=/-]*$", word):
            if not word.startswith("-J"):
                taken.append(word)
            if re.match(r"^-[MXT]", word):
                return " ".join(taken)
        else:
            break
    return ""


def libraries(folder: Path, home: str) -> list[str]:
    """What the classpaths name of the local repository and of git libraries: files, and whole checkouts."""
    found: set[str] = set()
    for file in folder.glob("*.cp"):
        for path in file.read_text("utf-8").strip().split(":"):
            if path.startswith(f"{home}/.m2/"):
                found.add(path.removeprefix(f"{home}/."))
            elif checkout := re.match(rf"^{re.escape(home)}/\.(gitlibs/libs/[^/]+/[^/]+/[0-9a-f]+)", path):
                found.add(checkout[1])
    return sorted(found)


def show(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def main(words: list[str]) -> int:
    if words[0] == "libraries":
        show(libraries(Path(words[1]), words[2]))
        return 0
    try:
        form = described()
    except (edn.Broken, OSError, UnicodeDecodeError) as error:
        print(f" !     cannot read {file()}: {error}.", file=sys.stderr)
        print(" !     Mend it, commit and push again; the running release stays as it is.", file=sys.stderr)
        return 1
    if words[0] == "read":
        show(facts(form))
    elif words[0] == "processes":
        show(processes(form))
    else:
        print(f"web {web(form)}")
        print(
            "postgres",
            "yes" if DRIVERS.intersection(node for node in edn.every(form) if isinstance(node, str)) else "no",
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
