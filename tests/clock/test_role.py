"""What the clock role runs beside its own loop."""

import threading

from celadon.clock import role


def test_what_breaks_beside_the_role_is_known_at_once() -> None:
    broken = threading.Event()
    runs = []

    def ensure() -> int:
        runs.append(1)
        if len(runs) == 3:
            raise SystemExit
        return 0

    role.repeat(ensure, 0.001, broken)
    assert broken.wait(10)
    assert len(runs) == 3
