"""What an image says of itself, and what becomes of that."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from celadon.model import image
from celadon.model.image import Image, ImageError

DIGEST = "sha256:" + "a" * 64
PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/srv/app:/bin/sh\n"


def config(**values: object) -> bytes:
    return json.dumps({"os": "linux", "architecture": "amd64", "config": values}).encode()


def parse(content: bytes, *, shell: bool = True) -> tuple[Image, dict[str, str]]:
    return image.parse(content, reference="example.com/app:1", digest=DIGEST, passwd=PASSWD, shell=shell)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("me/app:1", "docker.io/me/app:1"),
        ("docker.io/busybox", "docker.io/library/busybox:latest"),
        ("registry.example.com/app", "registry.example.com/app:latest"),
        ("registry.example.com:5000/team/app:v1.2_x", "registry.example.com:5000/team/app:v1.2_x"),
        ("localhost/app", "localhost/app:latest"),
        (f"ghcr.io/me/app@{DIGEST}", f"ghcr.io/me/app@{DIGEST}"),
        (f"ghcr.io/me/app:1@{DIGEST}", f"ghcr.io/me/app:1@{DIGEST}"),
    ],
)
def test_an_image_is_named_as_docker_names_it(text: str, meant: str) -> None:
    assert str(image.reference(text)) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-v",
        "App",
        "https://x.example/app",
        "docker://app",
        "a b",
        "a/../b",
        "x.example/",
        "a@sha256:1",
        "a:-",
        "a\n",
        "x" * 600,
    ],
)
def test_what_is_no_name_of_an_image_is_refused(text: str) -> None:
    with pytest.raises(ImageError, match="cannot import"):
        image.reference(text)


@settings(deadline=None)
@given(st.text(max_size=80) | st.from_regex(image._REFERENCE, fullmatch=True))
def test_a_name_that_was_read_is_read_as_the_same_again(text: str) -> None:
    try:
        found = image.reference(text)
    except ImageError:
        return
    assert image.reference(str(found)) == found
    # It becomes a word of a command line.
    assert not str(found).startswith("-") and str(found).isprintable() and " " not in str(found)


def test_entrypoint_and_command_are_the_web_process_and_need_no_shell() -> None:
    found, types = parse(config(Entrypoint=["/bin/server", "-v"], Cmd=["a b", "$HOME"]), shell=False)
    assert types == {"web": "/bin/server -v 'a b' '$HOME'"}
    assert image.argv(found, types, types["web"]) == ("/bin/server", "-v", "a b", "$HOME")
    assert image.argv(found, types, "/bin/tool 'x y'") == ("/bin/tool", "x y")


def test_with_a_shell_other_commands_are_the_shells() -> None:
    found, types = parse(config(Cmd=["/server"], Labels={"celadon.process.worker": "work $N | tee log"}))
    assert types == {"web": "/server", "worker": "work $N | tee log"}
    assert image.argv(found, types, "/server") == ("/server",)
    assert image.argv(found, types, types["worker"]) == ("/bin/sh", "-c", "work $N | tee log")


def test_a_label_wins_over_the_images_own_command() -> None:
    found, types = parse(config(Cmd=["/server"], Labels={"celadon.process.web": "/server --port $PORT", "other": "x"}))
    assert types == {"web": "/server --port $PORT"} and found.direct == ()


def buildpacks(*types: str) -> dict[str, str]:
    return {
        "io.buildpacks.build.metadata": json.dumps({"processes": [{"type": name, "command": "x"} for name in types]})
    }


def test_an_image_of_cloud_native_buildpacks_runs_its_processes_by_its_launcher() -> None:
    found, types = parse(config(Entrypoint=["/cnb/process/web"], Labels=buildpacks("web", "worker", "spring.boot")))
    assert types == {"web": "/cnb/process/web", "worker": "/cnb/process/worker"}
    assert image.argv(found, types, types["worker"]) == ("/cnb/process/worker",)
    assert image.argv(found, types, "env") == ("/cnb/lifecycle/launcher", "--", "/bin/sh", "-c", "env")


def test_a_label_wins_over_cloud_native_buildpacks() -> None:
    _, types = parse(config(Labels={**buildpacks("web"), "celadon.process.web": "./mine"}))
    assert types == {"web": "./mine"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "not JSON"),
        (b"[]", "its configuration"),
        (b"[" * 100_000, "not JSON"),
        (json.dumps({"os": "linux", "architecture": "arm64"}).encode(), "it is for linux/arm64, dynos are linux/amd64"),
        (json.dumps({"os": "windows", "architecture": "amd64"}).encode(), "it is for windows/amd64"),
        (json.dumps({}).encode(), "no platform"),
        (config(), "neither ENTRYPOINT nor CMD"),
        (config(Cmd="/server"), "its CMD"),
        (config(Cmd=[1]), "its CMD"),
        (config(Cmd=["a\0b"]), "its CMD"),
        (config(Cmd=["\ud800"]), "its CMD"),
        (config(Cmd=["/s"], Env=["A"]), "its environment"),
        (config(Cmd=["/s"], Env=["=A"]), "its environment"),
        (config(Cmd=["/s"], Env=["A=" + "x" * 70_000]), "larger than 64 KB"),
        (config(Cmd=["/s"], WorkingDir="data"), "its working directory"),
        (config(Cmd=["/s"], User=3), "its user"),
        (config(Cmd=["/s"], Labels=["x"]), "its labels"),
        (config(Labels={"celadon.process.web": " "}), "it has no command"),
        (config(Labels={"celadon.process.run": "x"}), "one-off dynos are called"),
        (config(Labels={"celadon.process.a b": "x"}), "letters, digits"),
        (config(Labels={"io.buildpacks.build.metadata": "no"}), "not JSON"),
        (config(Labels={"io.buildpacks.build.metadata": '{"processes": 3}'}), "its label"),
        (config(Labels={"io.buildpacks.build.metadata": '{"processes": [{}]}'}), "its label"),
    ],
)
def test_what_cannot_be_run_says_why(content: bytes, why: str) -> None:
    with pytest.raises(ImageError, match=why):
        parse(content)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["Entrypoint", "Cmd", "Env", "Labels", "User", "WorkingDir", "ExposedPorts", "StopSignal", "celadon.process.web"]
)


@settings(deadline=None)
@given(st.dictionaries(names, values | st.dictionaries(names, values)), st.text(max_size=30))
def test_a_description_is_used_or_refused_and_nothing_else_happens(told: dict[str, object], command: str) -> None:
    try:
        found, types = parse(config(**told))
    except ImageError:
        return
    assert types and image.from_json(image.to_json(found)) == found
    for text in (*types.values(), command):
        try:
            assert image.argv(found, types, text)
        except ImageError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("user", "home"),
    [
        ("", "/root"),
        ("0", "/root"),
        ("app", "/srv/app"),
        ("1000:1000", "/srv/app"),
        ("app:staff", "/srv/app"),
        ("7", "/"),
    ],
)
def test_home_is_that_of_the_images_user(user: str, home: str) -> None:
    assert parse(config(Cmd=["/s"], User=user))[0].home == home


def test_home_of_the_environment_wins() -> None:
    assert parse(config(Cmd=["/s"], Env=["HOME=/data"]))[0].home == "/data"


def test_a_release_names_the_image_by_what_it_is() -> None:
    found, _ = parse(config(Cmd=["/s"]))
    assert found.pinned == f"example.com/app:1@{DIGEST}"
    again, _ = image.parse(config(Cmd=["/s"]), reference=f"x.io/a@{DIGEST}", digest=DIGEST, passwd="", shell=False)
    assert again.pinned == f"x.io/a@{DIGEST}"
