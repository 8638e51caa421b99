# Building the app's programs, and leaving them where a Procfile expects them: target/release/NAME.

build_programs() {
  [[ -f Cargo.lock ]] || warning "There is no Cargo.lock: this build takes the newest versions of all packages that Cargo.toml allows." \
    "Commit the one that cargo build writes, so that the next build takes the same."
  own_python times.py "$BUILD_DIR" "$CACHE_DIR/times.json"
  heading "Building"
  line "\$ cargo build ${FLAGS[*]}"
  run_cargo || explain
  keep_programs
}

# What cargo says goes to the build's output, and to a file for explain().
run_cargo() {
  cargo build --message-format=json-render-diagnostics "${FLAGS[@]}" 2>&1 >"$CACHE_DIR/cargo-artifacts" |
    tee "$CACHE_DIR/cargo-messages" | indent
}

keep_programs() {
  local file files
  files=$(own_python artifacts.py "$CACHE_DIR/cargo-artifacts" "$CARGO_TARGET_DIR")
  [[ -n $files ]] || fail "cannot find a program: cargo has built libraries alone." \
    "A program is src/main.rs, a file in src/bin, or a [[bin]] of Cargo.toml; see also RUST_CARGO_BUILD_FLAGS. Commit one and push again."
  while read -r file; do
    mkdir -p "target/$(dirname "$file")"
    cp "$CARGO_TARGET_DIR/$file" "target/$file"
    line "target/$file"
  done <<<"$files"
}

# What others' Rust buildpacks offer for a release phase: a program for migrations beside the app's own. Once compiled it stays
# in the cache, until Rust or its flags are others.
install_tools() {
  [[ -z $DIESEL ]] || install_tool diesel_cli "$DIESEL_FLAGS"
  [[ -z $SQLX ]] || install_tool sqlx-cli "$SQLX_FLAGS"
}

# install_tool CRATE FLAGS
install_tool() {
  local root=$CACHE_DIR/tools/$1 made="$RUST_RELEASE $2" flags
  read -ra flags <<<"$2"
  if [[ -f $root/made && $(<"$root/made") == "$made" ]]; then
    heading "Using $1 from the cache"
  else
    heading "Installing $1"
    line "\$ cargo install $1 $2"
    rm -rf "$root"
    # Away from the app, whose .cargo/config.toml is not meant for it.
    (cd "$CACHE_DIR" && cargo install "$1" --root "$root" "${flags[@]}" 2>&1) | tee "$CACHE_DIR/cargo-messages" | indent || explain
    printf '%s' "$made" >"$root/made"
  fi
  mkdir -p target/release
  cp "$root"/bin/* target/release/
}
