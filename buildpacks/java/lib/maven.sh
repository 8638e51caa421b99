# Apps with a pom.xml: by their own wrapper, else by a Maven from Maven Central. The local repository is in the cache.

MAVEN_DEFAULT=3.9

# Sets MAVEN_CENTRAL, and MIRROR_LOGIN ("name:password") where the mirror's URL holds one.
choose_repository() {
  MAVEN_CENTRAL=${MAVEN_MIRROR_URL:-https://repo1.maven.org/maven2}
  MAVEN_CENTRAL=${MAVEN_CENTRAL%/}
  MIRROR_LOGIN=''
  [[ $MAVEN_CENTRAL =~ ^(https?://)([^/]*)@(.*)$ ]] || return 0
  MAVEN_CENTRAL=${BASH_REMATCH[1]}${BASH_REMATCH[3]}
  MIRROR_LOGIN=${BASH_REMATCH[2]//%/\\x}
  printf -v MIRROR_LOGIN '%b' "$MIRROR_LOGIN"
}

build_with_maven() {
  local goals=${MAVEN_CUSTOM_GOALS:-clean install} options=${MAVEN_CUSTOM_OPTS:--DskipTests} own=()
  export MAVEN_OPTS="$BUILD_JVM${JVM_PROXY} ${MAVEN_JAVA_OPTS:-${MAVEN_OPTS:-}}"
  own=(--batch-mode "-Dmaven.repo.local=$CACHE_DIR/m2/repository" -Dorg.slf4j.simpleLogger.log.org.apache.maven.cli.transfer.Slf4jMavenTransferListener=warn)
  heading "Executing Maven"
  line "\$ ${MVN##"$CACHE_DIR"/maven/bin/} $options $goals"
  # What is not there is looked for again in the next build, not a day later.
  [[ ! -d $CACHE_DIR/m2/repository ]] || find "$CACHE_DIR/m2/repository" -name '*.lastUpdated' -delete
  # Unquoted: words that the shell takes apart, as Heroku does.
  # shellcheck disable=SC2086
  run_tool maven "$MVN" "${own[@]}" "${SETTINGS[@]}" $options $goals
  bound_repository
}

prepare_maven() {
  choose_maven
  name_settings
}

# The app's wrapper, unless system.properties names a version.
choose_maven() {
  local wanted
  wanted=$(property maven.version)
  if [[ -z $wanted && -f mvnw && -f .mvn/wrapper/maven-wrapper.properties ]]; then
    # Made on Windows, it may have that system's line ends, and no mode.
    sed -i 's/\r$//' mvnw && chmod +x mvnw
    export MAVEN_USER_HOME=$CACHE_DIR/m2 MVNW_REPOURL=$MAVEN_CENTRAL
    [[ -z $MIRROR_LOGIN ]] || export MVNW_USERNAME=${MIRROR_LOGIN%%:*} MVNW_PASSWORD=${MIRROR_LOGIN#*:}
    MVN=./mvnw
    return
  fi
  fetch_maven "${wanted:-$MAVEN_DEFAULT}" "$wanted"
  MVN=$CACHE_DIR/maven/bin/mvn
}

# fetch_maven PREFIX ASKED: one that is in the cache and fits is taken as it is.
fetch_maven() {
  local kept version url sum why="system.properties asks for $2"
  [[ -n $2 ]] || why="name another in system.properties, as maven.version=3.9.9"
  kept=$(find "$CACHE_DIR/layers/maven" -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f' 2>/dev/null || true)
  if [[ $kept == "$1" || $kept == "$1".* ]] && restore_layer maven "$kept" "$CACHE_DIR/maven"; then
    heading "Using Maven $kept from the cache ($why)"
    return
  fi
  MIRROR_LOGIN=$MIRROR_LOGIN own_python find_maven.py "$MAVEN_CENTRAL" "$1" >"$SCRATCH/maven.found" || exit 1
  read -r version url sum <"$SCRATCH/maven.found"
  heading "Using Maven $version ($why)"
  fetch_file "$url" "$SCRATCH/maven.tar.gz" sha512sum "$sum"
  rm -rf "$CACHE_DIR/maven"
  mkdir "$CACHE_DIR/maven"
  tar --extract --gzip --file "$SCRATCH/maven.tar.gz" --directory "$CACHE_DIR/maven" --strip-components=1 --no-same-owner ||
    fail "cannot unpack $url."
  save_layer maven "$version" "$CACHE_DIR/maven"
}

# fetch_file URL FILE PROGRAM SUM: bounded, and checked with sha256sum or sha512sum.
fetch_file() {
  { [[ -z $MIRROR_LOGIN ]] || printf 'user = "%s"\n' "${MIRROR_LOGIN//[\"\\]/}"; } |
    curl --config - --silent --show-error --fail --location --retry 1 --connect-timeout 10 --speed-limit 1000 --speed-time 20 \
      --max-time 300 --output "$2" "$1" 2>&1 | indent || fail "cannot fetch $1: see above." "Push again when it can be reached."
  echo "$4  $2" | "$3" --check --status || fail "cannot use $1: it is not what its checksum names." "Push again; tell the operator if it stays so."
}

# Sets SETTINGS: the app's own settings file, and the operator's mirror and proxies below it.
name_settings() {
  SETTINGS=()
  if own_python maven_settings.py >"$SCRATCH/central.xml"; then SETTINGS+=(-gs "$SCRATCH/central.xml"); fi
  if [[ -n ${MAVEN_SETTINGS_PATH:-} ]]; then
    [[ -f $MAVEN_SETTINGS_PATH ]] || fail "cannot find $MAVEN_SETTINGS_PATH, which MAVEN_SETTINGS_PATH names." "It is a path in the app's repository."
    SETTINGS+=(-s "$MAVEN_SETTINGS_PATH")
  elif [[ -n ${MAVEN_SETTINGS_URL:-} ]]; then
    # The URL may hold a password: it is neither shown nor an argument.
    printf 'url = "%s"\n' "${MAVEN_SETTINGS_URL//\"/}" >"$SCRATCH/curl"
    curl --silent --fail --location --connect-timeout 10 --max-time 30 --config "$SCRATCH/curl" --output "$SCRATCH/settings.xml" ||
      fail "cannot fetch the settings that MAVEN_SETTINGS_URL names." "Check that the URL can be read from here without a login."
    SETTINGS+=(-s "$SCRATCH/settings.xml")
  elif [[ -f settings.xml ]]; then
    SETTINGS+=(-s settings.xml)
  fi
}

# Libraries of versions that are long gone: beyond 1 GB the local repository starts anew.
bound_repository() {
  (($(du -sm "$CACHE_DIR/m2" | cut -f1) < 1024)) || rm -rf "$CACHE_DIR/m2"
}
