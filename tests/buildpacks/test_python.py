import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from tests.buildpacks import stack

EXPLAIN = runpy.run_path(str(stack.BUILDPACKS / "python" / "lib" / "explain.py"))["explain"]
FLASK = "flask==3.1.0\ngunicorn==23.0.0\n"
FLASK_APP = """
import os

from flask import Flask

app = Flask(__name__)


@app.get("/")
def environment():
    return {name: os.environ.get(name) for name in ("WEB_CONCURRENCY", "PYTHONUNBUFFERED", "PYTHONHASHSEED", "LANG")}
"""
PROJECT = """
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["six==1.16.0"]
"""
DJANGO = {
    "requirements.txt": "django==5.2\n",
    "manage.py": """
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
""",
    "shop/__init__.py": "",
    "shop/urls.py": "urlpatterns = []\n",
    "shop/settings.py": """
import os

SECRET_KEY = os.environ["SECRET_KEY"]
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATICFILES_DIRS = ["static"]
STATIC_URL = "static/"
STATIC_ROOT = "collected"
ROOT_URLCONF = "shop.urls"
ALLOWED_HOSTS = ["*"]
""",
    "static/style.css": "body { color: teal }\n",
}


def lock(folder: Path) -> None:
    """Write uv.lock as a developer would."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    assert stack.UV
    subprocess.run([stack.UV, "lock", "--quiet", "--python", sys.executable], cwd=folder, check=True, env=environment)


@pytest.mark.parametrize("file", ["requirements.txt", "pyproject.toml", "Pipfile", "setup.py", "uv.lock"])
def test_detects_each_way_to_name_packages(app: stack.App, file: str) -> None:
    app.write({file: ""})
    assert app.detect("python") == "Python"


def test_does_not_detect_an_app_of_another_kind(app: stack.App) -> None:
    app.write({"package.json": "{}", "app.py": ""})
    assert app.detect("python") is None


def test_a_push_that_changes_only_code_installs_nothing_and_the_app_boots(app: stack.App) -> None:
    app.write({"requirements.txt": FLASK, "app.py": ""})
    first = app.compile("python")
    assert first.status == 0, first.output
    assert "-----> Installing the packages of requirements.txt with uv\n" in first.output
    assert "        + flask==3.1.0\n" in first.output

    app.write({"app.py": FLASK_APP})
    second = app.compile("python", alone=True)
    assert second.status == 0, second.output
    assert " !     " not in second.output, second.output
    assert "from the cache" in second.output
    assert "flask==3.1.0" not in second.output

    with app.serve("gunicorn app:app --bind 127.0.0.1:$PORT") as url:
        status, body, _ = stack.get(url)
    assert status == 200
    expected = {"WEB_CONCURRENCY": "2", "PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "random", "LANG": "C.UTF-8"}
    assert json.loads(body) == expected


def test_a_change_of_an_included_requirements_file_installs_again(app: stack.App) -> None:
    app.write({"requirements.txt": "-r requirements/web.txt\n", "requirements/web.txt": "six==1.16.0  # old\n"})
    assert app.compile("python").status == 0
    app.write({"requirements/web.txt": "six==1.17.0\n"})
    assert "+ six==1.17.0" in app.compile("python").output
    assert app.run("python -c 'import six; print(six.__version__)'").output == "1.17.0\n"


def test_config_vars_decide_the_number_of_web_workers(app: stack.App) -> None:
    app.write({"requirements.txt": ""})
    assert app.compile("python").status == 0
    show = "echo $WEB_CONCURRENCY"
    assert app.run(show, env={"MEMORY_AVAILABLE": "1024"}).output == "4\n"
    assert app.run(show, env={"MEMORY_AVAILABLE": "128"}).output == "2\n"
    assert app.run(show, env={"WEB_CONCURRENCY": "7"}).output == "7\n"


def test_what_a_build_does_to_an_installed_file_does_not_reach_the_next_build(app: stack.App) -> None:
    spoil = "#!/bin/bash\nprintf 'spoilt = 1' > $(echo .heroku/python/lib/python3*/site-packages/six.py)\n"
    app.write({"requirements.txt": "six==1.17.0\n", "bin/post_compile": spoil})
    assert app.compile("python").status == 0
    assert app.run("python -c 'import six; print(six.spoilt)'").output == "1\n"
    app.write({"bin/post_compile": "#!/bin/bash\npip --version\n"})
    second = app.compile("python")
    assert second.status == 0, second.output
    assert app.run("python -c 'import six; print(six.__version__)'").output == "1.17.0\n"


def test_a_cache_on_another_mount_is_used_by_copies(app: stack.App) -> None:
    app.write({"requirements.txt": "six==1.17.0\n"})
    assert app.compile("python", apart=True).status == 0
    assert "from the cache" in app.compile("python", apart=True, env={"UV_OFFLINE": "1"}).output
    assert app.run("python -c 'import six; print(six.__version__)'").output == "1.17.0\n"


def test_hooks_run_with_config_vars_and_may_fail_the_build(app: stack.App) -> None:
    app.config.mkdir()
    (app.config / "GREETING").write_text("hello\nthere")
    (app.config / "PATH").write_text("/nowhere")
    hooks = {"bin/pre_compile": '#!/bin/bash\necho "$GREETING" >made\n', "bin/post_compile": "#!/bin/bash\nexit 3\n"}
    app.write({"requirements.txt": "", **hooks})
    built = app.compile("python")
    assert (app.slug / "made").read_text() == "hello\nthere\n"
    assert built.status == 1
    assert " !     cannot finish the build: bin/post_compile failed.\n" in built.output


def test_a_lock_of_uv_is_installed_exactly_and_a_stale_one_refused(app: stack.App) -> None:
    app.write({"pyproject.toml": PROJECT})
    lock(app.source)
    first = app.compile("python")
    assert "+ six==1.16.0" in first.output, first.output
    app.write({"pyproject.toml": PROJECT.replace("1.16", "1.17")})
    for mirror in ({}, {"UV_DEFAULT_INDEX": "https://pypi.org/simple/"}):
        stale = app.compile("python", env=mirror)
        assert stale.status == 1
        assert "uv lock" in stale.output
    app.write({"pyproject.toml": PROJECT})
    assert "from the cache" in app.compile("python").output


def test_an_editable_package_is_imported_from_app(app: stack.App) -> None:
    build = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    app.write({"pyproject.toml": PROJECT + build, "shop/__init__.py": ""})
    lock(app.source)
    for mirror in ({}, {"PIP_INDEX_URL": "https://pypi.org/simple/"}):
        built = app.compile("python", env=mirror)
        assert built.status == 0, built.output
        where = app.run("unset PYTHONPATH; cd /tmp; python -c 'import six, shop; print(shop.__file__)'")
        assert where.output == "/app/shop/__init__.py\n"


@pytest.mark.parametrize(
    ("file", "asked"),
    [("runtime.txt", "python-3.11.4\r\n"), (".python-version", "# ours\n3.99\n"), (".python-version", "pypy3.10")],
)
def test_a_python_that_cannot_be_had_is_refused_at_once(app: stack.App, file: str, asked: str) -> None:
    app.write({"requirements.txt": FLASK, file: asked})
    # A mirror that answers nothing: an address of a network that is for documentation only.
    refused = app.compile("python", env={"RUNTIME_MIRROR_PYTHON": "http://192.0.2.1/python"})
    assert refused.status == 1
    assert f" !     cannot use the Python that {file} asks for: " in refused.output
    assert "(the stack's own)" in refused.output
    assert refused.seconds < 40


def test_an_old_form_of_the_stacks_own_version_is_understood(app: stack.App) -> None:
    app.write({"requirements.txt": "", "runtime.txt": "python-3.13\n"})
    built = app.compile("python")
    assert built.status == 0
    assert "the stack's own (runtime.txt asks for 3.13)" in built.output


def test_django_collects_static_files_with_the_apps_config(app: stack.App) -> None:
    app.write(DJANGO)
    failed = app.compile("python")
    assert failed.status == 1
    assert "KeyError: 'SECRET_KEY'" in failed.output
    assert " !     cannot collect static files: " in failed.output
    assert "config:set DISABLE_COLLECTSTATIC=1" in failed.output

    app.config.mkdir(exist_ok=True)
    (app.config / "SECRET_KEY").write_text("unknown")
    built = app.compile("python")
    assert built.status == 0, built.output
    assert (app.slug / "collected" / "style.css").is_file()
    assert "  web: python manage.py runserver 0.0.0.0:$PORT --noreload\n" in app.release("python")

    (app.config / "DISABLE_COLLECTSTATIC").write_text("1")
    assert "collectstatic" not in app.compile("python").output


def test_works_without_uv_on_the_stack(app: stack.App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "UV", None)
    app.write({"requirements.txt": "six==1.17.0\n"})
    built = app.compile("python")
    assert built.status == 0, built.output
    assert "+ six==1.17.0" in built.output


@pytest.mark.parametrize(
    ("requirements", "said"),
    [
        ("flask==3.9.9\n", "there is no flask==3.9.9 in the package index."),
        ("six\nflask=1\n", "requirements.txt has a line that names no package: flask=1."),
        ("six>=1.10\nsix<1\n", "six>=1.10 and six<1 exclude each other."),
    ],
)
def test_what_is_wrong_with_the_requirements_is_named(app: stack.App, requirements: str, said: str) -> None:
    app.write({"requirements.txt": requirements})
    refused = app.compile("python")
    assert refused.status == 1
    assert refused.output.endswith(
        f" !     cannot install the packages of requirements.txt: {said}\n"
        " !     Mend requirements.txt, commit and push again; the running release stays as it is.\n"
    )


@pytest.mark.parametrize(
    ("log", "said"),
    [
        # As uv has put it, over the years.
        (
            "  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no version of\n      flask==3.9.9 and you require flask==3.9.9",
            ["there is no flask==3.9.9 in the package index"],
        ),
        ("  cause: Because nobodys was not found in the package registry and you", ["there is no package nobodys in the index"]),
        (
            "Because only flask<=3.1.3 is available and you require flask>=99, we can conclude that",
            ["flask>=99 is asked for, and there is only flask<=3.1.3"],
        ),
        (
            "Because the current Python version (3.13.5) does not satisfy Python>=3.14 and new==1.0 depends on Python>=3.14, we",
            ["new==1.0 needs Python >=3.14, and this is 3.13.5"],
        ),
        ("Because numpy==1.10.0 has no wheels with a matching Python ABI tag", ["numpy==1.10.0 has no wheel for this Python"]),
        ("  cause: you require django<3 and django>=5, which are incompatible", ["django<3 and django>=5 exclude each other"]),
        (
            "error: Failed to download `six==1.16.0`\n  cause: Hash mismatch for `six==1.16.0`\n",
            ["what was fetched as six==1.16.0 has another hash than FILE says"],
        ),
        (
            "error: Failed to download and build `x @ https://me:secret@host/x-1.tar.gz`\n  cause: Failed to fetch: https://me:secret@host/x-1.tar.gz",
            ["x @ https://host/x-1.tar.gz cannot be fetched from host"],
        ),
        ("error: The lockfile at `uv.lock` needs to be updated, but `--locked`", ["pyproject.toml has changed since it was made"]),
        ("RuntimeError\n  Unable to find installation candidates for own (1.0)\n", ["there is no own 1.0 for this Python in the package index"]),
        ("error: Something that nobody has seen before", []),
    ],
)  # fmt: skip
def test_what_an_installer_names_is_said(log: str, said: list[str]) -> None:
    assert EXPLAIN(log, "FILE") == said


def test_what_is_not_the_lists_fault_has_other_advice() -> None:
    why, advice = EXPLAIN(
        "error: Failed to build `pycrypto==2.6.1`\n  cause: The build backend returned an error", "FILE"
    )
    assert why == "pycrypto==2.6.1 cannot be built, see above"
    assert "heroku-community/apt" in advice
    silent = "error: Request failed after 3 retries in 7.1s\n  cause: Failed to fetch: https://me:pw@host:9/simple/flask/\n  cause: error sending request for url (x)"
    assert EXPLAIN(silent, "FILE") == [
        "host:9 cannot be reached",
        "Push again when it can be reached, or name another in PIP_INDEX_URL.",
    ]
