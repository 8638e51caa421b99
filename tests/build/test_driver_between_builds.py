"""The script of a build dyno, on the stack: what earlier builds and hostile sources leave it."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.buildpacks import stack

DRIVER = Path(__file__).parents[2] / "src" / "celadon" / "build" / "driver.sh"
TAKES_ALL = {
    "detect": "#!/bin/bash\necho Any\n",
    "compile": "#!/bin/bash\ncd $1 && . ./compile\n",
    "release": "#!/bin/bash\n",
}


class Dyno:
    """What is bound into a build dyno; `disk` is its /tmp."""

    def __init__(self, folder: Path) -> None:
        self.disk, self._told, self._source = folder / "disk", folder / "told", folder / "source"
        for path in (self.disk, self._told / "env", self._source, self._told / "buildpacks" / "any" / "bin"):
            path.mkdir(parents=True)
        for name, text in TAKES_ALL.items():
            script = self._told / "buildpacks" / "any" / "bin" / name
            script.write_text(text)
            script.chmod(0o755)
        # The image has no place for what the platform's runtime mounts there.
        (self._told / "driver.sh").write_text(DRIVER.read_text("utf-8").replace("/celadon/", "/run/celadon/"))
        for name in ("buildpacks.tsv", "names.tsv", "submodules"):
            (self._told / name).touch()
        stack.own(self.disk)

    def build(self, files: Mapping[str, str], buildpacks: str = "") -> "subprocess.CompletedProcess[str]":
        for name, text in files.items():
            (self._source / name).parent.mkdir(parents=True, exist_ok=True)
            (self._source / name).write_text(text)
        subprocess.run(["tar", "-C", self._source, "-cf", self._told / "source.tar", "."], check=True)
        (self._told / "buildpacks.tsv").write_text(buildpacks)
        told = {
            "BUILD_DIR": "/tmp/build_1",
            "CACHE_DIR": "/tmp/cache",
            "ENV_DIR": "/run/celadon/env",
            "OUT": "/tmp/out",
            "SOURCE": "/run/celadon/source.tar",
            "DEFAULT_BUILDPACKS": "/run/celadon/buildpacks/any",
            "MOST_BUILDPACKS": "20",
        }
        argv = stack.enter_argv(
            {self.disk: "/tmp", self._told: "/run/celadon"}, "/", ["bash", "/run/celadon/driver.sh"]
        )
        return subprocess.run(
            argv, env=stack.environment(told), capture_output=True, text=True, check=False, timeout=60
        )

    def link(self, name: str, to: str) -> None:
        """Let the source have a link."""
        (self._source / name).symlink_to(to)

    def knows_nothing(self, known_by: str) -> None:
        """Let the platform's buildpack know no app, and say by which files it would."""
        pack = self._told / "buildpacks" / "any"
        (pack / "bin" / "detect").write_text("#!/bin/bash\nexit 1\n")
        (pack / "known-by").write_text(known_by)

    @property
    def tree(self) -> Path:
        return self.disk / "build_1"


@pytest.fixture
def dyno(tmp_path: Path) -> Dyno:
    for parent in (tmp_path, *tmp_path.parents):
        if parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    return Dyno(tmp_path)


def test_what_an_earlier_build_has_write_protected_is_gone(dyno: Dyno) -> None:
    protect = "mkdir -p deep/er /tmp/beside && touch deep/er/file /tmp/beside/file && chmod -R a-w deep /tmp/beside\n"
    first = dyno.build({"compile": protect})
    assert first.returncode == 0, first.stdout + first.stderr
    assert (dyno.tree / "deep" / "er" / "file").exists()
    second = dyno.build({"compile": "echo kept >/tmp/cache/kept\n"})
    assert second.returncode == 0, second.stdout + second.stderr
    assert "cannot remove" not in second.stdout + second.stderr
    assert not (dyno.disk / "beside").exists()
    assert not (dyno.tree / "deep").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        "rm -rf /tmp/cache; ln -s /etc /tmp/cache",
        "rm -rf /tmp/cache; touch /tmp/cache",
        "chmod 0 /tmp/cache",
        "chmod 0 /tmp",
    ],
)
def test_a_disk_that_a_build_has_spoiled_serves_the_next(dyno: Dyno, spoil: str) -> None:
    assert dyno.build({"compile": "echo kept >/tmp/cache/kept\n"}).returncode == 0
    dyno.build({"compile": f"{spoil}\n"})
    after = dyno.build({"compile": 'echo "$2" >seen && touch /tmp/cache/again\n'})
    assert after.returncode == 0, after.stdout + after.stderr
    assert (dyno.tree / "seen").read_text() == "/tmp/cache/default\n"
    assert (dyno.disk / "cache" / "again").exists()


def test_what_nobody_may_read_is_readable_in_the_slug(dyno: Dyno) -> None:
    built = dyno.build({"compile": "echo well >hidden && mkdir dark && echo too >dark/file && chmod 0 hidden dark\n"})
    assert built.returncode == 0, built.stdout + built.stderr
    assert (dyno.tree / "hidden").stat().st_mode & 0o400
    assert (dyno.tree / "dark").stat().st_mode & 0o500 == 0o500
    assert (dyno.tree / "dark" / "file").read_text() == "too\n"


def test_a_buildpack_that_removes_the_tree_is_told_of_by_who_packs(dyno: Dyno) -> None:
    assert dyno.build({"compile": "cd / && rm -rf /tmp/build_1\n"}).returncode == 0


