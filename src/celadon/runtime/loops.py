"""Mounts of image files by way of loop devices, with system calls of our own: `mount -o loop` forks twice and knows no
more. A device detaches itself when its file system is unmounted, and when its owner dies before it is mounted.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import stat
import struct
from pathlib import Path

_CONTROL = Path("/dev/loop-control")
_GET_FREE, _CONFIGURE, _GET_STATUS = 0x4C82, 0x4C0A, 0x4C05
_MAJOR = 7
_FLAG_READ_ONLY, _FLAG_AUTOCLEAR = 1, 4
# struct loop_config: descriptor, block size, struct loop_info64 (flags at 52), 8 reserved words.
_CONFIG_SIZE, _FLAGS_OFFSET = 304, 8 + 52
# struct loop_info64; it begins with the device and the inode of the file.
_STATUS_SIZE = 232
MS_RDONLY, MS_NOSUID, MS_NODEV = 1, 2, 4
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def available() -> bool:
    """Whether this machine lets us make loop devices."""
    return _CONTROL.exists() and os.access(_CONTROL, os.W_OK)


def mount(image: Path, target: Path, kind: str, flags: int, options: str = "", *, kept: bool = False) -> None:
    """Mount an image file on an existing directory; OSError when the kernel refuses or has no loop devices.

    One that is `kept` to be mounted again may still be in use, and then is mounted from the device it has: by another one
    the kernel would write it as two file systems, neither of which knows of the other, and none would be left.
    """
    readonly = bool(flags & MS_RDONLY)
    file = os.open(image, (os.O_RDONLY if readonly else os.O_RDWR) | os.O_CLOEXEC)
    try:
        device, number = (_showing(file) if kept else None) or _attached(file, readonly=readonly)
        # The mount keeps the device; closing ours before it would detach it.
        try:
            _mount(f"/dev/loop{number}", target, kind, flags, options)
        finally:
            os.close(device)
    finally:
        os.close(file)


def mount_overlay(target: Path, layers: tuple[str, ...]) -> None:
    """Mount an overlay of directories, which needs no device; OSError when the kernel refuses."""
    _mount("overlay", target, "overlay", MS_NOSUID | MS_NODEV, ",".join(layers))


def in_use(image: Path) -> bool:
    """Whether a device shows this image; OSError when it is not there."""
    file = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = _showing(file)
    finally:
        os.close(file)
    if found is not None:
        os.close(found[0])
    return found is not None


def unmount(target: Path) -> bool:
    """False when nothing is mounted there. What still uses the file system keeps it until it ends."""
    if _libc.umount2(os.fsencode(target), _MNT_DETACH) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOENT):
        return False
    raise OSError(number, os.strerror(number), str(target))


def mounts(directory: Path) -> set[Path]:
    """Every mount point right below a directory."""
    real, found = directory.resolve(), set()
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        path = Path(_unescaped(line.split(" ")[4]))
        if path.parent == real:
            found.add(directory / path.name)
    return found


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _showing(file: int) -> tuple[int, int] | None:
    """The device that shows this file already, as `_attached`: as long as it is open, it stays."""
    wanted = os.fstat(file)
    for entry in Path("/sys/block").glob("loop*/loop/backing_file"):
        number = int(entry.parts[3].removeprefix("loop"))
        # One that is just being detached cannot be opened, or says no more what it showed.
        with contextlib.suppress(OSError):
            device = _opened(number, os.O_RDONLY)
            try:
                status = fcntl.ioctl(device, _GET_STATUS, bytes(_STATUS_SIZE))
            except OSError:
                os.close(device)
                raise
            if struct.unpack_from("=QQ", status) == (wanted.st_dev, wanted.st_ino):
                return device, number
            os.close(device)
    return None


def _attached(file: int, *, readonly: bool) -> tuple[int, int]:
    """A free device that shows the file: its open descriptor and its number."""
    control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        while True:
            number = fcntl.ioctl(control, _GET_FREE)
            device = _opened(number)
            try:
                fcntl.ioctl(device, _CONFIGURE, _configuration(file, readonly=readonly))
            except OSError as error:
                os.close(device)
                # Somebody else was quicker with this one.
                if error.errno != errno.EBUSY:
                    raise
            else:
                return device, number
    finally:
        os.close(control)


def _opened(number: int, mode: int = os.O_RDWR) -> int:
    path = Path(f"/dev/loop{number}")
    # The kernel makes the node where /dev is its own; in a container it is up to us.
    with contextlib.suppress(FileExistsError):
        os.mknod(path, 0o660 | stat.S_IFBLK, os.makedev(_MAJOR, number))
    return os.open(path, mode | os.O_CLOEXEC)


def _configuration(file: int, *, readonly: bool) -> bytes:
    flags = _FLAG_AUTOCLEAR | (_FLAG_READ_ONLY if readonly else 0)
    found = bytearray(_CONFIG_SIZE)
    struct.pack_into("=I", found, 0, file)
    struct.pack_into("=I", found, _FLAGS_OFFSET, flags)
    return bytes(found)


def _mount(source: str, target: Path, kind: str, flags: int, options: str) -> None:
    result = _libc.mount(source.encode(), os.fsencode(target), kind.encode(), flags, options.encode())
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))
