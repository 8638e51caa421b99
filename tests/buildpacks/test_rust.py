"""The rust buildpack, with Rust itself and packages from crates.io."""

import dataclasses
import os
import shutil
from pathlib import Path

import pytest
from tests.buildpacks import stack

BUILDPACK = "rust"
EXAMPLE = Path(__file__).parents[2] / "examples" / "rust-hello"
MAIN = (EXAMPLE / "src" / "main.rs").read_text("utf-8")
MANIFEST = (EXAMPLE / "Cargo.toml").read_text("utf-8")
LOCK = (EXAMPLE / "Cargo.lock").read_text("utf-8")
TOOLCHAIN = (EXAMPLE / "rust-toolchain.toml").read_text("utf-8")


def test_detects_rust(app: stack.App) -> None:
    app.write({"README.md": ""})
    assert app.detect("rust") is None
    app.write({"Cargo.toml": "[workspace]\n"})
    assert app.detect("rust") == "Rust"


def test_the_example_answers_and_its_second_build_compiles_the_change_alone(
    first: tuple[stack.App, stack.Compiled], example: stack.App
) -> None:
    assert "-----> Using Rust 1.82.0 (rust-toolchain.toml says 1.82.0)\n       Fetching it from" in first[1].output
    assert "       Compiling tiny_http v0.12.0\n" in first[1].output
    example.write({"src/main.rs": MAIN.replace("Hello from", "Changed for")})
    second = example.compile("rust", alone=True)
    assert second.status == 0, second.output
    assert " !     " not in second.output, second.output
    assert second.output.count("Compiling") == 1, second.output
    assert "Compiling hello v0.1.0 (/tmp/work/build_1)\n" in second.output
    assert "Fetching" not in second.output
    assert "  web: target/release/hello\n" in example.release("rust")
    assert [str(path.relative_to(example.slug)) for path in example.slug.rglob("target/**/*") if path.is_file()] == [
        "target/release/hello"
    ]
    assert sum(path.stat().st_size for path in example.slug.rglob("*") if path.is_file()) < 20 << 20
    with example.serve("target/release/hello", env={"DYNO": "web.1"}) as url:
        assert stack.get(url)[1] == "Changed for web.1\n"
        assert stack.get(f"{url}/hello/there")[1] == "Hello there\n"


def test_a_member_of_a_workspace_that_did_not_change_is_not_compiled_again(example: stack.App) -> None:
    shutil.rmtree(example.source)
    program = 'fn main() { println!("{} and {}", greeting::word(), env!("MADE")); }\n'
    example.write(
        {
            "rust-toolchain": "1.82.0\n",
            "Cargo.toml": '[workspace]\nmembers = ["web", "greeting"]\nresolver = "2"\n',
            "Cargo.lock": 'version = 3\n[[package]]\nname = "greeting"\nversion = "0.1.0"\n'
            '[[package]]\nname = "web"\nversion = "0.1.0"\ndependencies = ["greeting"]\n',
            "greeting/Cargo.toml": '[package]\nname = "greeting"\nversion = "0.1.0"\nedition = "2021"\n',
            "greeting/src/lib.rs": 'pub fn word() -> &\'static str { "hello" }\n',
            "web/Cargo.toml": '[package]\nname = "web"\nversion = "0.1.0"\nedition = "2021"\n'
            '[dependencies]\ngreeting = { path = "../greeting" }\n',
            "web/build.rs": 'fn main() { println!("cargo:rerun-if-changed=parts"); '
            'println!("cargo:rustc-env=MADE={}", std::fs::read_dir("parts").unwrap().count()); }\n',
            "web/parts/a": "",
            "web/src/main.rs": program,
        }
    )
    built = example.compile("rust")
    assert built.status == 0, built.output
    assert "  web: target/release/web\n" in example.release("rust")
    # Older than what was made from it: only that it says something else tells that it has changed.
    example.write({"greeting/src/lib.rs": 'pub fn word() -> &\'static str { "bye" }\n'})
    for path in example.source.rglob("*"):
        os.utime(path, (0, 0))
    later = dataclasses.replace(example, build="build_2")
    for files, compiled, said in (
        ({}, ["greeting", "web"], "bye and 1\n"),
        ({}, [], "bye and 1\n"),
        ({"web/src/main.rs": program.replace("and", "with")}, ["web"], "bye with 1\n"),
        ({"web/parts/b": ""}, ["web"], "bye with 2\n"),
    ):
        example.write(files)
        for place in (later, example):
            built = place.compile("rust")
            assert built.status == 0, built.output
            words = [line.split() for line in built.output.splitlines()]
            assert sorted(line[1] for line in words if line[:1] == ["Compiling"]) == compiled
            compiled = []
            assert place.run("target/release/web").output == said


