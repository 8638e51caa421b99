"""Takes tasks from the queue, one after the other, until the platform asks it to stop."""

import json
import os
import signal
import threading

import work

stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())


def main():
    queue = work.connect()
    if queue is None:
        print("no REDIS_URL yet: waiting for the release that brings it", flush=True)
        stopped.wait()
        return
    # What a worker before this one had taken and did not finish.
    while queue.lmove(work.TAKEN, work.TASKS, "RIGHT", "RIGHT"):
        pass
    while not stopped.is_set():
        found = queue.blmove(work.TASKS, work.TAKEN, 2, "RIGHT", "LEFT")
        if found is None:
            continue
        result = work.perform(json.loads(found))
        with queue.pipeline() as steps:
            steps.lpush(work.DONE, result).ltrim(work.DONE, 0, 9).lrem(work.TAKEN, 1, found).execute()
        print(f"{os.environ.get('DYNO', 'worker')} has done {result!r}", flush=True)


if __name__ == "__main__":
    main()
