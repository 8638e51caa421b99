"""What the rust buildpack makes of versions, files and messages: nothing is fetched or compiled."""

import os
import runpy
import subprocess
from pathlib import Path

import pytest
from tests.buildpacks import stack

LIB = stack.BUILDPACKS / "rust" / "lib"
MANIFEST_OF_RUST = (
    'manifest-version = "2"\ndate = "2024-10-17"\n[pkg.rust]\nversion = "1.82.0 (f6e511eec 2024-10-15)"\n'
)


@pytest.mark.parametrize(
    ("asked", "normal", "path"),
    [
        ("", "stable", "dist/channel-rust-stable.toml"),
        ("latest", "stable", "dist/channel-rust-stable.toml"),
        ("v1.82.x", "1.82", "dist/channel-rust-1.82.toml"),
        ("1.82.0", "1.82.0", "dist/channel-rust-1.82.0.toml"),
        (f"1.82.0-{os.uname().machine}-unknown-linux-gnu", "1.82.0", "dist/channel-rust-1.82.0.toml"),
        ("beta", "beta", "dist/channel-rust-beta.toml"),
        ("nightly-2026-10-20", "nightly-2026-10-20", "dist/2026-10-20/channel-rust-nightly.toml"),
        ("stable-msvc", None, ""),
        ("1.82.0; ls", None, ""),
    ],
)
def test_which_manifest_a_version_means(asked: str, normal: str | None, path: str) -> None:
    releases = runpy.run_path(str(LIB / "find_rust.py"))
    if normal is None:
        with pytest.raises(releases["VersionError"]):
            releases["normal"](asked)
    else:
        assert releases["normal"](asked) == normal
        assert releases["manifest_path"](normal) == path


def test_which_release_a_manifest_describes() -> None:
    found_release = runpy.run_path(str(LIB / "find_rust.py"))["found_release"]
    assert found_release("stable", MANIFEST_OF_RUST) == "1.82.0"
    assert found_release("1.82", MANIFEST_OF_RUST) == "1.82.0"
    assert found_release("nightly", MANIFEST_OF_RUST) == "nightly-2024-10-17"
    with pytest.raises(ValueError, match="no manifest"):
        found_release("stable", "<html>Sign in to this network</html>")


@pytest.mark.parametrize(
    ("wanted", "here", "release"),
    [
        ("stable", ["1.82.0"], "1.82.0"),
        ("stable", ["nightly-2026-10-20"], None),
        ("nightly", ["nightly-2026-10-20"], "nightly-2026-10-20"),
        ("nightly-2026-10-21", ["nightly-2026-10-20"], None),
        ("1.82", ["1.82.1"], "1.82.1"),
        ("1.8", ["1.82.1"], None),
    ],
)
def test_which_release_will_do_where_nobody_answers(wanted: str, here: list[str], release: str | None) -> None:
    assert runpy.run_path(str(LIB / "find_rust.py"))["kept"](wanted, here) == release


