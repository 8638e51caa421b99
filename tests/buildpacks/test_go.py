"""The go buildpack, with Go itself and a module from the module proxy."""

import base64
import hashlib
import io
import runpy
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.buildpacks import stack

BUILDPACK = "go"
EXAMPLE = Path(__file__).parents[2] / "examples" / "go-modules"
LIB = stack.BUILDPACKS / "go" / "lib"
MAIN = (EXAMPLE / "main.go").read_text("utf-8")
MOD = (EXAMPLE / "go.mod").read_text("utf-8")
SUM = (EXAMPLE / "go.sum").read_text("utf-8")
KNOWN = ["1.17", "1.17.13", "1.23.4", "1.24.0", "1.24.2", "1.24.10", "1.25rc1", "1.25.0", "1.26rc2"]


def test_detects_go(app: stack.App) -> None:
    app.write({"README.md": ""})
    assert app.detect("go") is None
    app.write({"go.mod": "module example.com/x\n"})
    assert app.detect("go") == "Go"


def test_the_example_answers_and_its_second_build_compiles_the_change_alone(
    first: tuple[stack.App, stack.Compiled], example: stack.App
) -> None:
    assert (
        "-----> Using Go 1.24.0 (the go line of go.mod says 1.24.0)\n       Fetching it from https" in first[1].output
    )
    assert "       github.com/go-chi/chi/v5/middleware\n" in first[1].output
    # What takes the longest prints nothing itself.
    told = first[1].output.index("       Compiling the standard library, too: the next builds find it in the cache\n")
    assert (
        first[1].output.index("       $ go install") < told < first[1].output.index("       github.com/go-chi/chi/v5\n")
    )
    example.write({"main.go": MAIN.replace("Hello from", "Changed for")})
    second = example.compile("go", alone=True)
    assert second.status == 0, second.output
    assert " !     " not in second.output, second.output
    assert second.output.endswith(" example.com/hello\n       example.com/hello\n")
    assert "Fetching" not in second.output and "standard library" not in second.output
    assert "  web: hello\n" in example.release("go")
    assert {path.name for path in example.slug.iterdir()} >= {"bin", "main.go"}
    assert sum(path.stat().st_size for path in example.slug.rglob("*") if path.is_file()) < 20 << 20
    with example.serve("hello", env={"DYNO": "web.1"}) as url:
        assert stack.get(url)[1] == "Changed for web.1, go1.24.0\n"
        assert stack.get(f"{url}/hello/there")[1] == "Hello there\n"


def test_named_packages_hooks_and_a_linked_value(example: stack.App) -> None:
    program = 'package main\n\nimport "fmt"\n\nvar commit = "none"\n\nfunc main() { fmt.Println("%s", commit) }\n'
    example.write(
        {
            "go.mod": f"{MOD}\n// +heroku install ./cmd/...\n",
            "cmd/api/main.go": program.replace("%s", "api"),
            "cmd/go-post-compile/main.go": program.replace("%s", "after"),
            "bin/go-pre-compile": "#!/bin/sh\ngit config --get-regexp '^(url|credential)'\n",
        }
    )
    of_the_operator = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "url.https://mirror.example/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
    }
    built = example.compile(
        "go", env={"GO_LINKER_SYMBOL": "main.commit", "SOURCE_VERSION": "1a2b3c", **of_the_operator}
    )
    assert built.status == 0, built.output
    assert "url.https://mirror.example/.insteadof https://github.com/" in built.output
    assert "credential.helper /run/buildpack/lib/credentials.sh" in built.output
    steps = [
        built.output.index(f"-----> {step}") for step in ("Running bin/go-pre", "Building ./cmd", "Running bin/go-post")
    ]
    assert steps == sorted(steps)
    assert "       after 1a2b3c\n" in built.output
    assert "  web: api\n" in example.release("go")
    assert example.run("api").output == "api 1a2b3c\n"


def test_c_is_compiled_with_the_flags_of_config_vars(example: stack.App) -> None:
    example.write(
        {
            "main.go": 'package main\n\n// #include "answer.h"\nimport "C"\n\nfunc main() { println(C.ANSWER) }\n',
            "include/answer.h": "#define ANSWER 42\n",
        }
    )
    example.config.mkdir(exist_ok=True)
    (example.config / "CGO_CFLAGS").write_text("-I${build_dir}/include")
    built = example.compile("go")
    assert built.status == 0, built.output
    assert example.run("hello").output == "42\n"