def test_hooks_flags_and_several_programs(example: stack.App) -> None:
    example.write(
        {
            "src/bin/worker.rs": 'fn main() { println!("{}", include_str!("../../word")); }\n',
            "src/bin/other.rs": "fn main() {}\n",
            "bin/pre_compile": "#!/bin/sh\necho before; echo made >word\n",
            "bin/post_compile": "#!/bin/sh\ncargo --version; target/release/worker\n",
            "RustConfig": 'VERSION=1.82\nRUST_CARGO_BUILD_FLAGS="--release --bin hello --bin worker" # two\n',
        }
    )
    built = example.compile("rust")
    assert built.status == 0, built.output
    assert "Using Rust 1.82.0 (RustConfig says 1.82)" in built.output
    assert "$ cargo build --release --bin hello --bin worker --locked\n" in built.output
    steps = [built.output.index(f"-----> {step}") for step in ("Running bin/pre_", "Building", "Running bin/post_")]
    assert steps == sorted(steps)
    assert "       cargo 1.82.0" in built.output
    assert built.output.rstrip().endswith("made")
    assert sorted(path.name for path in (example.slug / "target" / "release").iterdir()) == ["hello", "worker"]
    assert "  web: target/release/hello\n" in example.release("rust")
    assert "export CARGO_HOME" not in example.run("env").output


def test_rust_for_another_buildpack_builds_nothing(example: stack.App) -> None:
    shutil.rmtree(example.source)
    example.write({"RustConfig": "VERSION=1.82.0\nRUST_SKIP_BUILD=1\n"})
    assert example.detect("rust") == "Rust"
    built = example.compile("rust")
    assert built.status == 0, built.output
    assert "Building nothing" in built.output
    assert "/layers/rust/1.82.0/" in (example.installed / "export").read_text()
    assert "default_process_types: {}" in example.release("rust")


