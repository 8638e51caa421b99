#!/usr/bin/python3 -IS
"""The pre-receive hook: asks the git role whether a push may go on, and shows the client what it is told meanwhile.

It stands in the time of every push: nothing but `os` and `sys` is imported. It runs as the app's uid on the machine's own
Python. Its channel is a socket inherited from the git role, by way of git: nobody else can speak on it.

To the role: the length of the rest and a newline; then, NUL between them, the directory of the objects that came, those it
borrows from, and the updates as git gives them. From the role: text for the client, then NUL and the exit status.
"""

import os
import sys

# Bytes of updates: some 10,000 refs with very long names.
MOST = 4 << 20
CHUNK = 1 << 16


def main() -> int:
    try:
        channel = int(os.environ["CELADON_CHANNEL"])
        updates = read_updates()
        if len(updates) > MOST:
            say(b" !     cannot take that many refs in one push: push fewer at a time\n")
            return 1
        send(channel, question(updates))
        return relay(channel)
    except (KeyError, ValueError, OSError):
        say(b" !     cannot ask the git role: push through one of the doors of the platform, or push again\n")
        return 1


def read_updates() -> bytes:
    """All updates; a little more than MOST bytes of them when there are more."""
    updates = bytearray()
    while len(updates) <= MOST and (chunk := os.read(0, CHUNK)):
        updates += chunk
    return bytes(updates)


def question(updates: bytes) -> bytes:
    names = (b"GIT_OBJECT_DIRECTORY", b"GIT_ALTERNATE_OBJECT_DIRECTORIES")
    body = b"\0".join([*(os.environb.get(name, b"") for name in names), updates])
    return b"%d\n%s" % (len(body), body)


def send(channel: int, message: bytes) -> None:
    while message:
        message = message[os.write(channel, message) :]


def relay(channel: int) -> int:
    """Show what comes; the status is what follows a NUL, 1 when the role ends without a word."""
    while chunk := os.read(channel, CHUNK):
        text, end, status = chunk.partition(b"\0")
        say(text)
        if end:
            return int(status or os.read(channel, 1) or b"1")
    say(b" !     the git role has stopped: what was building goes on; see `celadon builds`, and push again\n")
    return 1


def say(text: bytes) -> None:
    while text:
        text = text[os.write(1, text) :]


if __name__ == "__main__":
    sys.exit(main())
