# Which Java an app gets, and where it is: the JDK for the build in the cache (JAVA_HOME), what runs the app in .jdk of
# the slug. Needs output.sh, layers.sh, debian.sh, find_jdk.py, jvmcommon.sh and jdbc.sh beside it.

JAVA_DEFAULT=21
# A Java that is there is asked no questions for a week; then a newer update of it is looked for.
JAVA_FRESH_DAYS=7

# property NAME: its value in system.properties, if any.
property() {
  [[ -f system.properties ]] || return 0
  sed -nE "s/\r\$//; s/^[[:space:]]*${1//./\\.}[[:space:]]*[=:][[:space:]]*([^[:space:]]*).*/\1/p" system.properties | tail -n 1
}

# Sets JAVA_HOME, JAVA_VERSION and PATH for the build; leaves .jdk and .profile.d in the app.
install_jdk() {
  local asked
  asked=$(property java.runtime.version)
  JAVA_WANTED=${asked:-$JAVA_DEFAULT}
  JAVA_WHY="system.properties asks for $asked"
  [[ -n $asked ]] || JAVA_WHY="name another in system.properties, as java.runtime.version=25"
  export JAVA_HOME=$CACHE_DIR/jdk
  use_kept_jdk || fetch_jdk
  export PATH=$JAVA_HOME/bin:$PATH
  trust_authorities
  write_java_profile
}

# Succeeds when the cache has what is wanted and knows that it is recent.
use_kept_jdk() {
  local wanted day
  [[ -f $CACHE_DIR/jdk.chosen ]] || return 1
  read -r wanted JAVA_VERSION day JAVA_SOURCE <"$CACHE_DIR/jdk.chosen" || return 1
  [[ $wanted == "$JAVA_WANTED" ]] || return 1
  (($(date +%s) / 86400 - day < JAVA_FRESH_DAYS)) || return 1
  restore_jdk || return 1
  heading "Using Java $JAVA_VERSION from the cache ($JAVA_WHY)"
}

jdk_key() { layer_key 1 "${STACK:-}" "$JAVA_VERSION" "$JAVA_SOURCE" </dev/null; }

restore_jdk() {
  local key
  key=$(jdk_key)
  restore_layer jdk "$key" "$JAVA_HOME" && restore_layer jre "$key" "$BUILD_DIR/.jdk"
}

# An update that cannot be looked for is no reason to fail while there is a Java that fits.
fetch_jdk() {
  local key
  if ! find_jdk >"$SCRATCH/jdk.found" 2>"$SCRATCH/jdk.refused"; then
    stay_with_kept_jdk && return
    cat "$SCRATCH/jdk.refused" >&2
    exit 1
  fi
  cat "$SCRATCH/jdk.refused"
  read -r JAVA_SOURCE JAVA_VERSION JAVA_FROM JAVA_SUM <"$SCRATCH/jdk.found"
  heading "Using Java $JAVA_VERSION ($JAVA_WHY)"
  if ! restore_jdk; then
    line "Fetching it from $(jdk_origin)"
    rm -rf "$JAVA_HOME" "$BUILD_DIR/.jdk" "$CACHE_DIR/jdk.chosen"
    "unpack_jdk_$JAVA_SOURCE"
    key=$(jdk_key)
    save_layer jdk "$key" "$JAVA_HOME"
    save_layer jre "$key" "$BUILD_DIR/.jdk"
  fi
  printf '%s %s %s %s\n' "$JAVA_WANTED" "$JAVA_VERSION" "$(($(date +%s) / 86400))" "$JAVA_SOURCE" >"$CACHE_DIR/jdk.chosen"
}

stay_with_kept_jdk() {
  local wanted _day
  [[ -f $CACHE_DIR/jdk.chosen ]] || return 1
  read -r wanted JAVA_VERSION _day JAVA_SOURCE <"$CACHE_DIR/jdk.chosen" || return 1
  [[ $wanted == "$JAVA_WANTED" ]] && restore_jdk || return 1
  heading "Using Java $JAVA_VERSION from the cache ($JAVA_WHY)"
  warning "Whether there is a newer one cannot be told: no source of Java can be reached."
}

# Prints SOURCE VERSION FROM SUM, from the first that has it: the operator's mirror, Debian, Adoptium.
find_jdk() {
  if [[ -n ${RUNTIME_MIRROR_JAVA:-} ]]; then
    own_python find_jdk.py mirror "$JAVA_WANTED" && return
  fi
  refresh_debian || warning "Debian's packages cannot be reached: $DEBIAN_REASON" >&2
  debian_versions 'openjdk-[0-9]+-jdk-headless' >"$SCRATCH/jdk.debian"
  RES_OPTIONS="timeout:1 attempts:1" own_python find_jdk.py others "$JAVA_WANTED" <"$SCRATCH/jdk.debian"
}

