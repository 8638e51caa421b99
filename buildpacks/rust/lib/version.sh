# Which Rust builds the app, and having it: in the app's cache, never in the slug.

# rustup installs it. This one is a tool of the build alone, so that it is always the same is no loss: its archives stay.
RUSTUP_VERSION=1.28.2
declare -A RUSTUP_SHA256=(
  [x86_64]=20a06e644b0d9bd2fbdbfd52d42540bdde820ea7df86e92e533c073da0cdd43c
  [aarch64]=e3853c5a252fca15252d07cb23a1bdd9377a8c6f3efa01531109281ae47f841c
)

# Sets WANTED, SOURCE, COMPONENTS, TARGETS, MINIMUM, FLAGS, SKIP, DIESEL, DIESEL_FLAGS, SQLX and SQLX_FLAGS.
read_plan() {
  local plan
  plan=$(own_python plan.py plan .) || exit 1
  eval "$plan"
  [[ -n $SKIP || -f Cargo.toml ]] || fail "cannot tell what to build: there is no Cargo.toml." \
    "Commit one, or set RUST_SKIP_BUILD=1 in RustConfig if only another buildpack needs Rust; then push again."
}

# Sets RUST_RELEASE, RUSTUP_HOME and TOOLCHAIN.
choose_rust() {
  local found base layer parts
  drop_changed
  parts="${COMPONENTS[*]} ${TARGETS[*]}"
  found=$(own_python find_rust.py "$WANTED" "$SOURCE" "$MINIMUM" "$CACHE_DIR") || exit 1
  read -r RUST_RELEASE base <<<"$found"
  if [[ -n $WANTED ]]; then
    heading "Using Rust $RUST_RELEASE ($SOURCE says $WANTED)"
  else
    heading "Using Rust $RUST_RELEASE, the newest stable (name another in rust-toolchain.toml)"
  fi
  layer=$CACHE_DIR/layers/rust/$RUST_RELEASE
  export RUSTUP_HOME=$layer/tree RUSTUP_TOOLCHAIN=$RUST_RELEASE-$(uname -m)-unknown-linux-gnu
  [[ -d $layer && $(<"$layer/parts") == "$parts" ]] || install_rust "${base:-}" "$layer" "$parts"
  TOOLCHAIN=$RUSTUP_HOME/toolchains/$RUSTUP_TOOLCHAIN
  export PATH=$TOOLCHAIN/bin:$RUSTUP_HOME/bin:$PATH
}

# A toolchain is used where it lies, in the cache: one that a build has changed is fetched anew.
drop_changed() {
  local layer
  for layer in "$CACHE_DIR"/layers/rust/*; do
    [[ -f $layer/fingerprint && $(<"$layer/fingerprint") == "$(fingerprint "$layer/tree")" ]] || rm -rf "$layer"
  done
}

# install_rust BASE_URL LAYER PARTS
install_rust() {
  local part more=()
  export RUSTUP_DIST_SERVER=${1:-${RUNTIME_MIRROR_RUST:-${RUSTUP_DIST_SERVER:-https://static.rust-lang.org}}}
  RUSTUP_DIST_SERVER=${RUSTUP_DIST_SERVER%/}
  line "Fetching it from $(shown "$RUSTUP_DIST_SERVER")"
  # What another compiler has made is of no use to this one.
  rm -rf "$CACHE_DIR/layers/rust" "$CARGO_TARGET_DIR"
  mkdir -p "$RUSTUP_HOME/bin"
  fetch_rustup
  for part in "${COMPONENTS[@]}"; do more+=(--component "$part"); done
  for part in "${TARGETS[@]}"; do more+=(--target "$part"); done
  "$RUSTUP_HOME/bin/rustup" --quiet toolchain install "$RUST_RELEASE" --profile minimal --no-self-update "${more[@]}" \
    >"$CACHE_DIR/rustup-messages" 2>&1 || explain_rustup
  rm -rf "$RUSTUP_HOME"/{downloads,tmp}
  printf '%s' "$3" >"$2/parts"
  fingerprint "$RUSTUP_HOME" >"$2/fingerprint"
}

# Checked against the hash above, wherever it comes from.
fetch_rustup() {
  local machine program=$RUSTUP_HOME/bin/rustup base url
  machine=$(uname -m)
  [[ -n ${RUSTUP_SHA256[$machine]:-} ]] || fail "cannot install Rust: there is no rustup for a machine of the kind $machine here."
  base=${RUSTUP_UPDATE_ROOT:-$RUSTUP_DIST_SERVER/rustup}
  url=${base%/}/archive/$RUSTUP_VERSION/$machine-unknown-linux-gnu/rustup-init
  curl --silent --show-error --fail --location --retry 2 --connect-timeout 10 --speed-limit 1000 --speed-time 20 \
    --output "$program" "$url" 2>"$CACHE_DIR/rustup-messages" || {
    indent <"$CACHE_DIR/rustup-messages" >&2
    fail "cannot fetch rustup from $(shown "$url")." \
      "Push again later, or set RUSTUP_UPDATE_ROOT to an address that has it."
  }
  sha256sum --check --status <<<"${RUSTUP_SHA256[$machine]}  $program" || fail \
    "cannot use rustup $RUSTUP_VERSION: what $(shown "$url") gives is not what its authors have published." \
    "Find out what is wrong with that address, and push again."
  chmod +x "$program"
}

explain_rustup() {
  indent <"$CACHE_DIR/rustup-messages" >&2
  rm -rf "$CACHE_DIR/layers/rust"
  if grep -qE "component|target" "$CACHE_DIR/rustup-messages" && [[ -n ${COMPONENTS[*]}${TARGETS[*]} ]]; then
    fail "cannot install Rust $RUST_RELEASE: it does not have all of: ${COMPONENTS[*]} ${TARGETS[*]} (see above)." \
      "Change components and targets in the toolchain file, or its channel; commit and push again."
  fi
  fail "cannot install Rust $RUST_RELEASE: rustup failed, see above." "Push again later, or set RUSTUP_DIST_SERVER to a mirror that answers."
}

# Cargo clears its own packages away after three months, but nothing clears a target folder: beyond these sizes they start anew.
bound_cache() {
  bound "$CARGO_TARGET_DIR" 2048
  bound "$CARGO_HOME" 1024
}

bound() {
  local megabytes
  [[ -d $1 ]] || return 0
  megabytes=$(du -sm "$1" | cut -f1)
  ((megabytes < $2)) || rm -rf "$1"
}
