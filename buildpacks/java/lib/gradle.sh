# Apps with a build.gradle: by their own wrapper, else by Debian's Gradle. GRADLE_USER_HOME is in the cache.

GRADLE_SITE=https://services.gradle.org/distributions

prepare_gradle() {
  export GRADLE_USER_HOME=$CACHE_DIR/gradle
  [[ ! -f gradlew ]] || prepare_wrapper
}

build_with_gradle() {
  local task
  export GRADLE_OPTS="$BUILD_JVM${JVM_PROXY} -Dorg.gradle.daemon=false -Dorg.gradle.welcome=never ${GRADLE_OPTS:-}"
  mkdir -p "$GRADLE_USER_HOME/init.d"
  write_mirror
  [[ -f gradlew ]] || install_debian_gradle
  [[ -f gradlew ]] || TOOL_ADVICE="It was Debian's Gradle 4.4 that failed, as the app has no wrapper: newer plugins and build files need a newer one.
Run gradle wrapper, commit gradlew and gradle/, and push again."
  task=$(gradle_task)
  heading "Building with Gradle"
  line "\$ ${GRADLE##*/debian-gradle/gradle/bin/} $task"
  # shellcheck disable=SC2086
  run_tool gradle "$GRADLE" --no-daemon --console=plain $task
  [[ ! -f $SCRATCH/wrapper.properties ]] || cp "$SCRATCH/wrapper.properties" "$WRAPPER"
  rm -rf .gradle
  bound_gradle
}

# What is run: as the app says, or as its framework is started.
gradle_task() {
  if [[ -n ${GRADLE_TASK:-} ]]; then
    echo "$GRADLE_TASK"
  elif gradle_says '(task|register|create)[^A-Za-z]+stage\b'; then
    echo stage
  elif gradle_says 'org\.springframework\.boot|io\.quarkus'; then
    echo build -x check
  elif gradle_says "io\.ratpack|io\.micronaut|['\"\`( ]application['\"\`) ]?"; then
    echo installDist -x check
  else
    echo build -x check
  fi
}

# gradle_says PATTERN: in any build file of the app, outside of comments.
gradle_says() {
  find . -maxdepth 3 \( -name build.gradle -o -name build.gradle.kts -o -name libs.versions.toml \) -not -path './.jdk/*' -exec cat {} + |
    sed -E 's,^[[:space:]]*//.*,,' | grep -E "$1" >/dev/null
}

WRAPPER=gradle/wrapper/gradle-wrapper.properties

# The wrapper fetches its Gradle itself; whether it can is asked first, because it would wait for long.
prepare_wrapper() {
  local url name
  sed -i 's/\r$//' gradlew && chmod +x gradlew
  GRADLE=./gradlew
  [[ -f $WRAPPER ]] || fail "cannot use gradlew: there is no $WRAPPER." "Commit the whole folder gradle/wrapper, and push again."
  if [[ -n ${RUNTIME_MIRROR_GRADLE:-} ]]; then
    cp "$WRAPPER" "$SCRATCH/wrapper.properties"
    sed -i -E "s|^(distributionUrl=)https\\\\?://services\.gradle\.org/distributions|\1${RUNTIME_MIRROR_GRADLE%/}|" "$WRAPPER"
  fi
  url=$(sed -nE 's/\r$//; s/\\//g; s/^distributionUrl=(.*)/\1/p' "$WRAPPER")
  name=${url##*/}
  name=${name%.zip}
  heading "Using ${name/-/ } ($WRAPPER asks for it)"
  ! compgen -G "$GRADLE_USER_HOME/wrapper/dists/$name/*/*.ok" >/dev/null || return 0
  [[ $url == *://* ]] || return 0
  curl --silent --show-error --fail --location --head --connect-timeout 5 --max-time 15 --output "$SCRATCH/head" "$url" 2>"$SCRATCH/curl" ||
    fail "cannot fetch ${name/-/ } from $(shown "$url"): $(<"$SCRATCH/curl")" \
      "Ask for one that can be had in $WRAPPER, or let the operator name a mirror of $GRADLE_SITE in RUNTIME_MIRROR_GRADLE."
}

# Debian's Gradle is 4.4: for small apps of old.
install_debian_gradle() {
  local root=$CACHE_DIR/debian/gradle tree=$CACHE_DIR/debian-gradle key share link target archive
  GRADLE=$tree/gradle/bin/gradle
  warning "There is no wrapper: the app is built with Debian's Gradle 4.4. Run gradle wrapper, and commit gradlew and gradle/."
  key=$(layer_key 1 "${STACK:-}" </dev/null)
  restore_layer gradle "$key" "$tree" && return
  line "Fetching it from Debian's packages"
  download_debian gradle || fail "cannot fetch Gradle from Debian: $DEBIAN_REASON" "Push again when it can be reached."
  for archive in "${DEBIAN_ARCHIVES[@]}"; do
    [[ ${archive##*/} == openjdk-* ]] || extract_debian "$root" "$archive" || fail "$DEBIAN_REASON."
  done
  share=$root/usr/share
  # It looks for itself where Debian installs it.
  own_python move_gradle.py "$share/java/gradle-core-api-4.4.1.jar" "/usr/share/gradle=$tree/gradle" "/usr/share/java=$tree/java" ||
    fail "cannot use Debian's Gradle: it is another than this buildpack knows." "Commit a wrapper (gradle wrapper), and push again."
  while read -r link target; do
    ln -sfn "$tree${target#/usr/share}" "$share/$link"
  done < <(find "$share" -type l -lname '/usr/share/*' -printf '%P %l\n')
  rm -rf "$tree"
  mkdir -p "$tree"
  mv "$share/java" "$share/gradle" "$tree/"
  [[ ! -d $share/maven-repo ]] || mv "$share/maven-repo" "$tree/"
  rm -rf "$root"
  save_layer gradle "$key" "$tree"
}

# The operator's mirror takes the place of Maven Central in every repository list.
write_mirror() {
  local file=$GRADLE_USER_HOME/init.d/mirror.gradle
  rm -f "$file"
  [[ -z ${MAVEN_MIRROR_URL:-} ]] || cp "$BUILDPACK_DIR/lib/mirror.gradle" "$file"
}

# Libraries of versions that are long gone: beyond 1 GB it starts anew.
bound_gradle() {
  (($(du -sm "$GRADLE_USER_HOME" | cut -f1) < 1024)) || rm -rf "$GRADLE_USER_HOME"
}
