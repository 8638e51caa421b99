# What an app depends on, and how that is installed into .heroku/python, a virtual environment.

# Sets INSTALLER, by the first of the files that an app has, and LOCK, what the layer is keyed by.
choose_installer() {
  if [[ -f uv.lock && -f pyproject.toml ]]; then
    INSTALLER=uv LOCK=(uv.lock pyproject.toml)
  elif [[ -f Pipfile.lock ]]; then
    INSTALLER=pipenv LOCK=(Pipfile.lock)
  elif [[ -f requirements.txt ]]; then
    INSTALLER=requirements
    mapfile -t LOCK < <(requirement_files requirements.txt)
  elif [[ -f poetry.lock ]]; then
    fail "cannot install the packages of poetry.lock: Poetry is not known here." \
      "Run uv lock and commit uv.lock, or poetry export --output requirements.txt and commit that."
  elif grep -qs '^\[project\]' pyproject.toml; then
    INSTALLER=pyproject LOCK=(pyproject.toml)
    warning "pyproject.toml has no uv.lock beside it: each install may pick other versions. Run uv lock and commit uv.lock."
  elif [[ -f setup.py ]]; then
    INSTALLER=setup LOCK=(setup.py)
  elif [[ -f Pipfile ]]; then
    fail "cannot install the packages of Pipfile: there is no Pipfile.lock." "Run pipenv lock, commit Pipfile.lock and push again."
  else
    fail "cannot tell what to install: there is no requirements.txt and no pyproject.toml with a [project] table." \
      "Commit one of them (an empty requirements.txt will do) and push again."
  fi
}

# A requirements file and all files it names with -r or -c.
requirement_files() {
  local file=$1 included
  [[ -f $file ]] || return 0
  printf '%s\n' "$file"
  while read -r included; do
    requirement_files "$(dirname "$file")/$included"
  done < <(sed -nE 's/^[[:space:]]*(-r|-c|--requirement|--constraint)[[:space:]=]+([^[:space:]#]+).*/\2/p' "$file")
}

# Whether what is installed holds code of the app itself, which no lock file's hash can stand for.
installs_own_code() {
  case $INSTALLER in
    setup) return 0 ;;
    pipenv) grep -qE '"(path|file)":' Pipfile.lock ;;
    uv | pyproject) grep -qE '^\[build-system\]|^package *= *true|\bpath *= *"|\bworkspace\b' pyproject.toml ;;
    requirements) grep -qE '^[[:space:]]*(-e|--editable|\.|/)|file:' "${LOCK[@]}" ;;
  esac
}

# A few apps' hooks call pip; nobody else pays for it.
wants_pip() { [[ -f bin/pre_compile || -f bin/post_compile ]]; }

install_packages() {
  local key tree=$BUILD_DIR/.heroku/python
  choose_installer
  key=$(cat "${LOCK[@]}" | layer_key 1 "${STACK:-}" "$PYTHON_VERSION" "$INSTALLER" "$(wants_pip && echo pip)")
  link_app python
  if ! installs_own_code; then
    if restore_layer python "$key" "$tree"; then
      heading "Using the packages of ${LOCK[0]} from the cache"
      return
    fi
  fi
  heading "Installing the packages of ${LOCK[0]} with uv"
  new_environment "$tree"
  "install_with_$INSTALLER" 2>&1 | indent || fail_install
  move_to_app "$tree"
  installs_own_code || save_layer python "$key" "$tree"
  bound_cache
}

new_environment() {
  rm -rf "$1"
  mkdir -p "$1"
  "$UV" venv --quiet --no-project --no-config --allow-existing --python "$PYTHON" /app/.heroku/python
  ! wants_pip || UV_COMPILE_BYTECODE=0 "$UV" pip install --quiet pip
}

install_with_requirements() { "$UV" pip install --requirements requirements.txt; }

install_with_pyproject() {
  if installs_own_code; then "$UV" pip install --editable .; else "$UV" pip install --requirements pyproject.toml; fi
}

install_with_setup() { "$UV" pip install --editable .; }

install_with_pipenv() {
  own_python pipfile.py requirements Pipfile.lock >"$SCRATCH/requirements.txt" &&
    "$UV" pip install --requirements "$SCRATCH/requirements.txt"
}

# A lock names the index that it was made with. Where a mirror stands in, its hashes still hold and its addresses do not.
install_with_uv() {
  local own=(--no-emit-project)
  if [[ -z ${UV_DEFAULT_INDEX:-} ]]; then
    "$UV" sync --locked --no-default-groups
    return
  fi
  ! installs_own_code || own=()
  cp uv.lock "$SCRATCH/uv.lock"
  sed -i "s|registry = \"https://pypi.org/simple/*\"|registry = \"$UV_DEFAULT_INDEX\"|" uv.lock
  "$UV" export --quiet --locked --offline --no-default-groups "${own[@]}" --output-file "$SCRATCH/requirements.txt" ||
    { echo "uv.lock does not fit pyproject.toml: run uv lock and commit uv.lock." && return 1; }
  cp "$SCRATCH/uv.lock" uv.lock
  "$UV" pip install --requirements "$SCRATCH/requirements.txt"
}

fail_install() {
  fail "cannot install the packages of ${LOCK[0]}: see above." "Mend ${LOCK[0]}, commit and push again; the running release stays as it is."
}

# Editable installs note where the source is: here, but in a dyno it is /app.
move_to_app() {
  local packages
  [[ $BUILD_DIR != /app ]] && installs_own_code || return 0
  for packages in "$1"/lib/python*/site-packages; do
    find "$packages" -maxdepth 2 \
      \( -name '*.pth' -o -name '*.egg-link' -o -name '__editable__*.py' -o -name direct_url.json \) \
      -exec sed -i "s|$BUILD_DIR|/app|g" {} +
    rm -f "$packages"/__pycache__/__editable__*
  done
}

# The tool's own cache saves downloads when the lock changes; beyond 1 GB it starts anew.
bound_cache() {
  local megabytes
  megabytes=$(du -sm "$UV_CACHE_DIR" | cut -f1)
  ((megabytes < 1024)) || rm -rf "$UV_CACHE_DIR"
}
