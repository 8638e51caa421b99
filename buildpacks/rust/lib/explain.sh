# What to do about the message that cargo has just given.

says() { grep -qE "$1" "$CACHE_DIR/cargo-messages"; }

# named EXPRESSION WORDS: the first that this expression of sed's finds in the messages, in words, where its own groups begin with \2.
named() { sed -nE "s/(^|.*[^A-Za-z0-9_-])$1.*/$2/; T; p; q" "$CACHE_DIR/cargo-messages" | cut -c -200; }

# Once something is compiled, messages quote code, which may say anything.
explain() {
  local again="push again; the running release stays as it is." crate
  explain_machine
  crate=$(sed -nE 's/^(error|Caused by|warning): (could not compile|failed to run custom build command for) `([^`]+)`.*/\3/p' \
    "$CACHE_DIR/cargo-messages" | head -n 1)
  if [[ -n $crate ]]; then
    explain_library
    fail "cannot compile $crate: $(first_error)see above." "Mend what is named there, commit and $again"
  fi
  explain_fetching
  explain_manifest
  explain_versions
  fail "cannot build: cargo failed, see above." "Mend what it names, commit and $again"
}

# Where the first error of the compiler is, with a comma; nothing when that is not said right below it.
first_error() { sed -nE '/^error/{n; s/^ *--> (.+:[0-9]+:[0-9]+)$/\1, /; T; p; q}' "$CACHE_DIR/cargo-messages"; }

explain_manifest() {
  if says 'because --locked was passed|needs to be updated but --(locked|frozen) was passed'; then
    fail "cannot build: Cargo.lock does not fit Cargo.toml (see above)." "Run cargo update --workspace, commit Cargo.lock and $again"
  elif says 'failed to parse lock file|lock file version .* not understand|lock file .* requires'; then
    fail "cannot read Cargo.lock: see above." \
      "If a merge has broken it, run cargo generate-lockfile; if Rust $RUST_RELEASE is too old for it, ask for a newer one. Commit and $again"
  elif says 'feature `edition20[0-9]+` is required|this version of Cargo is older than'; then
    fail "cannot build with Rust $RUST_RELEASE: the edition in Cargo.toml, or in that of a dependency, needs a newer one (see above)." \
      "Ask for a newer one in ${SOURCE:-rust-toolchain.toml}, commit and $again"
  elif says 'failed to parse manifest|failed to load manifest|no targets specified in the manifest|failed to read .*Cargo\.toml|current package believes'; then
    fail "cannot read Cargo.toml: see above." "Mend it, commit and $again"
  elif says 'no (bin|example) target named|does not (contain|have) (this|these|the) feature|none of the selected packages contains|package ID specification .* did not match|profile .* is not defined|^error: unexpected argument'; then
    fail "cannot build: cargo does not know what RUST_CARGO_BUILD_FLAGS asks for (see above)." "Correct it and $again"
  fi
}

explain_versions() {
  local which
  if says 'requires rustc [0-9]|is not supported by the following package'; then
    which=$(named '([A-Za-z0-9_-]+)[@ ]v?([0-9][^ `]*)`?.* requires rustc ([0-9.]*[0-9])' '\2 \3 needs \4')
    fail "cannot build with Rust $RUST_RELEASE: ${which:-a package needs a newer one} (see above)." \
      "Ask for a newer one in ${SOURCE:-rust-toolchain.toml}, or for an older version of that package; commit and $again"
  elif says 'checksum for .* (changed|could not|was not)|failed to verify the checksum|the listed checksum of'; then
    fail "cannot use a package: its code is not what Cargo.lock, or .cargo-checksum.json in vendor, says (see above)." \
      "Restore what was changed by hand; if nothing was, find out first who changed the published package."
  elif says 'with feature `[^`]+` but `[^`]+` does not have'; then
    fail "cannot build: $(named 'with feature `([^`]+)` but `([^`]+)` does not have' 'the package \3 has no feature \2') (see above)." \
      "Correct Cargo.toml and run cargo update --workspace. Commit and $again"
  elif says 'no matching package|failed to select a version|unable to update .*vendor|perhaps a crate was updated and forgotten to be re-vendored'; then
    which=$(named 'no matching package( named)? `([^`]+)` found' 'a package called \3')
    : "${which:=$(named 'failed to select a version for the requirement `([^`]+)`' '\2')}"
    fail "cannot find ${which:-a package in the version that is asked for} (see above)." \
      "Correct Cargo.toml and run cargo update --workspace; with a vendor folder run cargo vendor too. Commit and $again"
  fi
}

