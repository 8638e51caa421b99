"""Builds that take more than they may, and builds that are cancelled: at any moment, with a sentence."""

import contextlib
import os
import signal
import threading
import uuid
from pathlib import Path

from celadon.runtime import cgroups
from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for
from tests.journeys.internet import Internet
from tests.journeys.test_bad_input import push_narrow, refused
from tests.journeys.test_buildpacks import operators

# More threads than there may be: each costs a build's memory little.
THREADS = """\
#!/usr/bin/python3
import os, threading
threading.stack_size(65536)
try:
    for _ in range(2000):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
except RuntimeError as error:
    print(error, flush=True)
    os._exit(1)
"""


def test_a_child_that_is_killed_for_memory_fails_the_build_though_its_buildpack_goes_on(narrow: Platform) -> None:
    greedy = '#!/bin/sh\npython3 -c "kept = [b\'x\' * 1000000 for _ in range(1000)]"\necho "goes on"\n'
    app, output = push_narrow(narrow, greedy)
    refused(app, output, "goes on", "Push failed: the build needed more than 160 MB of memory")


def test_a_build_that_prints_without_end_is_stopped(narrow: Platform) -> None:
    app, output = push_narrow(narrow, '#!/bin/sh\nyes "$(head -c 1000 /dev/zero | tr "\\0" x)"\n')
    refused(app, output, "Push failed: the build printed more than 16 MB and was stopped")
    assert (16 << 20) < len(output) < (24 << 20)


def test_a_build_with_too_many_threads_says_so(narrow: Platform) -> None:
    app, output = push_narrow(narrow, THREADS)
    refused(app, output, "could not compile the app: it had 1024 processes and threads, the most it may")


def ended(app: App, words: list[str], moment: str) -> str:
    """What a build says that is cancelled at this moment of its output."""
    outputs: list[str] = []
    building = threading.Thread(target=lambda: outputs.append(app.celadon(*words, check=False)))
    building.start()
    try:
        app.wait_for_log(moment)
        app.celadon("builds:cancel")
    finally:
        building.join(120)
    return outputs[0]


def packing(role: int) -> int:
    """The process id of the mksquashfs that this build role has started; 0 when there is none.

    Asked of its threads' children: a look at all of the machine's processes takes longer than the packing.
    """
    for thread in Path(f"/proc/{role}/task").iterdir():
        # A thread, and what it has started, may be gone.
        with contextlib.suppress(OSError):
            for child in (thread / "children").read_text().split():
                if Path(f"/proc/{child}/cmdline").read_bytes().startswith(b"mksquashfs\0"):
                    return int(child)
    return 0


def test_a_build_is_cancelled_while_its_source_is_fetched(platform: Platform, internet: Internet) -> None:
    # Who opens it waits for ever.
    name = f"{uuid.uuid4().hex}.tar.gz"
    os.mkfifo(internet.directory / name)
    app = platform.create(sources.web())
    said = ended(app, ["builds:create", "--source-url", internet.url(name)], "Slug compilation started")
    assert "Push failed: the build was cancelled" in said


def test_a_build_is_cancelled_while_it_is_packed(platform: Platform) -> None:
    pack = {
        "bin/detect": "#!/bin/sh\necho Large\n",
        "bin/compile": '#!/bin/sh\nhead -c 90000000 /dev/urandom >"$1/large"\n',
    }
    app = platform.create(sources.web(), "--buildpack", operators(platform, pack))
    role = platform.pids()["build"]
    outputs: list[str] = []
    pushing = threading.Thread(target=lambda: outputs.append(app.push(check=False)))
    pushing.start()
    try:
        # Builds weigh little: where much else runs they take their time.
        pid = wait_for("its slug is packed", lambda: packing(role), 300)
        os.kill(pid, signal.SIGSTOP)
        if cgroups.hierarchy() is not cgroups.Hierarchy.UNIFIED:
            group = Path(f"/proc/{pid}/cgroup")
            wait_for(
                "it weighs as a build does",
                lambda: "cpu:/celadon" in (found := group.read_text()) and "build-dynos" in found,
            )
        app.celadon("builds:cancel")
    finally:
        pushing.join(120)
    assert "Push failed: the build was cancelled" in outputs[0]
    assert not packing(role)
    assert "v3" not in app.celadon("releases")
