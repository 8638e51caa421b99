# Where Leiningen and the Clojure CLI come from. What an app has used last stays in its cache, as a layer: a folder of jars.

# choose_version LAYER WANTED WHO WHY: sets CHOSEN, LAYER SOURCE VERSION FROM SUM; one that cannot be had ends the build.
choose_version() {
  local layer=$1 wanted=$2 kept version
  CHOSEN_AS=$2
  if [[ -f $CACHE_DIR/$layer.chosen ]]; then
    read -r kept version <"$CACHE_DIR/$layer.chosen"
    if [[ $kept == "$wanted" && -f $CACHE_DIR/layers/$layer/$version/fingerprint ]]; then
      CHOSEN=("$layer" kept "$version" - -)
      heading "Using $TOOL_NAME $version from the cache$4"
      return
    fi
  fi
  "find_$layer" "$wanted" "$3" >"$SCRATCH/found" || exit 1
  read -r -a CHOSEN <<<"$layer $(<"$SCRATCH/found")"
  heading "Using $TOOL_NAME ${CHOSEN[2]}$4"
}

find_lein() {
  refresh_debian || warning "Debian's packages cannot be reached: $DEBIAN_REASON" >&2
  debian_versions leiningen | RES_OPTIONS="timeout:1 attempts:1" own_python find_clojure.py lein "$1" "$2"
}

# A release of the CLI has four numbers, and is not in a Maven repository; tools.deps, which does the work in it, is.
find_cli() {
  local version
  if [[ $1 == "$LOCKED" ]]; then
    echo "locked $LOCKED - -"
  elif [[ $1 == [1-9]* ]]; then
    RES_OPTIONS="timeout:1 attempts:1" own_python find_clojure.py cli "$1" "$2"
  else
    version=$(RES_OPTIONS="timeout:2 attempts:1" own_python maven_artifact.py "$REPOSITORY" org.clojure:tools.deps "$1" \
      "$CACHE_DIR/tools.deps" --name tools.deps --source "$2" --line '{}') || return 1
    echo "maven $version - -"
  fi
}

# restore_chosen FOLDER: fetches it where the cache has not got it.
restore_chosen() {
  local layer=${CHOSEN[0]} version=${CHOSEN[2]}
  restore_layer "$layer" "$version" "$1" && return
  [[ ${CHOSEN[1]} != kept ]] || { "find_$layer" "$version" "$TOOL_NAME" >"$SCRATCH/found" && read -r -a CHOSEN <<<"$layer $(<"$SCRATCH/found")"; } || exit 1
  line "Fetching $TOOL_NAME from $(chosen_origin)"
  rm -rf "$1"
  mkdir -p "$1"
  "unpack_${layer}_${CHOSEN[1]}" "$1"
  save_layer "$layer" "$version" "$1"
  echo "$CHOSEN_AS $version" >"$CACHE_DIR/$layer.chosen"
}

chosen_origin() {
  case ${CHOSEN[1]} in
    debian) echo "Debian's packages" ;;
    locked | maven) shown "$REPOSITORY" ;;
    *) shown "${CHOSEN[3]%/*}" ;;
  esac
}

# Its jar holds all that it needs: none of the packages that it names.
unpack_lein_debian() {
  (cd "$SCRATCH" && debian_apt apt-get download "${CHOSEN[3]}" >"$SCRATCH/apt" 2>&1) && extract_debian "$SCRATCH/lein" "$SCRATCH"/leiningen_*.deb ||
    fail "cannot fetch Leiningen ${CHOSEN[2]} from Debian: ${DEBIAN_REASON:-$(debian_reason)}" "Push again when it can be reached."
  cp "$SCRATCH/lein/usr/share/java/leiningen-${CHOSEN[2]}.jar" "$1/"
}

unpack_lein_mirror() { fetch_file "$1/${CHOSEN[3]##*/}"; }
unpack_lein_site() { unpack_lein_mirror "$1"; }

