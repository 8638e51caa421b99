# Debian packages of the stack's own release, unpacked into a folder as the build's user. apt chooses what the stack
# lacks, fetches it and checks the archive's signature; nothing of the stack changes.
# RUNTIME_MIRROR_DEBIAN stands in for http://deb.debian.org; it is believed only as far as Debian signed what it gives.
# The index is fetched once for a build that needs it and not kept (57 MB); what is unpacked is a layer, and is kept.

DEBIAN_SECONDS=240

# debian_apt PROGRAM WORD...: apt-get, apt-cache, with state of its own in the cache. Every wait is bounded.
debian_apt() {
  local program=$1 folder=$CACHE_DIR/debian
  shift
  mkdir -p "$folder/lists/partial" "$folder/archives/partial"
  [[ -f $folder/sources.list ]] ||
    sed "s|http://deb\.debian\.org|${RUNTIME_MIRROR_DEBIAN:-http://deb.debian.org}|" /etc/apt/sources.list >"$folder/sources.list"
  # A config var named APT_CONFIG could turn the check of signatures off.
  timeout "$DEBIAN_SECONDS" env -u APT_CONFIG LC_ALL=C DEBIAN_FRONTEND=noninteractive "$program" --quiet=2 \
    -o "Dir::Etc::SourceList=$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o "Dir::State::lists=$folder/lists" -o "Dir::Cache::archives=$folder/archives" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Acquire::Languages=none \
    -o Acquire::Retries=1 -o Acquire::http::Timeout=10 -o Acquire::https::Timeout=10 -o Acquire::http::ConnectionAttemptDelayMsec=100 \
    -o APT::Sandbox::User= -o Debug::NoLocking=1 -o APT::Install-Recommends=0 "$@"
}

# Fetches the index, once in a build. On failure the reason is in DEBIAN_REASON.
refresh_debian() {
  [[ -z ${DEBIAN_FRESH:-} ]] || return 0
  rm -rf "$CACHE_DIR/debian"
  if ! debian_apt apt-get update --error-on=any >"$SCRATCH/apt" 2>&1; then
    DEBIAN_REASON=$(debian_reason)
    return 1
  fi
  DEBIAN_FRESH=yes
}

debian_reason() { grep -m 1 -E '^(E|W|Err)' "$SCRATCH/apt" | sed -e 's/^[EW]: //' | cut -c1-300 || true; }

# debian_versions PATTERN: "PACKAGE VERSION" a line, of all packages whose whole name the regular expression fits.
debian_versions() {
  cat "$CACHE_DIR"/debian/lists/*_Packages 2>/dev/null |
    awk -v "name=^$1\$" '$1 == "Package:" { package = $2 } $1 == "Version:" && package ~ name { print package, $2 }'
}

# download_debian PACKAGE[=VERSION]...: sets DEBIAN_ARCHIVES, the files of these and of all they depend on that the stack
# has not. On failure the reason is in DEBIAN_REASON.
download_debian() {
  refresh_debian || return 1
  rm -f "$CACHE_DIR"/debian/archives/*.deb
  if ! debian_apt apt-get install --download-only --yes "$@" >"$SCRATCH/apt" 2>&1; then
    DEBIAN_REASON=$(debian_reason)
    return 1
  fi
  DEBIAN_ARCHIVES=("$CACHE_DIR"/debian/archives/*.deb)
}

# extract_debian FOLDER ARCHIVE...: the packages' own scripts do not run.
extract_debian() {
  local folder=$1 archive
  shift
  mkdir -p "$folder"
  for archive in "$@"; do
    dpkg --extract "$archive" "$folder" || { DEBIAN_REASON="cannot unpack ${archive##*/}" && return 1; }
  done
}

# At the end of a build.
forget_debian() { rm -rf "$CACHE_DIR/debian"; }
