"""`celadon version`."""

import sys

import celadon


def line() -> str:
    """`celadon/1.2.3 (linux-x86_64) python/3.11.7`."""
    import os

    machine = os.uname().machine if hasattr(os, "uname") else "unknown"
    python = ".".join(str(part) for part in sys.version_info[:3])
    return f"celadon/{celadon.__version__} ({sys.platform}-{machine}) python/{python}"
