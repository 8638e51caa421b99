"""Buildpacks of one's own: by name, by git URL with a ref, as an archive; several in order; what they leave for dynos."""

import shutil
import tarfile
import uuid
from pathlib import Path

import pytest

from celadon.platform import images, settings
from tests.journeys import sources
from tests.journeys.conftest import CHECKOUT, EXAMPLES, Platform
from tests.journeys.internet import Internet

MAKE = EXAMPLES / "buildpack-make"
# Of the shape of the public apt buildpack: a state, a cache and sources of its own for apt-get, packages of a mirror's
# and by URL, what they leave in paths that say where they are, and no bin/release.
APT = {
    "name.txt": "Apt\n",
    "bin/detect": '#!/usr/bin/env bash\n[ -f "$1/Aptfile" ] && cat name.txt\n',
    "bin/compile": r"""#!/usr/bin/env bash
set -e -o pipefail
build=$1 cache=$2
cat name.txt
touch "$HOME/.left-behind"
echo "STACK is $STACK"
debs=$cache/apt/cache state=$cache/apt/state sources=$cache/apt/sources/sources.list
if ! cmp -s "$build/Aptfile" "$cache/Aptfile"; then
  rm -rf "$cache/apt"
  mkdir -p "$debs/archives/partial" "$state/lists/partial" "${sources%/*}"
  cat /etc/apt/sources.list >"$sources"
  cp -f "$build/Aptfile" "$cache/Aptfile"
fi
options=(-o debug::nolocking=true -o "dir::cache=$debs" -o "dir::state=$state" -o "dir::etc::sourcelist=$sources"
  -o dir::etc::sourceparts=/dev/null)
[ -f "$state/updated" ] || { echo "Asking for lists"; apt-get "${options[@]}" -q update | sed 's/^/       /'; touch "$state/updated"; }
while read -r package; do
  case $package in
    "" | "#"*) ;;
    *.deb)
      name=$debs/archives/$(basename "$package" .deb).deb
      curl -s -L --retry 3 --retry-connrefused -z "$name" -o "$name" "$package" ;;
    *)
      # Nothing, when its archive is there.
      { apt-get "${options[@]}" -y --print-uris install --reinstall "$package" | grep -oE "^'http[^']*\.deb'" || true; } |
        sed 's/^/       would fetch /'
      apt-get "${options[@]}" -y --allow-downgrades --allow-remove-essential --allow-change-held-packages -qq -d \
        install --reinstall "$package" ;;
  esac
done <"$build/Aptfile"
mkdir -p "$build/.apt" "$build/.profile.d"
ls -t "$debs"/archives/*.deb | while read -r deb; do dpkg -x "$deb" "$build/.apt/"; done
cat >"$build/.profile.d/000_apt.sh" <<'EOF'
export PATH="$HOME/.apt/usr/bin:$HOME/.apt/usr/sbin:$PATH"
export LD_LIBRARY_PATH="$HOME/.apt/usr/lib/x86_64-linux-gnu:$HOME/.apt/usr/lib:${LD_LIBRARY_PATH:-}"
EOF
printf '%s\n' 'set -e' 'cd /tmp' "export PATH=$build/.apt/usr/bin:\$PATH" >"$(dirname "$0")/../export"
""",
}
# What public buildpacks take for granted; it ends with what each thing was.
FACTS = r"""#!/usr/bin/env bash
set -euo pipefail
BUILD_DIR=$1 CACHE_DIR=$2 ENV_DIR=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && cd .. && pwd -P)
say() { printf '       %s\n' "$*"; }
say "beside itself: $(cat data.txt) $(test "$PWD" = "$here" && echo yes)"
say "a link: $(readlink link.txt) -> $(cat link.txt)"
say "stack $STACK, home $HOME, $(id -u | grep -cx 0 || true) root, sudo: $(command -v sudo || echo none)"
touch "$HOME/.rc" && say "home can be written to"
# A runtime that cannot be moved is installed where it will be in a dyno, by a link.
mkdir -p "$BUILD_DIR/vendor/tool/bin" /app/vendor && ln -nsf "$BUILD_DIR/vendor/tool" /app/vendor/tool
printf '#!/bin/bash\necho "from $(dirname "$0")"\n' >/app/vendor/tool/bin/tool && chmod +x /app/vendor/tool/bin/tool
ln -s tool "$BUILD_DIR/vendor/tool/bin/other-tool"
say "$(/app/vendor/tool/bin/tool)"
work=$(mktemp -d) && say "temporary: ${work%/*}"
curl --silent --show-error --fail --location --retry 3 --retry-all-errors --connect-timeout 3 --max-time 20 \
  -o "$work/got.json" "$(cat "$ENV_DIR/FACTS_URL")"
say "fetched: $(jq -r .told "$work/got.json")"
say "unreachable: $(SECONDS=0; curl --silent --retry 1 http://192.0.2.1/ >/dev/null && echo reached || echo "given up after $((SECONDS / 30)) half minutes")"
say "tools:$(for tool in awk git gzip make gcc openssl patch perl python3 rsync sha256sum tar unzip xz zstd; do
  command -v "$tool" >/dev/null || printf ' without %s' "$tool"; done)"
say "variables: $(cd "$ENV_DIR" && ls | sort | paste -sd ' ')"
for name in EXACT EMPTY LINES; do say "$name: $(od -An -tx1 -v "$ENV_DIR/$name" | tr -d ' \n')"; done
say "in the environment: ${EXACT-nothing}"
echo "of the first" >>"$CACHE_DIR/mine" && say "cache: $(ls "$CACHE_DIR") $(wc -l <"$CACHE_DIR/mine")"
mkdir -p "$BUILD_DIR/.profile.d"
echo 'export FROM_PROFILE=1 PATH="$HOME/vendor/tool/bin:$PATH"' >"$BUILD_DIR/.profile.d/first.sh"
echo 'export FROM_FIRST=exported' >"$here/export"
"""


