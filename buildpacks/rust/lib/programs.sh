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