jdk_origin() {
  case $JAVA_SOURCE in
    debian) echo "Debian's packages" ;;
    *) shown "${JAVA_FROM%/*}" ;;
  esac
}

# JAVA_FROM is PACKAGE=VERSION of the JDK, whose files lie on top of the JRE's, a package of its own.
unpack_jdk_debian() {
  local root=$CACHE_DIR/debian/root home
  if ! { download_debian "$JAVA_FROM" libharfbuzz0b && unpack_jre "$root"; }; then
    fail "cannot fetch Java $JAVA_VERSION from Debian: $DEBIAN_REASON" "Push again when it can be reached."
  fi
  home=$(find "$root/usr/lib/jvm" -mindepth 1 -maxdepth 1 -type d -name "java-*")
  settle_jdk "$root" "$home"
  copy_tree "$home" "$BUILD_DIR/.jdk"
  extract_debian "$root" "$CACHE_DIR"/debian/archives/openjdk-*-jdk-headless_*.deb || fail "$DEBIAN_REASON."
  settle_jdk "$root" "$home"
  mv "$home" "$JAVA_HOME"
  rm -rf "$root"
}

unpack_jre() {
  local archive jre=()
  for archive in "${DEBIAN_ARCHIVES[@]}"; do
    [[ ${archive##*/} == openjdk-*-jdk-headless_* ]] || jre+=("$archive")
  done
  extract_debian "$1" "${jre[@]}"
}

# settle_jdk ROOT HOME: what Debian keeps elsewhere in the system, and libraries that the stack has not, move
# into HOME; Java's own libraries look for others beside them.
settle_jdk() {
  local root=$1 home=$2 link target library
  while read -r link target; do
    rm "$home/$link"
    [[ ! -f $root$target ]] || cp -p "$root$target" "$home/$link"
  done < <(find "$home" -type l -lname '/*' -printf '%P %l\n')
  find "$home" -xtype l -delete
  rm -rf "$home/man" "$home/docs"
  for library in "$root"/usr/lib/*/*.so*; do
    [[ ! -e $library ]] || cp -a "$library" "$home/lib/"
  done
}

unpack_jdk_mirror() { unpack_jdk_archive; }
unpack_jdk_adoptium() { unpack_jdk_archive; }

# JAVA_FROM is the URL of a .tar.gz with one folder in it, JAVA_SUM its SHA-256.
unpack_jdk_archive() {
  local archive=$CACHE_DIR/jdk.tar.gz from
  from=$(shown "$JAVA_FROM")
  curl --silent --show-error --fail --location --retry 1 --connect-timeout 10 --speed-limit 1000 --speed-time 20 \
    --max-time 300 --output "$archive" "$JAVA_FROM" 2>&1 | indent ||
    fail "cannot fetch Java $JAVA_VERSION from $from: see above."
  echo "$JAVA_SUM  $archive" | sha256sum --check --status ||
    fail "cannot use $from: its SHA-256 is not the one that its source names." "Nothing of it was run. Tell who runs that source."
  mkdir -p "$JAVA_HOME"
  tar --extract --gzip --file "$archive" --directory "$JAVA_HOME" --strip-components=1 --no-same-owner ||
    fail "cannot unpack $from."
  rm -f "$archive"
  [[ -x $JAVA_HOME/bin/java ]] || fail "cannot use $from: it holds no JDK (there is no bin/java in its folder)."
  copy_tree "$JAVA_HOME" "$BUILD_DIR/.jdk"
  rm -rf "$BUILD_DIR"/.jdk/{jmods,src.zip,lib/src.zip,lib/ct.sym,demo,sample,man}
}

# Java has a list of authorities of its own: it gets those that the stack trusts, in each build.
trust_authorities() {
  local home folder
  rm -f "$SCRATCH/cacerts"
  trust extract --format=java-cacerts --filter=ca-anchors --purpose server-auth "$SCRATCH/cacerts"
  for home in "$JAVA_HOME" "$BUILD_DIR/.jdk"; do
    for folder in "$home/lib/security" "$home/jre/lib/security"; do
      [[ ! -d $folder ]] || { rm -f "$folder/cacerts" && install -m 644 "$SCRATCH/cacerts" "$folder/cacerts"; }
    done
  done
}

write_java_profile() {
  mkdir -p "$BUILD_DIR/.profile.d"
  cp "$BUILDPACK_DIR"/lib/{jvmcommon,jdbc}.sh "$BUILD_DIR/.profile.d/"
}

# For write_export.
java_exports() {
  printf 'export JAVA_HOME="%s"\nexport PATH="$JAVA_HOME/bin:$PATH"\n' "$JAVA_HOME"
}