def operators(platform: Platform, source: Path | dict[str, str]) -> str:
    """A buildpack that the operator has put into the platform's home; returns its name."""
    name = f"own-{uuid.uuid4().hex[:8]}"
    directory = platform.home / "buildpacks" / name
    if isinstance(source, Path):
        shutil.copytree(source, directory)
    else:
        for path, text in source.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_text(text)
            (directory / path).chmod(0o755)
    return name


def test_a_make_style_buildpack_of_the_operator(platform: Platform) -> None:
    name = operators(platform, MAKE)
    app = platform.create(EXAMPLES / "procfile-make", "--buildpack", name)
    first = app.push()
    # The image is that of all platforms of the machine: nothing of this one's is in it.
    assert not (images.path(settings.load(platform.home), "cedar") / "celadon" / "buildpacks" / name).exists()
    assert "-----> Make app detected" in first
    assert "cc -O2" in first
    # bin/release gave the config var, .profile.d the PATH that finds the program.
    assert app.get().text == "Hello from web.1, made with make\n"
    assert "GREETING" in app.celadon("config")
    app.celadon("config:set", "CFLAGS=-O0", "GREETING=hi")
    app.write("hello.c", (app.checkout / "hello.c").read_text() + "\n")
    app.commit()
    assert "cc -O0" in app.push(), "ENV_DIR has no config vars"
    assert app.get().text == "Hello from web.1, hi\n"


@pytest.mark.parametrize("kind", ["git protocol", "plain HTTP"])
def test_a_buildpack_by_url(platform: Platform, internet: Internet, kind: str) -> None:
    name = f"pack-{uuid.uuid4().hex[:8]}"
    tree = internet.repository(name, MAKE)
    internet.git(name, "tag", "stable")
    url = (internet.git_url(name) if kind == "git protocol" else internet.url(f"{name}/.git")) + "#stable"
    # The branch goes on; the tag stays.
    (tree / "bin" / "detect").write_text("#!/bin/sh\necho Moved on\n")
    internet.commit(name)
    app = platform.create(EXAMPLES / "procfile-make", "--buildpack", url)
    assert "-----> Make app detected" in app.push()
    assert app.get().text == "Hello from web.1, made with make\n"
    app.celadon("buildpacks:set", url.removesuffix("#stable"))
    app.commit()
    assert "-----> Moved on app detected" in app.push()


def test_one_of_the_platforms_own_works_from_a_git_repository_too(platform: Platform, internet: Internet) -> None:
    """Without what lies beside it on a platform: here, uv."""
    name = f"python-{uuid.uuid4().hex[:8]}"
    internet.repository(name, CHECKOUT / "buildpacks" / "python")
    app = platform.create(
        {
            "requirements.txt": "six==1.17.0\n",
            "Procfile": "web: exec python -m http.server $PORT\n",
            "index.html": "Served by Python\n",
        },
        "--buildpack",
        internet.git_url(name),
    )
    assert "-----> Python app detected" in (first := app.push())
    assert " + six==1.17.0" in first
    assert app.get().text == "Served by Python\n"
    app.write("index.html", "Changed\n")
    app.commit()
    assert "Using the packages of requirements.txt from the cache" in app.push()


