# What is built: the packages that the app names, else every main package of the module.

# Sets SPECS.
find_programs() {
  local listed
  FLAGS=(-tags heroku -trimpath)
  [[ $GO_VERSION =~ ^1\.1[0-7](\.|$) ]] || FLAGS+=(-buildvcs=false)
  [[ -z ${GO_LINKER_SYMBOL:-} ]] || FLAGS+=(-ldflags "-X ${GO_LINKER_SYMBOL}=${GO_LINKER_VALUE:-${SOURCE_VERSION:-}}")
  if [[ -f vendor/modules.txt && ${GOFLAGS} != *-mod=* ]]; then FLAGS+=(-mod=vendor); fi
  if [[ -n $PACKAGES ]]; then
    read -ra SPECS <<<"$PACKAGES"
    return
  fi
  listed=$(run_go list -find "${FLAGS[@]:0:2}" -f '{{if eq .Name "main"}}{{.ImportPath}}{{end}}' ./...) || explain
  mapfile -t SPECS < <(sed '/^$/d' <<<"$listed")
  [[ ${#SPECS[@]} != 0 ]] || fail "cannot find a program: no package of $MODULE is called main." \
    "Commit one, or name packages in go.mod: // +heroku install ./cmd/..."
}

install_programs() {
  local compiled=$GOCACHE/standard-library-$GO_VERSION
  heading "Building ${SPECS[*]}"
  line "\$ go install ${FLAGS[*]} ${SPECS[*]}"
  # The standard library's packages are compiled once for each Go, and there are hundreds of them: nobody is told of each.
  [[ -f $compiled ]] || line "Compiling the standard library, too: the next builds find it in the cache"
  { run_go install -v "${FLAGS[@]}" "${SPECS[@]}" | sed -u -E -e '/^(vendor\/.*|[a-z0-9_/-]*)$/d' | indent; } || explain
  mkdir -p "$GOCACHE"
  : >"$compiled"
}

# What go has to say goes to its standard output, and to a file for explain().
run_go() {
  local status=0
  if [[ $1 == list ]]; then
    go "$@" 2>"$CACHE_DIR/go-messages" || status=$?
    [[ $status == 0 ]] || indent <"$CACHE_DIR/go-messages" >&2
  else
    go "$@" 2>&1 | tee "$CACHE_DIR/go-messages" || status=$?
  fi
  return "$status"
}

says() { grep -qE "$1" "$CACHE_DIR/go-messages"; }

# Ends the build with what to do about the message that go has just given.
explain() {
  local again="push again; the running release stays as it is."
  if says 'checksum mismatch'; then
    fail "cannot use a module: its code is not what go.sum says (see above)." \
      "If go.sum was changed by hand, restore it, or delete its lines of that module and run go mod tidy; then commit and $again" \
      "If it was not, find out first who changed the published module."
  elif says 'inconsistent vendoring|cannot find module providing package .*: import lookup disabled by -mod=vendor|is explicitly required in go.mod, but not marked'; then
    fail "cannot build from vendor: it does not fit go.mod (see above)." "Run go mod vendor, commit vendor and $again"
  elif says 'malformed go.sum|invalid hash in go.sum'; then
    fail "cannot read go.sum: see above." "Run go mod tidy, commit go.sum and $again"
  elif says 'missing go.sum entry|updates to go.mod needed|no required module provides package|go: to add (it|missing)'; then
    fail "cannot build: go.mod or go.sum does not name a module that the code needs (see above)." "Run go mod tidy, commit go.mod and go.sum and $again"
  elif says 'requires go >= |invalid go version|unknown directive: (toolchain|godebug|tool|ignore)\b'; then
    fail "cannot build with Go $GO_VERSION: a newer one is needed (see above)." "Raise the go line of go.mod (or GOVERSION), commit and $again"
  elif says 'errors parsing go.mod'; then
    fail "cannot read go.mod: see above." "Mend go.mod, commit and $again"
  elif says '(dial tcp|i/o timeout|connection refused|no such host|TLS handshake timeout)'; then
    fail "cannot fetch a module: nobody answers at $(origin "${GOPROXY:-https://proxy.golang.org,direct}") (see above)." \
      "Push again later; set GOPROXY to a proxy that answers, or commit vendor (go mod vendor). Private modules need GOPRIVATE."
  elif says 'could not read Username|terminal prompts disabled|404 Not Found|410 Gone'; then
    fail "cannot fetch a module: it is not published, or private (see above)." \
      "A private one needs GOPRIVATE=HOST and GO_GIT_CRED__HTTPS__HOST=user:token as config vars; set them and push again."
  fi
  fail "cannot build: go failed, see above." "Mend what it names, commit and $again"
}
