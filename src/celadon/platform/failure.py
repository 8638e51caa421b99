"""The one error of installing and operating a platform."""


class PlatformFailure(Exception):
    """Something on this machine stands in the way; the message says "cannot X: why" and what to do next."""
