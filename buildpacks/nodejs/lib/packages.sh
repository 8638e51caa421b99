# node_modules: installed by the app's package manager, or taken from the cache.

# Build scripts may need the development dependencies; without such a script nobody does.
# NPM_CONFIG_PRODUCTION and YARN_PRODUCTION overrule: true never installs them, false keeps them in the slug, and so does a
# NODE_ENV that is not production.
decide_development() {
  local production=${NPM_CONFIG_PRODUCTION:-${YARN_PRODUCTION:-}}
  INSTALL_ALL='' PRUNE=''
  [[ $NODE_ENV == production && ${PNPM_SKIP_PRUNING:-} != true && ${YARN2_SKIP_PRUNING:-} != true ]] || : "${production:=false}"
  case $production in
    true) ;;
    false) INSTALL_ALL=yes ;;
    *) [[ -z $PREBUILD_SCRIPT$BUILD_SCRIPT$CLEANUP_SCRIPT$LIFECYCLE_SCRIPTS ]] || INSTALL_ALL=yes PRUNE=$DEV_DEPENDENCIES ;;
  esac
  unset NPM_CONFIG_PRODUCTION YARN_PRODUCTION
}

# Yarn from 2 on keeps packages as archives unless it is told to make node_modules.
makes_node_modules() {
  [[ $MANAGER != yarn || $YARN_VERSION == 1.* ]] || grep -qs '^nodeLinker: *node-modules' .yarnrc.yml
}

can_use_layer() {
  [[ -z $LOCAL_CODE && ! -e node_modules && ${NODE_MODULES_CACHE:-true} != false ]] && makes_node_modules
}

install_packages() {
  local key from=${LOCK:-package.json} files
  [[ -n $LOCK ]] || warning "There is no lock file: each install may pick other versions. Run $MANAGER install and commit $EXPECTED_LOCK."
  decide_development
  mapfile -t files <<<"$LAYER_FILES"
  key=$(cat "${files[@]}" | layer_key 1 "${STACK:-}" "$TOOLS" "$INSTALL_ALL")
  if can_use_layer && restore_layer node_modules "$key" "$BUILD_DIR/node_modules"; then
    heading "Using the packages of $from from the cache"
    unshare_state
    run_lifecycle
    return
  fi
  heading "Installing the packages of $from with $MANAGER"
  local layered=''
  ! can_use_layer || layered=yes
  "install_with_$MANAGER" 2>&1 | tee "$SCRATCH/install.log" | without_usage | indent || {
    explain_install
    # Nobody writes a lock file by hand.
    fail "cannot install the packages of $from: see above." \
      "Mend package.json, ${LOCK:+run $MANAGER install, }commit ${LOCK:+both }and push again; the running release stays as it is."
  }
  if [[ -n $layered && -d node_modules ]]; then
    save_layer node_modules "$key" "$BUILD_DIR/node_modules"
    unshare_state
  fi
  bound_cache
}

# npm ends with a hundred lines of how it is used, and with the path of a log that nobody can get at.
without_usage() { sed -u -e '/^npm error Usage:/,$d' -e '/^npm error A complete log of this run/d'; }

# Says what the package manager means, where that is known.
explain_install() {
  case $MANAGER in
    pnpm) explain_pnpm ;;
    npm) ! grep -q 'code EUSAGE' "$SCRATCH/install.log" || refuse_lock "it is damaged, or package.json has changed since it was made." ;;
    yarn)
      ! grep -qE 'Your lockfile needs to be updated|YN0028' "$SCRATCH/install.log" ||
        refuse_lock "package.json has changed since it was made."
      ;;
  esac
}

refuse_lock() { fail "cannot install the packages of $LOCK: $1" "Run $MANAGER install, commit $LOCK and push again."; }

# npm, yarn and generators such as Prisma's keep what they rewrite under names with a dot; pnpm has all packages there.
unshare_state() {
  local path
  for path in node_modules/.[!.]*; do
    if [[ ${path##*/} == .pnpm ]]; then unshare_files "$path/lock.yaml"; else unshare_files "$path"; fi
  done
}

# An install runs the app's own scripts too: so does an install that had nothing to fetch.
run_lifecycle() {
  local name
  for name in $LIFECYCLE_SCRIPTS; do run_script "$name"; done
}

run_script() {
  heading "Running the $1 script"
  "$MANAGER" run "$1" 2>&1 | indent || fail "cannot finish the build: the script \"$1\" of package.json failed, see above."
}

npm_at_least() { ((${NPM_VERSION%%.*} >= $1)); }

install_with_npm() {
  local verb=install flags=()
  if npm_at_least 7; then
    flags=(--omit=dev)
    [[ -z $INSTALL_ALL ]] || flags=(--include=dev)
  else
    flags=(--production)
    [[ -z $INSTALL_ALL ]] || flags=(--production=false)
  fi
  if npm_at_least 6 && [[ -n $LOCK ]]; then
    verb=ci
    flags+=(--prefer-offline)
  fi
  npm "$verb" "${flags[@]}"
}

install_with_yarn() {
  if [[ $YARN_VERSION != 1.* ]]; then
    # Without node_modules the app runs from the archives: they belong into the slug.
    makes_node_modules || export YARN_CACHE_FOLDER=$BUILD_DIR/.yarn/cache
    yarn install --immutable || return
    [[ -n $INSTALL_ALL ]] || prune_with_yarn
    return
  fi
  local flags=(--frozen-lockfile --non-interactive --prefer-offline --ignore-engines)
  if [[ -n $INSTALL_ALL ]]; then flags+=(--production=false); else flags+=(--production=true); fi
  with_mirrored_lock yarn install "${flags[@]}"
}

# Yarn 1 fetches from the addresses in its lock file, not from the registry that it is told to use.
with_mirrored_lock() {
  local status=0 registry
  [[ -n ${NPM_CONFIG_REGISTRY:-} ]] || { "$@"; return; }
  registry=$(sed 's/[&|\]/\\&/g' <<<"${NPM_CONFIG_REGISTRY%/}")
  cp yarn.lock "$SCRATCH/yarn.lock"
  sed -i -E "s|\"https://registry\.(yarnpkg\.com\|npmjs\.org)/|\"$registry/|" yarn.lock
  "$@" || status=$?
  cp "$SCRATCH/yarn.lock" yarn.lock
  return "$status"
}

prune_packages() {
  [[ -n $PRUNE ]] && makes_node_modules || return 0
  heading "Removing the development dependencies"
  "prune_with_$MANAGER" 2>&1 | indent || fail "cannot remove the development dependencies: see above."
}

prune_with_npm() {
  if npm_at_least 7; then npm prune --omit=dev --ignore-scripts; else npm prune --production; fi
}

prune_with_yarn() {
  if [[ $YARN_VERSION == 1.* ]]; then
    with_mirrored_lock yarn install --production --ignore-scripts --prefer-offline --frozen-lockfile --non-interactive --ignore-engines
  else
    makes_node_modules || return 0
    yarn workspaces focus --production --all
  fi
}

# The tools' own caches save downloads when a lock changes; beyond 1 GB they start anew.
bound_cache() {
  local folder megabytes
  for folder in "$CACHE_DIR/npm" "$CACHE_DIR/yarn" "$CACHE_DIR/pnpm"; do
    [[ -d $folder ]] || continue
    megabytes=$(du -sm "$folder" | cut -f1)
    ((megabytes < 1024)) || rm -rf "$folder"
  done
}
