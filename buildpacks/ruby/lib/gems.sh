# vendor/bundle: installed by Bundler, or taken from the cache.

# Bundler fetches the one that a lock file names when that is newer than the one here, and goes on without it when it
# cannot be had; for an older lock file it would only cost time.
choose_bundler() {
  BUNDLER_VERSION=$(bundle --version 2>/dev/null)
  BUNDLER_VERSION=${BUNDLER_VERSION##* }
  export BUNDLE_VERSION=${BUNDLE_VERSION:-system}
  [[ -n $LOCKED_BUNDLER ]] || return 0
  if [[ $(printf '%s\n' "$LOCKED_BUNDLER" "$BUNDLER_VERSION" | sort -V | tail -n 1) != "$BUNDLER_VERSION" ]]; then
    BUNDLE_VERSION=lockfile
  fi
}

# Bundler believes this file more than the environment: where gems go and which is not the app's to say.
clean_bundle_config() {
  local names='PATH|BIN|DEPLOYMENT|FROZEN|WITHOUT|WITH|ONLY|VERSION|SYSTEM_BINDIR|DISABLE_SHARED_GEMS|PATH__SYSTEM'
  if grep -qsE "^BUNDLE_($names):" .bundle/config; then
    warning "Left out of .bundle/config: where gems are installed and which. Use the config var BUNDLE_WITHOUT instead."
    sed -i -E "/^BUNDLE_($names):/d" .bundle/config
  fi
}

install_gems() {
  local key runtime tree=$BUILD_DIR/vendor/bundle
  choose_bundler
  clean_bundle_config
  runtime=$(layer_key 1 "${STACK:-}" "$RUBY_VERSION" "$BUNDLER_VERSION" </dev/null)
  key=$runtime-$(
    { cat Gemfile Gemfile.lock && env | grep -E '^BUNDLE_(WITHOUT|WITH|ONLY|VERSION|BUILD__)' | sort; } | layer_key 1
  )
  if restore_layer gems "$key" "$tree"; then
    heading "Using the gems of Gemfile.lock from the cache"
    # Which extensions the app's own gems have built, no lock tells.
    [[ -z $LOCAL_CODE ]] || run_bundler
    return
  fi
  heading "Installing the gems of Gemfile.lock with Bundler $BUNDLER_VERSION"
  restore_older "$runtime" "$tree"
  run_bundler
  bundle clean >/dev/null 2>&1 || true
  rm -rf "$tree"/ruby/*/cache "$tree"/ruby/*/bundler/gems/*/.git
  [[ ! -d $tree ]] || save_layer gems "$key" "$tree"
}

# Gems that another lock had too need not be fetched and compiled again.
restore_older() {
  local layer
  rm -rf "$2"
  for layer in "$CACHE_DIR/layers/gems/$1"-*; do
    [[ ! -d $layer ]] || restore_layer gems "${layer##*/}" "$2" || true
  done
}

run_bundler() {
  local log=$SCRATCH/bundle.log flags=()
  # What the app brings along need not be asked for elsewhere.
  if compgen -G 'vendor/cache/*.gem' >/dev/null && bundle install --local >"$log" 2>&1; then
    show_install <"$log"
    return
  fi
  bundle install "${flags[@]}" 2>&1 | tee "$log" | show_install || explain_failure "$log"
}

show_install() { sed -u -E -e '/^Using /d' -e '/^Bundled gems are installed into/d' | indent; }

explain_failure() {
  local why="see above"
  if grep -qiE 'frozen|deployment mode|gemspecs? for .* changed|dependencies in your gemfile changed' "$1"; then
    fail "cannot install the gems: Gemfile.lock does not fit Gemfile." \
      "Run bundle install, commit Gemfile.lock and push again; the running release stays as it is."
  elif grep -qE 'Could not (reach host|fetch specs)|Network error|Retrying fetcher' "$1"; then
    fail "cannot install the gems: the gem server cannot be reached, see above." \
      "Push again later, name a mirror (the config var BUNDLE_MIRROR__ALL), or run bundle cache and commit vendor/cache."
  elif grep -qE 'Authentication is required|Bad username or password' "$1"; then
    fail "cannot install the gems: the gem server asks for a login, see above." \
      "Put it into a config var named after the server: BUNDLE_GEMS__EXAMPLE__COM=user:password."
  elif grep -q 'Failed to build gem native extension' "$1"; then
    why="a gem's C code could not be compiled, see above"
  fi
  fail "cannot install the gems of Gemfile.lock: $why." \
    "Mend Gemfile, run bundle install, commit both and push again; the running release stays as it is."
}

has_gem() { [[ " $GEMS " == *" $1 "* ]]; }