def test_a_buildpack_that_cannot_be_had_refuses_the_push(platform: Platform, internet: Internet) -> None:
    app = platform.create(sources.web(), "--buildpack", internet.git_url("no-such-pack") + "#v1")
    output = app.push(check=False)
    assert "Cannot fetch the buildpack" in output
    assert "no-such-pack#v1" in output
    assert "[remote rejected] main -> main" in output


def test_debian_packages_by_apt_and_python_after_it_by_short_names_in_the_apps_own_list(
    platform: Platform, internet: Internet, tmp_path: Path
) -> None:
    write(tmp_path / "apt", APT)
    name = f"apt-{uuid.uuid4().hex[:8]}"
    internet.repository(name, tmp_path / "apt")
    # A package that no mirror has.
    write(tmp_path / "own", {"usr/bin/own-tool": "#!/bin/sh\necho own\n"})
    control = {"DEBIAN/control": "Package: own\nVersion: 1\nArchitecture: all\nMaintainer: Test\nDescription: own\n"}
    write(tmp_path / "own", control)
    platform.run("dpkg-deb", "--build", tmp_path / "own", internet.directory / f"{name}.deb")
    commit = internet.git(name, "rev-parse", "HEAD").strip()
    (platform.home / "buildpacks.toml").write_text(f'"acme/{name}" = "{internet.git_url(name)}#{commit}"\n')
    app = platform.create(
        sources.web(
            **{
                ".buildpacks": f"# The order matters.\nacme/{name}\n\nheroku/python\n",
                "Aptfile": f"# What the app needs\nhello\n{internet.url(f'{name}.deb')}\n",
                "requirements.txt": "six==1.17.0\n",
                "bin/post_compile": "#!/bin/sh\nhello -g packaged\nown-tool\n",
            }
        )
    )
    first = app.push()
    assert first.index("Apt app detected") < first.index("Python app detected")
    assert "STACK is heroku-24" in first
    assert "would fetch 'http" in first
    assert "       own\n" in first.replace("        \n", "\n")
    assert "       packaged" in first, "what a buildpack exports does not reach the next one"
    shown = app.celadon(
        "run", "--", "own-tool; hello -g packaged; python -c 'import six; print(six.__version__)'; ls -A ~"
    )
    assert "own\npackaged\n" in shown
    assert "1.17.0" in shown
    assert ".left-behind" not in shown
    app.commit()
    second = app.push()
    assert "Asking for lists" in first
    assert "Asking for lists" not in second, "each buildpack has a cache of its own"
    assert "would fetch" not in second
    assert "from the cache" in second
    found = platform.celadon("buildpacks:search", name)
    assert f"acme/{name}" in found and commit in found
    refused = app.celadon("buildpacks:set", f"acmee/{name}", check=False)
    assert f"did you mean acme/{name}?" in refused
    app.write(".buildpacks", "acme/nothing\n")
    app.commit()
    assert "Cannot find the buildpack acme/nothing, which .buildpacks names" in app.push(check=False)


def write(directory: Path, files: dict[str, str]) -> None:
    """The files of a buildpack, its programs executable."""
    for path, text in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
        (directory / path).chmod(0o755)


