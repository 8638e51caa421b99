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
    app.celadon("buildpacks:add", operators(platform, second))
    output = app.push()
    assert output.index("First app detected") < output.index("Second app detected")
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
