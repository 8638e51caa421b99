# Which Go builds the app, and having it: in the app's cache, never in the slug unless that is asked for.

# Modules are the only way of naming dependencies that the go command still has.
require_module() {
  [[ ! -f go.mod ]] || return 0
  local file
  for file in Gopkg.lock Godeps/Godeps.json vendor/vendor.json glide.yaml; do
    [[ -f $file ]] || continue
    fail "cannot build from $file: the tool that wrote it is no longer supported; Go has modules instead." \
      "Run go mod init NAME (it takes the versions over), then go mod tidy; commit go.mod and go.sum and push again."
  done
  fail "cannot tell what to build: there is no go.mod." "Run go mod init NAME and go mod tidy, commit go.mod and go.sum and push again."
}

# Sets GOROOT, GO_VERSION, MODULE and PACKAGES.
choose_go() {
  local plan found url layer
  plan=$(own_python plan.py plan go.mod) || exit 1
  eval "$plan"
  [[ -n $MODULE ]] || fail "cannot read go.mod: it has no module line." "Give it one (go mod init NAME), commit and push again."
  drop_changed
  found=$(own_python find_go.py "$WANTED" "$SOURCE" "$CACHE_DIR") || exit 1
  read -r GO_VERSION url <<<"$found"
  if [[ -n $WANTED ]]; then
    heading "Using Go $GO_VERSION ($SOURCE says ${WANTED#go})"
  else
    heading "Using Go $GO_VERSION, the newest (name another in the go line of go.mod)"
  fi
  layer=$CACHE_DIR/layers/go/$GO_VERSION
  [[ -d $layer ]] || install_go "$url" "$layer"
  export GOROOT=$layer/tree
  export PATH=$GOROOT/bin:$BUILD_DIR/bin:$PATH
}

# A toolchain is used where it lies, in the cache: one that a build has changed is fetched anew.
drop_changed() {
  local layer
  for layer in "$CACHE_DIR"/layers/go/*; do
    [[ -f $layer/fingerprint && $(<"$layer/fingerprint") == "$(fingerprint "$layer/tree")" ]] || rm -rf "$layer"
  done
}

install_go() {
  line "Fetching it from $(origin "$1")"
  rm -rf "$CACHE_DIR/layers/go" "$GOCACHE"
  { own_python fetch_go.py "$GO_VERSION" "$1" "$2/tree" | indent; } || exit 1
  fingerprint "$2/tree" >"$2/fingerprint"
}

# An address without what may be secret in it.
origin() { sed -E -e 's|://[^/@,]*@|://|g' -e 's|/golang.org/toolchain/.*||' -e 's|/[^/]*\.tar\.gz$||' <<<"$1"; }

# As Heroku's: the go command in dynos too.
keep_tools() {
  [[ ${GO_INSTALL_TOOLS_IN_IMAGE:-} == true ]] || return 0
  heading "Keeping Go in the slug (GO_INSTALL_TOOLS_IN_IMAGE)"
  mkdir -p .heroku
  copy_tree "$GOROOT" "$BUILD_DIR/.heroku/go"
}

# As Heroku's: the sources of all modules in dynos too.
keep_modules() {
  [[ ${GO_SETUP_GOPATH_IN_IMAGE:-} == true || ${GO_SETUP_GOPATH_FOR_MODULE_CACHE:-} == true ]] || return 0
  heading "Keeping the modules in the slug (GO_SETUP_GOPATH_IN_IMAGE)"
  mkdir -p .heroku/gopath/pkg "$GOMODCACHE"
  copy_tree "$GOMODCACHE" "$BUILD_DIR/.heroku/gopath/pkg/mod"
  rm -rf .heroku/gopath/pkg/mod/cache/{download,vcs,lock}
}

# What no build of five days has used, Go drops from its own cache; beyond 1 GB a cache starts anew.
bound_cache() {
  local folder megabytes
  for folder in "$GOCACHE" "$GOMODCACHE"; do
    [[ -d $folder ]] || continue
    megabytes=$(du -sm "$folder" | cut -f1)
    ((megabytes < 1024)) || rm -rf "$folder"
  done
}
