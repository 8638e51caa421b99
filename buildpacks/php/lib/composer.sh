# Composer, as the app's composer.json and its config vars COMPOSER_... have it.

# What Composer has to say goes on as it comes, and to a file for explain().
run_composer() {
  {
    COLUMNS=400 composer "$@" --no-ansi 2>&1 || echo $? >"$SCRATCH/status"
  } | tee "$SCRATCH/composer.log" | show_composer
  [[ ! -e $SCRATCH/status ]]
}

# Without how Composer is called, where in it something failed, and what it guesses of an app that is no package.
show_composer() {
  sed -u -E -e '/^Exception trace:/,$d' -e 's/ +$//' -e '/^$/d' -e '/^[a-z-]+ \[-/d' -e '/^In [A-Za-z]+\.php line [0-9]+:$/d' \
    -e '/^Composer could not detect the root package/d' -e '/^Usage: /d' | indent
}

says() { grep -qE "$1" "$SCRATCH/composer.log"; }

offer_github_token() {
  [[ -n ${COMPOSER_GITHUB_OAUTH_TOKEN:-} ]] || return 0
  mkdir -p "$COMPOSER_HOME"
  COMPOSER_AUTH='' composer config --global --auth github-oauth.github.com "$COMPOSER_GITHUB_OAUTH_TOKEN" 2>/dev/null ||
    fail "cannot use the token in COMPOSER_GITHUB_OAUTH_TOKEN: Composer refuses it." "Set it to a token of GitHub, or unset it, and push again."
}

# Sets LOCAL, the packages whose code is a folder of the app, COMPILE, whether there is such a script, and PACKAGES_FILE, which of its
# files says what the app has.
read_manifest() {
  local found
  found=$(own_python plan.py "$MANIFEST" "$LOCK") || exit 1
  eval "$found"
  PACKAGES_FILE=$LOCK
  [[ -f $LOCK ]] || PACKAGES_FILE=$MANIFEST
  # Composer alone says what an app without packages is locked to, and asks nobody for it.
  [[ -f $LOCK ]] || quietly update --no-install --ignore-platform-reqs --no-scripts --no-plugins || explain_files
}

quietly() { COLUMNS=400 composer "$@" --no-ansi >"$SCRATCH/composer.log" 2>&1; }

# Ends the build with why Composer cannot read what is there.
explain_files() {
  show_composer <"$SCRATCH/composer.log" >&2
  if says 'COMPOSER_AUTH'; then
    fail "cannot use the config var COMPOSER_AUTH: it is not a JSON object (see above)." \
      "Set it to one, such as {\"http-basic\": {\"repo.example.com\": {\"username\": \"me\", \"password\": \"...\"}}}, and push again."
  elif says "$LOCK\"|In Locker\.php"; then
    fail "cannot read $LOCK: see above." "Run composer update (after a conflict of git: git checkout $LOCK first), commit $LOCK and push again."
  fi
  fail "cannot read $MANIFEST: see above." "Mend it (composer validate checks it), commit and push again; the running release stays as it is."
}

# Sets VENDOR and BIN, the folders of packages and of their programs.
find_folders() {
  VENDOR=$(composer config vendor-dir 2>/dev/null) BIN=$(composer config bin-dir 2>/dev/null)
  VENDOR=${VENDOR#"$BUILD_DIR"/} BIN=${BIN#"$BUILD_DIR"/}
  [[ $VENDOR != /* && $BIN != /* && /$VENDOR/$BIN/ != */../* ]] ||
    fail "cannot install packages to $VENDOR and programs to $BIN: that is outside of the app." \
      "Change vendor-dir and bin-dir of $MANIFEST (or COMPOSER_VENDOR_DIR, COMPOSER_BIN_DIR) and push again."
}

install_packages() {
  local key name save=yes
  find_folders
  key=$(layer_key 1 "${STACK:-}" "$PHP_VERSION" "$(composer --version --no-ansi 2>/dev/null)" <"$LOCK")
  if [[ -d $VENDOR/composer ]]; then
    heading "Using the packages in $VENDOR, which came with the push"
    save=''
  elif restore_layer vendor "$key" "$BUILD_DIR/$VENDOR"; then
    heading "Using the packages of $PACKAGES_FILE from the cache"
    save=''
    # What the app's own code changes: the map of its classes, and links to programs.
    unshare_files "$VENDOR/autoload.php" "$VENDOR/composer" "$BIN"
    for name in $LOCAL; do rm -rf "${VENDOR:?}/$name"; done
  else
    heading "Installing the packages of $PACKAGES_FILE with Composer"
  fi
  run_composer install --no-progress --no-dev --prefer-dist --optimize-autoloader || explain
  if says 'lock file is not up to date'; then
    warning "$LOCK was written for another $MANIFEST than this: what you changed since may be missing." \
      "Run composer update --lock (or composer update), commit $LOCK and push again."
  fi
  if [[ -n $save && -d $VENDOR ]]; then save_layer vendor "$key" "$BUILD_DIR/$VENDOR"; fi
}

run_compile_script() {
  [[ -n $COMPILE ]] || return 0
  heading "Running the script compile of $MANIFEST"
  run_composer run-script --no-dev compile || explain
}

# Ends the build with what to do about the message that Composer has just given.
explain() {
  local again="commit and push again; the running release stays as it is."
  if says 'not present in the lock file|lock file does not contain (a )?require'; then
    fail "cannot install the packages: $LOCK does not have all that $MANIFEST requires (see above)." \
      "Run composer update, commit $LOCK and push again."
  elif says 'exceeded the timeout of'; then
    fail "cannot finish the build: a script or a download took longer than Composer lets it (see above)." \
      "Make it shorter, or set the config var COMPOSER_PROCESS_TIMEOUT to more seconds; push again."
  elif says 'handling the .* event (returned with error code|terminated with an exception)'; then
    fail "cannot finish the build: a script of $MANIFEST failed (see above)." \
      "It runs with the app's config vars and without development packages. Mend it, $again"
  elif says 'Could not authenticate|Invalid credentials|HTTP 40[13]|code 40[13]|requires authentication'; then
    fail "cannot fetch a package: its server asks for a login (see above)." \
      "Put it into the config var COMPOSER_AUTH: {\"http-basic\": {\"HOST\": {\"username\": \"me\", \"password\": \"...\"}}}; then push again."
  elif says 'curl error|could not be downloaded|Failed to (download|clone|execute git)|Could not (fetch|resolve)|timed out'; then
    fail "cannot fetch a package: see above." \
      "Push again later if its server does not answer." \
      "A package that the app brings along needs no server: a repository of the type path or artifact in $MANIFEST."
  elif says 'checksum verification'; then
    fail "cannot use a package: its archive is not the one of $LOCK (see above)." "Run composer update for it, commit $LOCK and push again."
  elif says 'contains a Composer plugin which is blocked|allow-plugins'; then
    fail "cannot install the packages: a plugin is not allowed in $MANIFEST (see above)." "Run composer config allow-plugins.NAME true, $again"
  fi
  fail "cannot install the packages of $LOCK: see above." "Mend $MANIFEST, run composer update, $again"
}
