"""A process without a port: it writes one line every ten seconds. Start one with `celadon ps:scale worker=1`."""

import itertools
import os
import signal
import sys
import threading

stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())

for number in itertools.count(1):
    print(f"{os.environ.get('DYNO', 'worker')} has worked {number} times", flush=True)
    if stopped.wait(10):
        sys.exit(0)