BROKEN = {
    "another hash in go.sum": ({"go.sum": SUM.replace("h1:x", "h1:y")}, "code is not what go.sum says"),
    "no go.sum": ({"go.sum": ""}, "Run go mod tidy, commit go.mod and go.sum"),
    "a line that is no hash": ({"go.sum": "nonsense\n"}, "cannot read go.sum"),
    "no such directive": ({"go.mod": f"{MOD}\nrequier x\n"}, "cannot read go.mod"),
    "a syntax error": ({"main.go": MAIN.replace("Print(err)", "Print(err")}, "./main.go:29:16: syntax error"),
    "vendor of before": ({"vendor/modules.txt": "# example.com/old v1.0.0\n## explicit\n"}, "Run go mod vendor"),
    "no program": ({"main.go": "package hello\n"}, "no package of example.com/hello is called main"),
    "a patch that does not exist": ({"go.mod": MOD.replace("1.24.0", "1.24.99")}, "Nearest that can be had: 1.24.1"),
    "a Go to come": ({"go.mod": MOD.replace("1.24.0", "1.999")}, "there is no Go 1.999 to be had"),
    "no version": ({"go.mod": MOD + "\n// +heroku goVersion new\n"}, "'new' is not a version of Go"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_said_within_seconds(
    first: tuple[stack.App, stack.Compiled], example: stack.App, name: str
) -> None:
    files, answer = BROKEN[name]
    example.write(files)
    refused = example.compile("go")
    assert refused.status == 1
    assert answer in refused.output
    assert refused.output.count(" !     ") > 1, "what to do about it is not said"
    # A machine that has much else to do needs longer, for the first build as well.
    assert refused.seconds < max(15, first[1].seconds / 2)


def test_a_newer_go_than_the_chosen_one_is_not_fetched_in_silence(example: stack.App) -> None:
    example.write({"go.mod": MOD.replace("1.24.0", "1.26.0")})
    refused = example.compile("go", env={"GOVERSION": "go1.24.0"})
    assert refused.status == 1
    assert "Using Go 1.24.0 (the config var GOVERSION says 1.24.0)" in refused.output
    assert "Raise the go line of go.mod (or GOVERSION)" in refused.output


def test_a_tool_from_before_modules_is_explained(app: stack.App) -> None:
    app.write({"Gopkg.lock": ""})
    assert app.detect("go") == "Go"
    refused = app.compile("go")
    assert refused.status == 1
    assert "Run go mod init NAME" in refused.output


def test_a_proxy_that_does_not_answer_is_named(app: stack.App) -> None:
    app.write({"go.mod": MOD})
    refused = app.compile("go", env={"GOPROXY": "http://127.0.0.1:9"})
    assert refused.status == 1
    assert "Cannot read http://127.0.0.1:9/golang.org/toolchain/@v/list" in refused.output
    assert "RUNTIME_MIRROR_GO or GOPROXY" in refused.output


# A toolchain that builds nothing but says what it was asked: for where it comes from, Go itself need not be fetched.
GO = '#!/bin/sh\ncase $1 in list) echo example.com/hello ;; *) echo "this go does not: $*" ;; esac\n'


def archive() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as made:
        for name in ("go/bin/go", "go/src/fmt/print_test.go", "go/test/big"):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(GO), 0o755
            made.addfile(entry, io.BytesIO(GO.encode()))
    return content.getvalue()


@pytest.mark.parametrize("digest", ["right", "wrong", "none"])
def test_a_mirror_of_archives_is_asked_first_and_checked(app: stack.App, digest: str) -> None:
    app.write({"go.mod": MOD.replace("1.24.0", "1.24")})
    mirror = app.work / "mirror"
    mirror.mkdir(parents=True)
    made = archive()
    (mirror / "go1.24.7.linux-amd64.tar.gz").write_bytes(made)
    if digest != "none":
        text = hashlib.sha256(made if digest == "right" else b"").hexdigest()
        (mirror / "go1.24.7.linux-amd64.tar.gz.sha256").write_text(text)
    built = app.compile("go", env={"RUNTIME_MIRROR_GO": "file:///tmp/work/mirror", "GOPROXY": "off"})
    layer = app.cache / "layers" / "go" / "1.24.7"
    assert (built.status == 0) == (digest == "right"), built.output
    if digest == "right":
        assert "this go does not: install -v -tags heroku" in built.output
        assert [path.name for path in (layer / "tree").rglob("*") if path.is_file()] == ["go"]
    else:
        assert {"wrong": "its hash is", "none": "put it there"}[digest] in built.output
        assert not (layer / "fingerprint").exists()


@pytest.mark.parametrize("digest", ["right", "wrong"])
def test_a_toolchain_of_a_module_proxy_is_checked_with_the_checksum_database(app: stack.App, digest: str) -> None:
    app.write({"go.mod": MOD})
    release, proxy = "v0.0.1-go1.24.0.linux-amd64", app.work / "proxy"
    module, lookup = (
        proxy / "golang.org" / "toolchain" / "@v",
        proxy / "sumdb" / "sum.golang.org" / "lookup" / "golang.org",
    )
    for folder in (module, lookup):
        folder.mkdir(parents=True)
    (module / "list").write_text(f"{release}\n")
    name = f"golang.org/toolchain@{release}/bin/go"
    # Of a program, only ELF may be run; a script says so by not being one.
    with zipfile.ZipFile(module / f"{release}.zip", "w") as made:
        made.writestr(name, GO)
    line = f"{hashlib.sha256(GO.encode()).hexdigest()}  {name}\n"
    right = base64.b64encode(hashlib.sha256(line.encode()).digest()).decode()
    (lookup / f"toolchain@{release}").write_text(
        f"17\ngolang.org/toolchain {release} h1:{right if digest == 'right' else right[::-1]}\n"
    )
    refused = app.compile("go", env={"GOPROXY": "file:///tmp/work/proxy"})
    assert ("its hash is h1:" in refused.output) == (digest == "wrong"), refused.output
    assert (app.cache / "layers" / "go" / "1.24.0" / "fingerprint").exists() == (digest == "right")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", "1.25.0"),
        ("latest", "1.25.0"),
        ("go1.24", "1.24.10"),
        ("1.24.x", "1.24.10"),
        ("1.24.2", "1.24.2"),
        ("1.24.0", "1.24.0"),
        ("go1.17", "1.17.13"),
        ("1.25", "1.25.0"),
        ("1.26rc2", "1.26rc2"),
        ("1.26", None),
        ("1.24.3", None),
        ("1.x", "1.25.0"),
    ],
)
def test_which_release_a_version_means(wanted: str, found: str | None) -> None:
    releases = runpy.run_path(str(LIB / "find_go.py"))
    assert releases["newest"](releases["normal"](wanted), KNOWN) == found


