# Poetry: a real one from the package index, in a layer of its own and out of the slug, installs what poetry.lock says.

# Poetry's own way of asking PyPI is a page for each release that mirrors do not have; this plugin has it ask the simple
# index, which all have.
POETRY_PLUGIN=poetry-plugin-pypi-mirror

# Prints what the app asks of Poetry's version, as pip writes it, and where it does so.
requested_poetry() {
  local asked
  if [[ -n ${POETRY_VERSION:-} ]]; then
    echo "==${POETRY_VERSION#v} POETRY_VERSION"
    return
  fi
  asked=$(own_python pyproject.py requires-poetry pyproject.toml poetry.lock) || exit 1
  if [[ -n $asked ]]; then
    echo "$asked pyproject.toml"
  # A lock is read by the Poetry of the series that has written it; the oldest ones do not name theirs.
  elif [[ $(head -n 1 poetry.lock) =~ generated\ by\ Poetry\ ([0-9]+)\. ]]; then
    echo "~=${BASH_REMATCH[1]}.0 poetry.lock"
  else
    echo "~=1.0 poetry.lock"
  fi
}

resolve() {
  "$UV" pip compile --quiet --no-config --no-deps --no-header --no-annotate --python /usr/bin/python3 "${@:2}" - <<<"$1" |
    sed -n 's/^poetry==//p'
}

# Sets POETRY_PROGRAM. What was chosen before stands when the index cannot be reached.
find_poetry() {
  local asked source version tree=$SCRATCH/poetry remembered=$CACHE_DIR/poetry-version
  [[ -z $POETRY_PROGRAM ]] || return 0
  asked=$(requested_poetry) || exit 1
  read -r asked source <<<"$asked"
  if ! version=$(resolve "poetry$asked" 2>"$SCRATCH/resolved") || [[ -z $version ]]; then
    [[ -f $remembered ]] && read -r _ version < <(grep -F -- "$asked " "$remembered") || refuse_poetry "$asked" "$source"
  fi
  POETRY_PROGRAM=$tree/bin/poetry
  if ! restore_layer poetry "$version" "$tree"; then
    heading "Fetching Poetry $version ($source asks for $(shown_range "$asked"))"
    fetch_poetry "$version" "$tree"
    save_layer poetry "$version" "$tree"
  fi
  echo "$asked $version" >"$remembered"
  export POETRY_CACHE_DIR=$CACHE_DIR/pypoetry POETRY_PYPI_MIRROR_URL=${POETRY_PYPI_MIRROR_URL:-${UV_DEFAULT_INDEX:-https://pypi.org/simple/}}
}

fetch_poetry() {
  local install=("$UV" pip install --quiet --no-config --python "$2/bin/python" "poetry==$1")
  "$UV" venv --quiet --no-project --no-config --relocatable --python /usr/bin/python3 "$2"
  "${install[@]}" "$POETRY_PLUGIN" 2>/dev/null || {
    warning "There is no $POETRY_PLUGIN for Poetry $1 yet: it asks pypi.org itself, whatever index is set."
    "${install[@]}" 2>&1 | indent || fail "cannot fetch Poetry $1: see above. Try again, or name another in POETRY_VERSION."
  }
}

shown_range() { sed -E -e 's/^==//' -e 's/^~=([0-9]+)\.0$/\1.x/' -e 's/,/, /g' <<<"$1"; }

# The nearest on either side of a version that there is not.
refuse_poetry() {
  local near=() bound newest
  grep -qE "No solution found|Couldn't parse requirement" "$SCRATCH/resolved" || {
    indent <"$SCRATCH/resolved" >&2
    fail "cannot ask the package index for Poetry: see above." "Push again when it can be reached, or name another in PIP_INDEX_URL."
  }
  bound=$(grep -oE '[0-9]+(\.[0-9]+)*' <<<"$1" | head -n 1) || bound=
  mapfile -t near < <(
    exec 2>/dev/null
    [[ -z $bound ]] || resolve "poetry<$bound" || true
    [[ -z $bound ]] || resolve "poetry>$bound" --resolution lowest || true
    resolve poetry || true
  )
  newest=$(printf '%s\n' "${near[@]}" | sort -uV | paste -sd ' ')
  fail "cannot use the Poetry that $2 asks for: there is no $(shown_range "$1")." \
    "Nearest that can be had: ${newest// /, }." "Change $2, commit and push again."
}

# The app's own package is no part of the layer: it is installed anew each time.
install_with_poetry() { poetry_install --only main --no-root; }

install_own_package() {
  [[ $(own_python pyproject.py package-mode pyproject.toml) == yes ]] || return 0
  find_poetry
  poetry_install --only-root 2>&1 | indent || fail "cannot install the app's own package: see above." \
    'An app that is no package says package-mode = false under [tool.poetry] in pyproject.toml; commit that and push again.'
}

# Poetry brings its own list of authorities; the stack's may have more. It names an index with the login that is in its URL.
poetry_install() {
  REQUESTS_CA_BUNDLE=${REQUESTS_CA_BUNDLE:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}} \
    "$POETRY_PROGRAM" install --compile --no-ansi --no-interaction "$@" 2>&1 |
    sed -uE -e '/^$/d' -e 's#[^[:space:]/@:]+:[^[:space:]/@]+@##g' | tee "$SCRATCH/poetry.log"
}

# Says what Poetry means, where that is known.
explain_poetry() {
  local log=$SCRATCH/poetry.log allowed
  [[ -f $log ]] || return 0
  allowed=$(sed -nE 's/.*is not allowed by the project \((.*)\)\..*/\1/p' "$log" | head -n 1)
  [[ -z $allowed ]] || fail "cannot install the packages of poetry.lock: pyproject.toml allows Python $allowed, and this is $PYTHON_VERSION." \
    "Name one that it allows in .python-version, or allow $PYTHON_VERSION and run poetry lock; commit and push again."
  ! grep -qE 'changed significantly since poetry.lock|poetry.lock is not up to date' "$log" ||
    fail "cannot install the packages of poetry.lock: pyproject.toml has changed since it was made." \
      "Run poetry lock, commit poetry.lock and push again."
  ! grep -qE 'Unable to read the lock file|lock file (is not compatible|does not have)' "$log" ||
    fail "cannot read poetry.lock: see above." "Run poetry lock, commit poetry.lock and push again."
}