unpack_cli_mirror() {
  fetch_file "$SCRATCH/cli.tar.gz"
  tar --extract --gzip --file "$SCRATCH/cli.tar.gz" --directory "$1" --strip-components=1 --no-same-owner --wildcards '*/clojure-tools-*.jar' ||
    fail "cannot use $(shown "${CHOSEN[3]}"): there is no clojure-tools-${CHOSEN[2]}.jar in it."
}
unpack_cli_site() { unpack_cli_mirror "$1"; }

# fetch_file FILE: what CHOSEN names, bounded, and checked where its source has a sum. The URL, which may hold a login, is no argument.
fetch_file() {
  local url
  url=$(shown "${CHOSEN[3]}")
  printf 'url = "%s"\n' "${CHOSEN[3]//[\"\\]/}" >"$SCRATCH/curl"
  curl --silent --show-error --fail --location --retry 1 --connect-timeout 10 --speed-limit 1000 --speed-time 20 --max-time 300 \
    --output "$1" --config "$SCRATCH/curl" 2>&1 | indent || fail "cannot fetch $TOOL_NAME ${CHOSEN[2]} from $url: see above." "Push again when it can be reached."
  [[ ${CHOSEN[4]} == - ]] || echo "${CHOSEN[4]}  $1" | sha256sum --check --status ||
    fail "cannot use $url: its SHA-256 is not the one that its source names." "Nothing of it was run. Tell who runs that source."
}

# tools.deps and what it needs, as tools-deps.sha256 names them.
unpack_cli_locked() {
  mkdir -p "$1"
  awk -v "base=$REPOSITORY" -v "folder=$1" '/^[0-9a-f]/ { file = $2; sub(".*/", "", file); printf "url = \"%s/%s\"\noutput = \"%s/%s\"\n", base, $2, folder, file }' \
    "$BUILDPACK_DIR/lib/tools-deps.sha256" >"$SCRATCH/curl"
  curl --silent --show-error --fail-early --fail --location --parallel --parallel-max 8 --retry 1 --connect-timeout 10 --speed-limit 1000 --speed-time 20 \
    --max-time 300 --config "$SCRATCH/curl" 2>&1 | sort -u | indent || fail "cannot fetch tools.deps from $(chosen_origin): see above." "Push again when it can be reached."
  sed -nE "s,^([0-9a-f]+  ).*/,\1$1/,p" "$BUILDPACK_DIR/lib/tools-deps.sha256" | sha256sum --check --quiet 2>&1 | indent ||
    fail "cannot use tools.deps: it is not what this buildpack knows, see above." "Nothing of it was run. Tell who runs $(chosen_origin)."
}

# Without it the logging of what tools.deps uses complains that it has nowhere to go.
SILENCE='org.slf4j/slf4j-nop {:mvn/version "1.7.36"}'

# Another tools.deps is found by the one that is known.
unpack_cli_maven() {
  local path empty=$SCRATCH/empty
  unpack_cli_locked "$SCRATCH/locked"
  mkdir -p "$empty"
  (cd "$empty" && tools_deps "$SCRATCH/locked" --cp-file "$empty/cp" --basis-file "$empty/basis" --jvm-file "$empty/jvm" --main-file "$empty/main" \
    --manifest-file "$empty/manifest" --config-data "{:deps {org.clojure/tools.deps {:mvn/version \"${CHOSEN[2]}\"} $SILENCE}}") 2>&1 | indent ||
    fail "cannot fetch tools.deps ${CHOSEN[2]}: see above." "Push again when it can be reached."
  while read -r path; do
    [[ $path != *.jar ]] || cp "$path" "$1/"
  done < <(tr ':' '\n' <"$empty/cp")
}

# tools_deps FOLDER OPTION...: runs the script of it that makes a classpath.
tools_deps() {
  local folder=$1
  shift
  # shellcheck disable=SC2086
  "$JAVA_HOME/bin/java" "-Duser.home=$HOME" $CLJ_JVM_OPTS -classpath "$folder/*" clojure.main -m clojure.tools.deps.script.make-classpath2 "$@"
}