@pytest.mark.parametrize(
    ("text", "override", "expected"),
    [
        ("go 1.22\n", "", ("1.22", "the go line of go.mod")),
        ("go 1.22 // at least\ntoolchain go1.23.4\n", "", ("go1.23.4", "the toolchain line of go.mod")),
        ("go 1.22\ntoolchain default\n", "", ("1.22", "the go line of go.mod")),
        ("// +heroku goVersion go1.21\ngo 1.20\n", "", ("go1.21", "+heroku goVersion in go.mod")),
        ("go 1.22\n", "1.23", ("1.23", "the config var GOVERSION")),
        ("require go.uber.org/zap v1.27.0\n", "", ("", "")),
    ],
)
def test_which_version_an_app_asks_for(text: str, override: str, expected: tuple[str, str]) -> None:
    assert runpy.run_path(str(LIB / "plan.py"))["wanted"](text, override) == expected


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("module example.com/team/api", "api"),
        ('module "example.com/api/v2"', "api"),
        ("module api // was: old", "api"),
        ("module (\n\texample.com/api\n)", "api"),
        ("", ""),
    ],
)
def test_the_name_of_a_modules_program(line: str, name: str) -> None:
    assert runpy.run_path(str(LIB / "plan.py"))["program"](f"// a comment\n{line}\n\ngo 1.24\n") == name


def test_git_is_given_the_password_of_the_one_host() -> None:
    asked = "protocol=https\nhost=git.example.com\nusername=\n\n"
    for host, expected in (("GIT__EXAMPLE__COM", "username=me\npassword=secret:2\n"), ("EXAMPLE__COM", "")):
        ran = subprocess.run(
            [LIB / "credentials.sh", "get"],
            input=asked,
            env={f"GO_GIT_CRED__HTTPS__{host}": "me:secret:2"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout == expected