def test_several_buildpacks_of_git_repositories_find_what_they_take_for_granted_and_one_that_fails_is_named(
    platform: Platform, internet: Internet, tmp_path: Path
) -> None:
    mark = uuid.uuid4().hex[:8]
    never = "#!/usr/bin/env bash\ntouch /app/called\necho 'a test was run'\nexit 1\n"
    tests = {"bin/test": never, "bin/test-compile": never}
    # A branch, without bin/detect and bin/release; a commit that is no branch's or tag's any more; an archive.
    write(tmp_path / "first", {"bin/compile": FACTS, "data.txt": "data", **tests})
    (tmp_path / "first" / "link.txt").symlink_to("data.txt")
    internet.repository(f"first-{mark}", tmp_path / "first")
    internet.git(f"first-{mark}", "checkout", "-q", "-b", "release/v2")
    internet.git(f"first-{mark}", "branch", "-q", "-D", "main")
    second = {
        "bin/detect": "#!/usr/bin/env bash\necho Second\n",
        "bin/compile": '#!/usr/bin/env bash\necho "FROM_FIRST is $FROM_FIRST"\nprintf %s "$FROM_FIRST" >"$1/exported"\n'
        'echo of the second >>"$2/other"\necho "second cache: $(ls "$2") $(wc -l <"$2/other")"\n'
        "echo 'export FROM_SECOND=\"$FROM_FIRST twice\"' >export\n",
        "bin/release": "#!/usr/bin/env bash\necho '{config_vars: {SECOND: set}, default_process_types: {other: sleep 1, web: no}}'\n",
    }
    write(tmp_path / "second", second)
    internet.repository(f"second-{mark}", tmp_path / "second")
    commit = internet.git(f"second-{mark}", "rev-parse", "HEAD").strip()
    write(internet.directory / f"second-{mark}", {"bin/compile": "#!/usr/bin/env bash\necho it breaks\nexit 7\n"})
    internet.git(f"second-{mark}", "checkout", "-q", "-b", "broken")
    internet.commit(f"second-{mark}")
    third = {
        "bin/detect": "#!/usr/bin/env bash\necho Third\n",
        "bin/compile": '#!/usr/bin/env bash\necho "FROM_SECOND is $FROM_SECOND"\ncp "$3/EXACT" "$1/given"\n',
        "bin/release": "#!/usr/bin/env bash\necho '{default_process_types: {other: sleep 1000}}'\n",
    }
    write(tmp_path / "third", third)
    with tarfile.open(internet.directory / f"third-{mark}.tgz", "w:gz") as archive:
        archive.add(tmp_path / "third", f"third-{mark}")
    (internet.directory / f"facts-{mark}.json").write_text('{"told": "a fact"}')

    app = platform.create(
        sources.web(
            **{
                ".profile": "export FROM_PROFILE=${FROM_PROFILE}2\n",
                ".slugignore": "/docs\n*.psd\n!keep.psd\n",
                "docs/manual.txt": "long",
                "art.psd": "big",
                "keep.psd": "kept",
                "src/docs/stays": "yes",
            }
        )
    )
    app.celadon(
        "config:set", "EXACT= é $HOME 'q' \\n", "LINES=one\ntwo\n\n", f"FACTS_URL={internet.url(f'facts-{mark}.json')}"
    )
    app.celadon("config:set", "EMPTY=")
    app.celadon("buildpacks:set", internet.git_url(f"first-{mark}") + "#release/v2")
    app.celadon("buildpacks:add", internet.git_url(f"second-{mark}") + f"#{commit}")
    app.celadon("buildpacks:add", internet.url(f"third-{mark}.tgz"))
    output = app.push()
    exact = " é $HOME 'q' \\n".encode().hex()
    lines = b"one\ntwo\n\n"
    expected = (
        "beside itself: data yes",
        "a link: data.txt -> data",
        "stack heroku-24, home /app, 0 root, sudo: none",
        "home can be written to",
        "from /app/vendor/tool/bin",
        "temporary: /tmp",
        "fetched: a fact",
        "unreachable: given up after 0 half minutes",
        "variables: EMPTY EXACT FACTS_URL LINES",
        f"EXACT: {exact}",
        f"LINES: {lines.hex()}",
        "in the environment: nothing",
        "cache: mine 1",
        "FROM_FIRST is exported",
        "second cache: other 1",
        "FROM_SECOND is exported twice",
        "Default types for Third -> other",
    )
    assert [line for line in expected if line not in output] == [], output
    assert "without " not in output, "a tool that buildpacks take for granted is missing"
    assert "a test was run" not in output
    detected = ["Other app detected", "Second app detected", "Third app detected"]
    assert sorted(detected, key=output.index) == detected
    assert "\nFROM_PROFILE=12\n" in app.get("/env").text
    assert "\nSECOND=set\n" in app.get("/env").text
    shown = app.celadon(
        "run",
        "--",
        "cat given exported; echo; other-tool; ls -A /app; find . -name '*.psd' -o -name manual.txt -o -name stays | sort",
    )
    assert " é $HOME 'q' \\nexported" in shown
    assert "from /app/vendor/tool/bin" in shown, "links are not kept"
    assert "called" not in shown and ".rc" not in shown
    assert shown.rstrip().endswith("./keep.psd\n./src/docs/stays")

    app.celadon("buildpacks:set", internet.git_url(f"second-{mark}") + "#broken", "--index", "2")
    app.commit()
    refused = app.push(check=False)
    assert "cache: mine 2" in refused, "the cache was not kept"
    named = f"Push rejected, failed to compile Second app (the buildpack git://{internet.address}/second-{mark})."
    assert refused.index("it breaks") < refused.index(named)
    assert "Push failed" not in refused
    assert "Third app detected" not in refused
    assert "[remote rejected] main -> main" in refused
