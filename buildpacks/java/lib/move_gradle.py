"""Let Debian's Gradle be elsewhere than in /usr: `move_gradle.py JAR OLD=NEW...` rewrites string constants of its classes.

Ends with 1 when the jar has none of them.
"""

import struct
import sys
import zipfile
from pathlib import Path


def constant(text: str) -> bytes:
    """A string as a class file's table of constants has it."""
    encoded = text.encode()
    return b"\x01" + struct.pack(">H", len(encoded)) + encoded


def main(jar: str, moves: list[tuple[str, str]]) -> int:
    changed = 0
    with zipfile.ZipFile(jar) as source, zipfile.ZipFile(f"{jar}.moved", "w", zipfile.ZIP_DEFLATED) as target:
        for member in source.infolist():
            content = moved = source.read(member)
            if member.filename.endswith(".class"):
                for old, new in moves:
                    moved = moved.replace(constant(old), constant(new))
            changed += moved != content
            target.writestr(member, moved)
    Path(f"{jar}.moved").replace(jar)
    return 0 if changed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], [(old, new) for old, _, new in (move.partition("=") for move in sys.argv[2:])]))
