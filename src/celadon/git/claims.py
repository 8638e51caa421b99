"""Who moves the branch that deploys: one at a time for each app, a push for as long as it takes, an editor's commit for a moment.

A claim is a lock on a file of ours; it ends with the process that has it, however that ends.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from celadon.model.app import App
from celadon.model.errors import Conflict
from celadon.platform.settings import Settings
from celadon.store.blobs import Blobs


@contextlib.contextmanager
def held(settings: Settings, app: App, refusal: str) -> Iterator[None]:
    """The claim is ours while the block runs; raises Conflict with this sentence when it is somebody else's."""
    path = Blobs(settings.home).claim(app.id)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(refusal) from None
        yield
    finally:
        os.close(descriptor)
