# Which Python an app gets: what it asks for, the stack's own where that will do, else one that uv can fetch.

# Prints the version an app asks for and the file that says so; nothing when it leaves the choice to us.
requested_python() {
  local file
  for file in .python-version runtime.txt; do
    [[ -f $file ]] || continue
    sed -e 's/#.*//' -e 's/\r$//' -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$file" | head -n 1 |
      sed -e 's/^python-//' -e 's/^cpython-//' -e 's/^cpython@//' -e "s|\$| $file|"
    return
  done
  [[ $INSTALLER != pipenv ]] || own_python pipfile.py python Pipfile.lock
}

# Sets PYTHON_VERSION and PYTHON (the interpreter that the virtual environment is made of).
choose_python() {
  local asked wanted='' source=''
  asked=$(requested_python) || exit 1
  read -r wanted source <<<"$asked" || true
  # What stands between them has blanks, and is no version either.
  source=${source##* }
  PYTHON=$(readlink -f /usr/bin/python3)
  PYTHON_VERSION=$(/usr/bin/python3 -V)
  PYTHON_VERSION=${PYTHON_VERSION#Python }
  case $wanted in
    "")
      heading "Using Python $PYTHON_VERSION, the stack's own (name another in .python-version)"
      return ;;
    3 | "${PYTHON_VERSION%.*}" | "${PYTHON_VERSION%.*}.x" | "${PYTHON_VERSION%.*}.*" | "$PYTHON_VERSION")
      heading "Using Python $PYTHON_VERSION, the stack's own ($source asks for $wanted)"
      return ;;
  esac
  fetch_python "$wanted" "$source"
}

# A Python that is not the stack's travels in the slug, in .heroku/cpython; the cache keeps the last one.
fetch_python() {
  local found url
  found=$(RES_OPTIONS="timeout:1 attempts:1" own_python find_python.py --uv "$UV" "--wanted=$1" --source "$2" \
    --stack "$PYTHON_VERSION" --cached "$CACHE_DIR/layers/cpython") || exit 1
  read -r PYTHON_VERSION url <<<"$found"
  heading "Using Python $PYTHON_VERSION ($2 asks for $1)"
  if ! restore_layer cpython "$PYTHON_VERSION" "$BUILD_DIR/.heroku/cpython"; then
    line "Fetching it from $(shown "${url%/*/*}")"
    install_python
    save_layer cpython "$PYTHON_VERSION" "$BUILD_DIR/.heroku/cpython"
  fi
  link_app cpython
  PYTHON=/app/.heroku/cpython/bin/python3
}

install_python() {
  local unpacked=$BUILD_DIR/.heroku/unpacked
  UV_PYTHON_DOWNLOADS=manual UV_HTTP_RETRIES=1 timeout 300 "$UV" python install --quiet --no-bin --no-config \
    --install-dir "$unpacked" "$PYTHON_VERSION" 2>&1 | indent ||
    fail "cannot fetch Python $PYTHON_VERSION: see above. Try again, or ask for another version in .python-version."
  mv "$unpacked"/cpython-"$PYTHON_VERSION"-* "$BUILD_DIR/.heroku/cpython"
  rm -rf "$unpacked"
}
