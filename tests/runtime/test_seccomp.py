import base64
from pathlib import Path

import pytest

from celadon.runtime import seccomp


def verdicts(call: str) -> list[seccomp.Rule]:
    return [rule for rule in seccomp.rules() if rule.call == call]


@pytest.mark.parametrize("call", ["unshare", "setns", "mount", "umount2", "fsopen", "move_mount", "open_tree", "keyctl",
                                  "add_key", "bpf", "perf_event_open", "userfaultfd", "pivot_root", "init_module",
                                  "kexec_load", "open_by_handle_at"])  # fmt: skip
def test_dangerous_calls_are_refused(call: str) -> None:
    assert [rule.error for rule in verdicts(call)] == [1]


def test_io_uring_does_not_exist() -> None:
    assert verdicts("io_uring_setup") == []


def test_clone_is_allowed_only_without_new_namespaces() -> None:
    (rule,) = verdicts("clone")
    (condition,) = rule.conditions
    assert (condition.argument, condition.value, condition.mask) == (0, 0, 0x7E020000)


def test_no_call_is_both_allowed_and_refused() -> None:
    assert not set(seccomp.ALLOWED) & set(seccomp.REFUSED)


def test_the_compiled_profile_is_kept_and_read_again(tmp_path: Path) -> None:
    seccomp.bpf.cache_clear()
    first = seccomp.bpf(tmp_path)
    (file,) = tmp_path.iterdir()
    assert base64.b64decode(first) == file.read_bytes()
    assert len(file.read_bytes()) % 8 == 0
    file.write_bytes(b"12345678")
    seccomp.bpf.cache_clear()
    assert base64.b64decode(seccomp.bpf(tmp_path)) == b"12345678"
    seccomp.bpf.cache_clear()


def test_the_oci_profile_refuses_by_default() -> None:
    found = seccomp.oci()
    assert found["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {"names": ["unshare"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1} in found["syscalls"]  # type: ignore[operator]
