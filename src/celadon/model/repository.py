"""An app's git repository: when it is large."""

# Bytes. Beyond it a clone takes minutes on an ordinary line, and so does packing it.
LARGE = 500 << 20


def size_hint(app_name: str, size: int) -> list[str]:
    """What a push to a repository of so many bytes is told of that; nothing for one that is not large."""
    if size <= LARGE:
        return []
    return [
        f"The repository of {app_name} has {size >> 20:,} MB: pushes to it and clones of it take long.",
        "Take large files out of its history, or begin anew: see the guide about repositories.",
    ]