@pytest.mark.parametrize(
    ("files", "variables", "expected"),
    [
        ({}, {}, ("", "", (), ())),
        ({"rust-toolchain": "beta\n"}, {}, ("beta", "rust-toolchain", (), ())),
        (
            {"rust-toolchain": "1.80", "rust-toolchain.toml": '[toolchain]\nchannel = "1.81"\n'},
            {},
            ("1.80", "rust-toolchain", (), ()),
        ),
        (
            {
                "rust-toolchain.toml": '[toolchain]\nchannel = "1.81"\ncomponents = ["rustfmt", "clippy"]\ntargets = ["wasm32-wasip1"]\n'
            },
            {"RUST_VERSION": "1.82"},
            ("1.82", "the config var RUST_VERSION", ("clippy", "rustfmt"), ("wasm32-wasip1",)),
        ),
        ({"RustConfig": "VERSION=nightly\n", "rust-toolchain": "1.80"}, {}, ("nightly", "RustConfig", (), ())),
        ({"rust-toolchain": '[toolchain]\ncomponents = ["rustfmt"]\n'}, {}, ("", "", ("rustfmt",), ())),
    ],
)
def test_which_toolchain_an_app_asks_for(
    tmp_path: Path, files: dict[str, str], variables: dict[str, str], expected: tuple[object, ...]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    plan = runpy.run_path(str(LIB / "plan.py"))
    assert tuple(plan["toolchain"](tmp_path, plan["rust_config"](tmp_path), variables)) == expected


@pytest.mark.parametrize(
    ("text", "lock", "expected"),
    [
        ("", True, ["--release", "--locked"]),
        ("", False, ["--release"]),
        ("--release --features 'a b'", True, ["--release", "--features", "a b", "--locked"]),
        ("--frozen --release", True, ["--frozen", "--release"]),
    ],
)
def test_what_cargo_build_is_given(text: str, lock: bool, expected: list[str]) -> None:
    assert runpy.run_path(str(LIB / "plan.py"))["flags"](text, lock=lock) == expected


def test_what_a_build_leaves_for_the_app() -> None:
    made = runpy.run_path(str(LIB / "artifacts.py"))["artifacts"]
    text = """not of cargo
{"reason":"compiler-artifact","executable":null,"target":{"crate_types":["lib"]},"filenames":["/t/release/libx.rlib"]}
{"reason":"compiler-artifact","executable":null,"target":{"crate_types":["cdylib"]},"filenames":["/t/release/libx.so","/t/release/libx.a"]}
{"reason":"compiler-artifact","executable":null,"target":{"crate_types":["dylib"]},"filenames":["/t/release/deps/liby-1.so"]}
{"reason":"compiler-artifact","executable":"/t/release/x","target":{"crate_types":["bin"]},"filenames":["/t/release/x"]}
{"reason":"compiler-artifact","executable":"/t/release/x","target":{"crate_types":["bin"]},"filenames":["/t/release/x"]}
{"reason":"build-finished","success":true}
"""
    assert made(text, Path("/t")) == ["release/libx.so", "release/x"]


# What tools of other people say, as they say it, and what is told to do about it.
MESSAGES = {
    "The system library `alsa` required by crate `alsa-sys` was not found.": "libasound2-dev",
    "Package dbus-1 was not found in the pkg-config search path.": "libdbus-1-dev",
    "Package 'libzmq', required by 'virtual:world', not found": "libzmq3-dev",
    "rust-lld: error: unable to find library -lsodium": "libsodium-dev",
    "src/x.c:1:10: fatal error: sasl/sasl.h: No such file or directory": "libsasl2-dev",
    "is `cmake` not installed?": "line cmake ",
    "Could not find `protoc`. If `protoc` is installed, try setting the `PROTOC` variable": "protobuf-compiler",
    "Unable to find libclang: couldn't find any valid shared libraries": "libclang-dev",
    "(signal: 9, SIGKILL: kill)": "CARGO_BUILD_JOBS=1",
    "No space left on device (os error 28)": "build_disk_limit",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_what_the_machine_lacks_is_named(tmp_path: Path, message: str) -> None:
    (tmp_path / "cargo-messages").write_text(
        f"error: failed to run custom build command for `x-sys v1.0.0`\n  {message}\n"
    )
    script = f"source {LIB}/output.sh; source {LIB}/explain.sh; CACHE_DIR={tmp_path}; explain"
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert MESSAGES[message] in ran.stderr


REFUSALS = {
    "error: failed to parse manifest at `Cargo.toml`\n\nCaused by:\n  registry index was not found in any configuration: `acme`": (
        "Set CARGO_REGISTRIES_NAME_INDEX"
    ),
    "Caused by:\n  authenticated registries require a credential-provider to be configured": "CARGO_REGISTRIES_NAME_TOKEN",
    "Caused by:\n  failed to clone into: /c/git/db/x-1\n\nCaused by:\n  failed to connect to 127.0.0.1: Connection refused": (
        "nobody answers"
    ),
    "fatal: unable to access 'https://127.0.0.1:9/x.git/': Failed to connect to 127.0.0.1 port 9: Couldn't connect to server": (
        "nobody answers"
    ),
    'error: failed to select a version for the requirement `itoa = "^99"`': 'cannot find itoa = "^99" (see above).',
    "error: no matching package named `nobodys-own` found\nlocation searched: crates.io index": (
        "cannot find a package called nobodys-own (see above)."
    ),
    "error: failed to select a version for `x`.\n    ... required by package `hello v0.1.0`": (
        "cannot find a package in the version that is asked for (see above)."
    ),
    "error: failed to select a version for `x`.\n\npackage `hello` depends on `x` with feature `paint` but `x` does not have that feature.": (
        "cannot build: the package x has no feature paint (see above)."
    ),
    "error: rustc 1.82.0 is not supported by the following package:\n  some-x@1.0.0 requires rustc 1.99": (
        "cannot build with Rust 1.82.0: some-x 1.0.0 needs 1.99 (see above)."
    ),
    "error: package `some-x v1.0.0` cannot be built because it requires rustc 1.99 or newer, while": (
        "cannot build with Rust 1.82.0: some-x 1.0.0 needs 1.99 (see above)."
    ),
    "warning: unused\n --> src/a.rs:1:1\nerror: expected one of\n --> src/main.rs:3:9\nerror: could not compile `hello` (bin)": (
        "cannot compile hello: src/main.rs:3:9, see above."
    ),
    "error: linking with `cc` failed\n  |\nerror: could not compile `hello` (bin)": "cannot compile hello: see above.",
    "error: failed to parse manifest at `Cargo.toml`": "cannot read Cargo.toml",
}


@pytest.mark.parametrize("message", REFUSALS)
def test_what_cargo_refuses_is_explained(tmp_path: Path, message: str) -> None:
    (tmp_path / "cargo-messages").write_text(f"{message}\n")
    script = f"source {LIB}/output.sh; source {LIB}/explain.sh; CACHE_DIR={tmp_path} RUST_RELEASE=1.82.0; explain"
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert REFUSALS[message] in ran.stderr


def test_a_tool_for_migrations_is_compiled_once(tmp_path: Path) -> None:
    script = f"""source {LIB}/output.sh; source {LIB}/explain.sh; source {LIB}/programs.sh
    CACHE_DIR={tmp_path}/cache RUST_RELEASE=1.82.0 DIESEL=yes DIESEL_FLAGS='--no-default-features --features postgres' SQLX=''
    mkdir -p "$CACHE_DIR"
    cargo() {{ echo "ran $*"; mkdir -p "$4/bin"; echo program >"$4/bin/diesel"; }}
    install_tools; rm -r target; install_tools; RUST_RELEASE=1.83.0; install_tools"""
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    ran_cargo = (
        f"ran install diesel_cli --root {tmp_path}/cache/tools/diesel_cli --no-default-features --features postgres"
    )
    assert ran.stdout.count(ran_cargo) == 2
    assert ran.stdout.count("-----> Using diesel_cli from the cache") == 1
    assert (tmp_path / "target" / "release" / "diesel").read_text() == "program\n"