explain_fetching() {
  if says 'failed to authenticate|authentication required|authenticated registries require|no token found|, got 40[13]|could not read Username|registry index was not found in any configuration'; then
    fail "cannot fetch a private package: its registry or repository is not named, or does not take what it was given (see above)." \
      "Set CARGO_REGISTRIES_NAME_INDEX and CARGO_REGISTRIES_NAME_TOKEN as config vars, or CARGO_NET_GIT_FETCH_WITH_CLI=true with a URL" \
      "that git can read without a question; then $again"
  elif says "[Cc]ould ?n.t (resolve|connect)|[Cc]onnection (refused|timed out|reset)|[Tt]imeout was reached|spurious network error|[Nn]etwork is unreachable|failed to (connect|download from)"; then
    fail "cannot fetch a package: nobody answers (see above)." \
      "Push again later; name a mirror that answers in .cargo/config.toml, or commit the packages (cargo vendor)."
  fi
}

explain_machine() {
  if says 'signal: 9|SIGKILL|[Cc]annot allocate memory|memory allocation of .* failed'; then
    fail "cannot build: there was not enough memory (see above)." \
      "Set CARGO_BUILD_JOBS=1 so that less is compiled at once; or ask the operator for a larger build_memory. Then $again"
  elif says 'No space left on device|Disk quota exceeded'; then
    fail "cannot build: there is no room left (see above)." \
      "Empty the cache (celadon builds:cache:purge), or ask the operator for a larger build_disk_limit. Then $again"
  fi
}

# A library of C, or a tool, that the stack does not have.
explain_library() {
  local name=''
  name=$(sed -nE -e 's/.*The system library `([^`]+)` required by crate.*/\1/p' -e 's/.*Package [^A-Za-z0-9]?([A-Za-z0-9.+_-]+).*not found.*/\1/p' \
    -e 's/.*(cannot find|unable to find library) -l([A-Za-z0-9.+_-]+).*/\2/p' -e 's/.*fatal error: ([^ ]+\.h): No such file.*/\1/p' \
    -e 's/.*is `(cmake|nasm|protoc|perl|autoconf|clang)` not installed.*/\1/p' -e 's/.*Could not find `(protoc)`.*/\1/p' \
    -e 's/.*Unable to find (libclang).*/\1/p' "$CACHE_DIR/cargo-messages" | head -n 1)
  [[ -n $name ]] || return 0
  fail "cannot build: the stack does not have $name (see above)." \
    "Put a line $(debian_package "$name") into a file Aptfile, commit it, and have it read before this buildpack:" \
    "celadon buildpacks:set heroku-community/apt, celadon buildpacks:add rust; then $again"
}

# debian_package NAME: what has this library's header or this tool. Most are called as the rule at the end has it.
debian_package() {
  case $1 in
    alsa | asound) echo libasound2-dev ;;
    avcodec | avformat | avutil | libavcodec | libavformat | libavutil) echo "lib${1#lib}-dev" ;;
    cmake | nasm | perl | autoconf | clang) echo "$1" ;;
    dbus-1) echo libdbus-1-dev ;;
    freetype2 | freetype) echo libfreetype-dev ;;
    gssapi_krb5 | krb5-gssapi | mit-krb5 | gssapi/gssapi.h) echo libkrb5-dev ;;
    libclang | clang-c/Index.h) echo libclang-dev ;;
    libzmq | zmq | zmq.h) echo libzmq3-dev ;;
    opencv | opencv4) echo libopencv-dev ;;
    protoc) echo protobuf-compiler ;;
    sasl2 | libsasl2 | sasl/sasl.h) echo libsasl2-dev ;;
    tss2-sys | tss2-esys) echo libtss2-dev ;;
    udev) echo libudev-dev ;;
    *)
      local plain=${1#lib}
      plain=${plain##*/}
      echo "lib${plain%.h}-dev"
      ;;
  esac
}
