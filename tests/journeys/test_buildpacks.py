"""Buildpacks of one's own: by name, by git URL with a ref, as an archive; several in order; what they leave for dynos."""

import shutil
import tarfile
import uuid
from pathlib import Path

import pytest

from tests.journeys import sources
from tests.journeys.conftest import EXAMPLES, Platform
from tests.journeys.internet import Internet

MAKE = EXAMPLES / "buildpack-make"
# What buildpacks of others do: apt-get as nobody in particular, dot files in HOME, files beside themselves, no bin/release.
APT = {
    "name.txt": "Apt\n",
    "bin/detect": '#!/usr/bin/env bash\n[ -f "$1/Aptfile" ] && cat name.txt\n',
    "bin/compile": """#!/usr/bin/env bash
set -e -o pipefail
cat name.txt
touch "$HOME/.left-behind"
echo "STACK is $STACK"
state=$2/apt
mkdir -p "$state/lists/partial" "$state/archives/partial"
cat /etc/apt/sources.list >"$state/sources.list"
apt() {
  apt-get -o "Dir::Etc::SourceList=$state/sources.list" -o "Dir::Etc::SourceParts=-" -o "Dir::State=$state" \\
    -o "Dir::Cache=$state" -o Acquire::Languages=none -o Debug::NoLocking=true -qq "$@"
}
[ -f "$state/updated" ] || { echo "Asking for lists"; apt update; touch "$state/updated"; }
apt --yes --download-only install --reinstall $(cat "$1/Aptfile")
mkdir -p "$1/.apt" "$1/.profile.d"
for package in "$state"/archives/*.deb; do dpkg -x "$package" "$1/.apt"; done
echo 'export PATH="$HOME/.apt/usr/bin:$PATH"' >"$1/.profile.d/000_apt.sh"
printf '%s\\n' 'set -e' 'cd /tmp' "export PATH=$1/.apt/usr/bin:\\$PATH" >"$(dirname "$0")/../export"
""",
}


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
    app = platform.create(EXAMPLES / "procfile-make", "--buildpack", operators(platform, MAKE))
    first = app.push()
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


@pytest.mark.parametrize("kind", ["git protocol", "plain HTTP", "archive"])
def test_a_buildpack_by_url(platform: Platform, internet: Internet, kind: str) -> None:
    name = f"pack-{uuid.uuid4().hex[:8]}"
    tree = internet.repository(name, MAKE)
    internet.git(name, "tag", "stable")
    if kind == "archive":
        with tarfile.open(internet.directory / f"{name}.tgz", "w:gz") as archive:
            archive.add(tree, name, filter=lambda entry: None if entry.name.endswith("/.git") else entry)
        url = internet.url(f"{name}.tgz")
    else:
        url = (internet.git_url(name) if kind == "git protocol" else internet.url(f"{name}/.git")) + "#stable"
    # The branch goes on; the tag stays.
    (tree / "bin" / "detect").write_text("#!/bin/sh\necho Moved on\n")
    internet.commit(name)
    app = platform.create(EXAMPLES / "procfile-make", "--buildpack", url)
    assert "-----> Make app detected" in app.push()
    assert app.get().text == "Hello from web.1, made with make\n"
    if kind != "archive":
        app.celadon("buildpacks:set", url.removesuffix("#stable"))
        app.commit()
        assert "-----> Moved on app detected" in app.push()


def test_a_buildpack_that_cannot_be_had_refuses_the_push(platform: Platform, internet: Internet) -> None:
    app = platform.create(sources.web(), "--buildpack", internet.git_url("no-such-pack") + "#v1")
    output = app.push(check=False)
    assert "Cannot fetch the buildpack" in output
    assert "no-such-pack#v1" in output
    assert "[remote rejected] main -> main" in output


def test_debian_packages_by_apt_and_python_after_it_by_short_names_in_the_apps_own_list(
    platform: Platform, internet: Internet, tmp_path: Path
) -> None:
    for path, text in APT.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
        (tmp_path / path).chmod(0o755)
    name = f"apt-{uuid.uuid4().hex[:8]}"
    internet.repository(name, tmp_path)
    commit = internet.git(name, "rev-parse", "HEAD").strip()
    (platform.home / "buildpacks.toml").write_text(f'"acme/{name}" = "{internet.git_url(name)}#{commit}"\n')
    app = platform.create(
        sources.web(
            **{
                ".buildpacks": f"# The order matters.\nacme/{name}\n\nheroku/python\n",
                "Aptfile": "hello\n",
                "requirements.txt": "six==1.17.0\n",
                "bin/post_compile": "#!/bin/sh\nhello -g packaged\n",
            }
        )
    )
    first = app.push()
    assert first.index("Apt app detected") < first.index("Python app detected")
    assert "STACK is heroku-24" in first
    assert "       packaged" in first, "what a buildpack exports does not reach the next one"
    shown = app.celadon("run", "--", "hello -g packaged; python -c 'import six; print(six.__version__)'; ls -A ~")
    assert "packaged\n" in shown
    assert "1.17.0" in shown
    assert ".left-behind" not in shown
    app.commit()
    second = app.push()
    assert "Asking for lists" in first
    assert "Asking for lists" not in second, "each buildpack has a cache of its own"
    assert "from the cache" in second
    found = platform.celadon("buildpacks:search", name)
    assert f"acme/{name}" in found and commit in found
    refused = app.celadon("buildpacks:set", f"acmee/{name}", check=False)
    assert f"did you mean acme/{name}?" in refused
    app.write(".buildpacks", "acme/nothing\n")
    app.commit()
    assert "Cannot find the buildpack acme/nothing, which .buildpacks names" in app.push(check=False)


def test_several_buildpacks_in_order_and_what_one_exports_to_the_next(platform: Platform) -> None:
    first = {
        "bin/detect": "#!/bin/sh\necho First\n",
        "bin/compile": '#!/bin/sh\nmkdir -p "$2" "$1/.profile.d"\necho "export FROM_FIRST=exported" >export\n'
        'echo one more >>"$2/builds"\necho "build number $(wc -l <"$2/builds")"\n'
        'echo "export FROM_PROFILE=1" >"$1/.profile.d/first.sh"\ncp "$3/GIVEN" "$1/given"\n',
    }
    second = {
        "bin/detect": "#!/bin/sh\necho Second\n",
        "bin/compile": '#!/bin/sh\necho "FROM_FIRST is $FROM_FIRST"\nprintf %s "$FROM_FIRST" >"$1/exported"\n',
        "bin/release": "#!/bin/sh\necho '{default_process_types: {other: sleep 1000}}'\n",
    }
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
    app.celadon("config:set", "GIVEN=as a file")
    app.celadon("buildpacks:set", operators(platform, first))
    # Only what there must be.
    app.celadon("buildpacks:add", operators(platform, {"bin/compile": "#!/bin/sh\n"}))
    app.celadon("buildpacks:add", operators(platform, second))
    output = app.push()
    detected = ["First app detected", "Other app detected", "Second app detected"]
    assert sorted(detected, key=output.index) == detected
    assert "FROM_FIRST is exported" in output
    assert "build number 1" in output
    assert "Default types for Second -> other" in output
    assert "\nFROM_PROFILE=12\n" in app.get("/env").text
    shown = app.celadon(
        "run", "--", "cat given exported; find . -name '*.psd' -o -name manual.txt -o -name stays | sort"
    )
    assert "as a fileexported" in shown
    assert shown.rstrip().endswith("./keep.psd\n./src/docs/stays")
    app.commit()
    assert "build number 2" in app.push(), "the cache was not kept"
