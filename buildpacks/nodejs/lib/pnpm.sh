# pnpm: its store stays in the app's cache, and node_modules is made of hard links to it.

pnpm_at_least() { [[ $(printf '%s\n' "$1" "$PNPM_VERSION" | sort -V | head -n 1) == "$1" ]]; }

# Its settings by both names that its versions read; scripts of the app may call it too. It is the version that the app asks
# for: it need not look whether it is, nor whether node_modules is complete before each script.
configure_pnpm() {
  local setting
  for setting in "store_dir=$CACHE_DIR/pnpm/store" confirm_modules_purge=false reporter=append-only update_notifier=false \
    verify_deps_before_run=false manage_package_manager_versions=false pm_on_fail=ignore \
    ${NPM_CONFIG_REGISTRY:+"registry=$NPM_CONFIG_REGISTRY"}; do
    export "npm_config_$setting" "pnpm_config_$setting"
  done
}

install_with_pnpm() {
  local flags=(--prod)
  [[ -z $INSTALL_ALL ]] || flags=(--no-prod)
  if [[ -n $LOCK ]]; then flags+=(--frozen-lockfile --prefer-offline); else flags+=(--no-frozen-lockfile); fi
  pnpm install "${flags[@]}"
}

# Says what pnpm means, where that is known.
explain_pnpm() {
  ! grep -q ERR_PNPM_OUTDATED_LOCKFILE "$SCRATCH/install.log" || refuse_lock "package.json has changed since it was made."
  ! grep -qE 'ERR_PNPM_(BROKEN_LOCKFILE|LOCKFILE_BREAKING_CHANGE|NO_LOCKFILE)' "$SCRATCH/install.log" ||
    fail "cannot install the packages of pnpm-lock.yaml: pnpm $PNPM_VERSION cannot read it, see above." \
      "Run pnpm install and commit pnpm-lock.yaml, or name the pnpm that has made it in packageManager of package.json; push again."
}

prune_with_pnpm() {
  if [[ -n $PNPM_WORKSPACE ]]; then
    CI=true pnpm install --prod --frozen-lockfile --offline --ignore-scripts
  elif pnpm_at_least 8.15.6; then
    pnpm prune --prod --ignore-scripts
  elif [[ -n $LIFECYCLE_SCRIPTS ]]; then
    echo "They stay: pnpm $PNPM_VERSION would run the scripts $LIFECYCLE_SCRIPTS again; 8.15.6 and later do not."
  else
    pnpm prune --prod
  fi
}