def test_a_ref_that_is_an_option_is_none(dyno: Dyno) -> None:
    option = "--upload-pack=touch /tmp/done;false"
    found = dyno.build({"compile": ""}, f"git\tssh://joe:s3cret@127.0.0.1/pack\t{option}\n")
    assert found.returncode == 11
    assert f"Cannot fetch the buildpack ssh://127.0.0.1/pack#{option}." in found.stdout
    assert not (dyno.disk / "done").exists()
    assert list((dyno.disk / "cache").iterdir()) == []


def test_a_password_with_an_at_sign_is_not_shown(dyno: Dyno) -> None:
    found = dyno.build({"compile": "", ".buildpacks": "https://joe:s3cr@tpw@127.0.0.1:1/pack.tgz\n"})
    assert "Cannot fetch the buildpack https://127.0.0.1:1/pack.tgz." in found.stdout
    assert "tpw" not in found.stdout + found.stderr


def test_an_export_that_ends_the_shell_does_not_pass_for_a_build(dyno: Dyno) -> None:
    pack = dyno.disk.parent / "told" / "buildpacks" / "any"
    (pack / "export").write_text("exit 0\n")
    found = dyno.build({"compile": ""}, "here\t/run/celadon/buildpacks/any\t\n")
    assert found.returncode == 13, found.stdout + found.stderr
    assert found.stdout.endswith(
        " !     The file export of the buildpack any ends the build: it may only set variables.\n"
        " !     Push rejected, failed to compile Any app.\n"
    )


def test_a_buildpack_that_fails_closes_the_output_in_herokus_words(dyno: Dyno) -> None:
    found = dyno.build({"compile": "echo ' !     cannot do it: why.'; exit 1\n"})
    assert found.returncode == 13, found.stdout + found.stderr
    assert found.stdout.endswith(" !     cannot do it: why.\n !     Push rejected, failed to compile Any app.\n")


def test_of_several_buildpacks_the_one_that_fails_is_named(dyno: Dyno) -> None:
    here = "here\t/run/celadon/buildpacks/any\t\n"
    found = dyno.build({"compile": "[ -e once ] && exit 1; touch once\n"}, here + here)
    assert found.returncode == 13, found.stdout + found.stderr
    assert found.stdout.endswith("\n !     Push rejected, failed to compile Any app (the buildpack any).\n")


def test_a_release_script_that_fails_closes_it_too(dyno: Dyno) -> None:
    script = dyno.disk.parent / "told" / "buildpacks" / "any" / "bin" / "release"
    script.write_text("exit 1\n")
    found = dyno.build({"compile": ""})
    assert found.returncode == 14, found.stdout + found.stderr
    assert found.stdout.endswith(
        " !     bin/release of the buildpack any failed.\n !     Push rejected, failed to compile Any app.\n"
    )


def test_the_names_of_buildpacks_are_looked_at_before_the_first_is_run(dyno: Dyno) -> None:
    found = dyno.build({"compile": "", ".buildpacks": "https://127.0.0.1:1/pack.tgz\nacme/nothing\n"})
    assert found.returncode == 11
    assert "Cannot find the buildpack acme/nothing, which .buildpacks names" in found.stdout
    assert "pack.tgz" not in found.stdout


def test_beside_a_procfile_its_like_is_not_told(dyno: Dyno) -> None:
    assert "not read" not in dyno.build({"compile": "", "Procfile": "web: x\n", "procfile": ""}).stdout


@pytest.mark.parametrize("name", ["procfile", "Procfile.txt"])
def test_what_is_nearly_a_procfile_is_told(dyno: Dyno, name: str) -> None:
    assert f" !     The file {name} is not read: process types stand in" in dyno.build({"compile": "", name: ""}).stdout


@pytest.mark.parametrize("name", [".heroku", ".profile.d"])
def test_a_file_where_buildpacks_need_a_folder_is_told(dyno: Dyno, name: str) -> None:
    found = dyno.build({"compile": "", name: ""})
    assert (found.returncode, found.stderr) == (16, "")
    assert f" !     The app has a file called {name}: buildpacks need a folder of that name." in found.stdout


def test_a_link_that_leads_nowhere_is_in_the_way_too(dyno: Dyno) -> None:
    dyno.link(".profile.d", "nowhere")
    assert " !     The app has a file called .profile.d: buildpacks need a folder" in dyno.build({"compile": ""}).stdout


def test_folders_of_buildpacks_may_come_with_the_app(dyno: Dyno) -> None:
    assert dyno.build({"compile": "", ".heroku/kept": "", ".profile.d/x.sh": ""}).returncode == 0


def test_a_folders_name_is_one_word_of_the_command_that_is_told(dyno: Dyno) -> None:
    dyno.knows_nothing("requirements.txt\n")
    found = dyno.build({"a; touch b\x1b[2J/requirements.txt": ""})
    assert r"celadon apps:repo:path $'a; touch b\E[2J' has that one built." in found.stdout
    assert "\x1b" not in found.stdout


def test_an_app_in_a_folder_is_pointed_at_when_nothing_is_known(dyno: Dyno) -> None:
    dyno.knows_nothing("requirements.txt\nsrc/*.x\n")
    found = dyno.build({"services/api/requirements.txt": "", "README": ""})
    assert found.returncode == 12
    assert (
        " !     There is an app in the folder services/api, it seems: celadon apps:repo:path services/api has"
        in found.stdout
    )
    assert found.stderr == ""
