# A layer is a folder of installed files, kept in the cache under the hash of all that it was made from, so that a push
# that changes only code installs nothing.
# The build and the cache share a layer's files by hard links (copies, where links cannot be made). A build that changes
# such a file in place changes the cached one too: therefore a layer carries a fingerprint of its files and is dropped
# when it no longer matches.

# layer_key WORD...: reads what the layer is made from, prints its key.
layer_key() {
  { printf '%s\n' "$@" && cat; } | sha256sum | cut -c1-32
}

fingerprint() {
  (cd "$1" && find . -printf '%P %y %m %s %T@ %l\n') | sha256sum
}

copy_tree() {
  local file how=-a
  mkdir -p "${2%/*}"
  rm -rf "$2" "$2.probe"
  file=$(find "$1" -type f -print -quit)
  if [[ -n $file ]] && ln "$file" "$2.probe" 2>/dev/null; then
    how=-al
    rm "$2.probe"
  fi
  cp "$how" "$1" "$2"
}

# Gives the build files of its own in place of those it shares with a layer: for what tools are known to rewrite.
unshare_files() {
  local path
  for path in "$@"; do
    [[ -e $path ]] || continue
    cp -a "$path" "$path.own"
    rm -rf "$path"
    mv "$path.own" "$path"
  done
}

# restore_layer NAME KEY FOLDER: succeeds when the cache had it.
restore_layer() {
  local layer=$CACHE_DIR/layers/$1/$2
  [[ -f $layer/fingerprint ]] || return 1
  [[ $(<"$layer/fingerprint") == "$(fingerprint "$layer/tree")" ]] || return 1
  copy_tree "$layer/tree" "$3" && return
  rm -rf "$3"
  return 1
}

# save_layer NAME KEY FOLDER: one layer of a name is kept, and it appears whole or not at all.
save_layer() {
  local layers=$CACHE_DIR/layers/$1
  rm -rf "$layers"
  copy_tree "$3" "$layers/unfinished/tree"
  fingerprint "$layers/unfinished/tree" >"$layers/unfinished/fingerprint"
  mv "$layers/unfinished" "$layers/$2"
}