BROKEN = {
    "no end of a table": ({"Cargo.toml": f"{MANIFEST}[features\n"}, "cannot read Cargo.toml: Expected ']'"),
    "no such key": (
        {"Cargo.toml": MANIFEST.replace('edition = "2021"', 'edition = "x"')},
        "cannot read Cargo.toml: see",
    ),
    "a lock of before": ({"Cargo.toml": f'{MANIFEST}base64 = "0.22"\n'}, "Cargo.lock does not fit Cargo.toml"),
    "half a merge": ({"Cargo.lock": f"<<<<<<< HEAD\n{LOCK}"}, "cannot read Cargo.lock"),
    "another hash": (
        {"Cargo.lock": LOCK.replace('checksum = "389', 'checksum = "390')},
        "its code is not what Cargo.lock",
    ),
    "a syntax error": ({"src/main.rs": MAIN.replace("fn main()", "fn main(")}, "cannot compile hello: src/main.rs:"),
    "code that speaks of much": (
        {"src/main.rs": MAIN + '\nconst _: () = "no matching package, failed to authenticate";\n'},
        "cannot compile hello: src/main.rs:36:15, see above.",
    ),
    "an edition to come": (
        {"Cargo.toml": MANIFEST.replace("2021", "2024")},
        "cannot build with Rust 1.82.0: the edition in Cargo.toml",
    ),
    "a newer one is needed": (
        {"Cargo.toml": MANIFEST.replace("1.82", "1.90")},
        "says 1.90 at least, and that is 1.82.0",
    ),
    "a flag that is none": (
        {"RustConfig": 'RUST_CARGO_BUILD_FLAGS="--bin nothing"\n'},
        "what RUST_CARGO_BUILD_FLAGS asks for",
    ),
    "a patch that does not exist": (
        {"rust-toolchain.toml": TOOLCHAIN.replace("1.82.0", "1.82.9")},
        "Nearest that can be had: 1.82.0, 1.",
    ),
    "a Rust to come": (
        {"rust-toolchain.toml": TOOLCHAIN.replace("1.82.0", "1.999")},
        "there is no Rust 1.999 to be had",
    ),
    "a night without one": ({"rust-toolchain": "nightly-2015-01-01"}, "there is no Rust nightly-2015-01-01 to be had"),
    "no version": ({"rust-toolchain": "newest\n"}, "'newest' is not a version of Rust"),
    "a folder elsewhere": ({"rust-toolchain.toml": '[toolchain]\npath = "/opt/rust"\n'}, "Name a channel"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_said_within_seconds(
    first: tuple[stack.App, stack.Compiled], example: stack.App, name: str
) -> None:
    files, answer = BROKEN[name]
    example.write(files)
    refused = example.compile("rust")
    assert refused.status == 1
    assert answer in refused.output
    assert refused.output.count(" !     ") > 1, "what to do about it is not said"
    # A machine that has much else to do needs longer, for the first build as well.
    assert refused.seconds < max(15, first[1].seconds / 2)


def test_a_library_of_c_that_the_stack_does_not_have_is_named(example: stack.App) -> None:
    call = MAIN.replace("fn main() {", "fn main() {\n    unsafe { sodium_init() };")
    example.write({"src/main.rs": f'#[link(name = "sodium")]\nextern "C" {{ fn sodium_init() -> i32; }}\n{call}'})
    refused = example.compile("rust")
    assert refused.status == 1
    assert "Put a line libsodium-dev into a file Aptfile" in refused.output


def test_a_mirror_of_packages_that_does_not_answer_is_named(example: stack.App) -> None:
    (example.source / "Cargo.lock").unlink()
    mirror = {
        "CARGO_SOURCE_CRATES_IO_REPLACE_WITH": "near",
        "CARGO_REGISTRIES_NEAR_INDEX": "sparse+http://127.0.0.1:9/",
    }
    refused = example.compile("rust", env={"CARGO_NET_RETRY": "0", **mirror})
    assert refused.status == 1
    assert "There is no Cargo.lock" in refused.output
    assert "http://127.0.0.1:9/" in refused.output
    assert "cannot fetch a package: nobody answers" in refused.output


def test_a_server_of_rust_that_does_not_answer_is_named(app: stack.App) -> None:
    app.write({"Cargo.toml": MANIFEST})
    refused = app.compile("rust", env={"RUSTUP_DIST_SERVER": "http://127.0.0.1:9"})
    assert refused.status == 1
    assert "Cannot read http://127.0.0.1:9/dist/channel-rust-stable.toml" in refused.output
    assert "RUNTIME_MIRROR_RUST or RUSTUP_DIST_SERVER" in refused.output


def test_libraries_alone_are_no_app(example: stack.App) -> None:
    (example.source / "src" / "main.rs").rename(example.source / "src" / "lib.rs")
    refused = example.compile("rust")
    assert refused.status == 1
    assert "cannot find a program: cargo has built libraries alone" in refused.output


def test_committed_packages_need_no_registry(example: stack.App) -> None:
    package = next((example.cache / "cargo" / "registry" / "src").glob("*/itoa-1.*"))
    entry = next(part for part in LOCK.split("[[package]]") if 'name = "itoa"' in part)
    checksum = entry.partition('checksum = "')[2][:64]
    shutil.copytree(package, example.source / "vendor" / package.name)
    example.write(
        {
            "Cargo.toml": MANIFEST.replace('tiny_http = "0.12"\n', ""),
            "Cargo.lock": f'version = 3\n[[package]]\nname = "hello"\nversion = "0.1.0"\ndependencies = ["itoa"]\n[[package]]{entry}',
            "src/main.rs": 'fn main() { println!("{}", itoa::Buffer::new().format(42)); }\n',
            f"vendor/{package.name}/.cargo-checksum.json": f'{{"files": {{}}, "package": "{checksum}"}}',
            ".cargo/config.toml": '[source.crates-io]\nreplace-with = "here"\n[source.here]\ndirectory = "vendor"\n',
        }
    )
    # The folder stands before a mirror that is set for all apps.
    mirror = {
        "CARGO_SOURCE_CRATES_IO_REPLACE_WITH": "near",
        "CARGO_REGISTRIES_NEAR_INDEX": "sparse+http://127.0.0.1:9/",
    }
    kept = example.cache / "cargo" / "registry"
    kept.rename(kept.with_name("away"))
    try:
        built, again = example.compile("rust", env=mirror), example.compile("rust", env=mirror)
    finally:
        shutil.rmtree(kept, ignore_errors=True)
        kept.with_name("away").rename(kept)
    assert built.status == 0, built.output
    assert "Compiling itoa" in built.output
    assert "Compiling" not in again.output, again.output
    assert example.run("target/release/hello").output == "42\n"


def test_a_mirror_is_asked_first_and_its_rustup_is_checked(app: stack.App) -> None:
    app.write({"Cargo.toml": MANIFEST, "rust-toolchain": "1.82\n"})
    mirror = app.work / "mirror"
    rustup = mirror / "rustup" / "archive" / "1.28.2" / f"{os.uname().machine}-unknown-linux-gnu" / "rustup-init"
    rustup.parent.mkdir(parents=True)
    rustup.write_text("#!/bin/sh\necho taken\n")
    (mirror / "dist").mkdir()
    (mirror / "dist" / "channel-rust-1.82.toml").write_text(
        'date = "2024-10-17"\n[pkg.rust]\nversion = "1.82.0 (f6e511eec 2024-10-15)"\n'
    )
    refused = app.compile("rust", env={"RUNTIME_MIRROR_RUST": "file:///tmp/work/mirror"})
    assert refused.status == 1
    assert (
        "-----> Using Rust 1.82.0 (rust-toolchain says 1.82)\n       Fetching it from file:///tmp/work/mirror\n"
        in refused.output
    )
    assert "is not what its authors have published" in refused.output
    assert "taken" not in refused.output
