"""Timelines of a PostgreSQL server: each promotion begins one, at a point of the one before."""


def parted(history: str, newest: int, timeline: int, at: int) -> bool:
    """Whether a server that has replayed `timeline` up to `at`, bytes from the log's beginning, can never follow a leader.

    `history` is what the leader's file says of its timeline `newest`: a line for each one before, with where it was left.
    """
    if timeline == newest:
        return False
    left = {}
    for line in history.splitlines():
        words = line.split()
        if len(words) > 1 and words[0].isdecimal() and "/" in words[1]:
            high, low = words[1].split("/")
            left[int(words[0])] = (int(high, 16) << 32) + int(low, 16)
    return timeline not in left or at > left[timeline]
