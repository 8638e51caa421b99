# What an app depends on, and how that is installed into .heroku/python, a virtual environment.

# One tool installs an app's packages: files of several would have some changes take no effect.
refuse_several() {
  local file found=()
  for file in uv.lock Pipfile.lock Pipfile requirements.txt poetry.lock; do
    [[ -f $file ]] || continue
    [[ $file != Pipfile || ! -f Pipfile.lock ]] || continue
    [[ $file != uv.lock || -f pyproject.toml ]] || continue
    found+=("$file")
  done
  ((${#found[@]} > 1)) || return 0
  fail "cannot tell which tool installs the packages: there are files of several, ${found[*]}." \
    "Decide on one, remove the files of the others (git rm), commit and push again."
}

# Sets INSTALLER, by the first of the files that an app has, and LOCK, what the layer is keyed by.
choose_installer() {
  POETRY_PROGRAM=
  refuse_several
  if [[ -f uv.lock && -f pyproject.toml ]]; then
    INSTALLER=uv LOCK=(uv.lock pyproject.toml)
  elif [[ -f Pipfile.lock ]]; then
    INSTALLER=pipenv LOCK=(Pipfile.lock)
  elif [[ -f requirements.txt ]]; then
    INSTALLER=requirements
    mapfile -t LOCK < <(requirement_files requirements.txt)
  elif [[ -f poetry.lock ]]; then
    [[ -f pyproject.toml ]] || fail "cannot install the packages of poetry.lock: there is no pyproject.toml beside it." "Commit it and push again."
    INSTALLER=poetry LOCK=(poetry.lock pyproject.toml)
  elif [[ -f Pipfile ]]; then
    fail "cannot install the packages of Pipfile: there is no Pipfile.lock." "Run pipenv lock, commit Pipfile.lock and push again."
  elif grep -qsE '^\[tool\.poetry\b|"poetry\.core\.' pyproject.toml; then
    fail "cannot install the packages of pyproject.toml: there is no poetry.lock." "Run poetry lock, commit poetry.lock and push again."
  elif grep -qs '^\[project\]' pyproject.toml; then
    INSTALLER=pyproject LOCK=(pyproject.toml)
    warning "pyproject.toml has no uv.lock beside it: each install may pick other versions. Run uv lock and commit uv.lock."
  elif [[ -f setup.py ]]; then
    INSTALLER=setup LOCK=(setup.py)
  else
    fail "cannot tell what to install: there is no requirements.txt and no pyproject.toml with a [project] table." \
      "Commit one of them (an empty requirements.txt will do) and push again."
  fi
}

# A requirements file and all files it names with -r or -c, each once: one may name another that names it.
requirement_files() {
  local files=("$1") file next=0 included
  local -A known=(["$1"]=yes)
  while ((next < ${#files[@]})); do
    file=${files[next]}
    next=$((next + 1))
    [[ -f $file ]] || continue
    printf '%s\n' "$file"
    while read -r included; do
      included=$(realpath --canonicalize-missing --relative-to=. -- "$(dirname -- "$file")/$included")
      [[ -n ${known[$included]:-} ]] || files+=("$included")
      known[$included]=yes
    done < <(sed -nE 's/^[[:space:]]*(-r|-c|--requirement|--constraint)[[:space:]=]+([^[:space:]#]+).*/\2/p' -- "$file")
  done
}

# Whether what is installed holds code of the app itself, which no lock file's hash can stand for.
installs_own_code() {
  case $INSTALLER in
    setup) return 0 ;;
    pipenv) grep -qE '"(path|file)":' Pipfile.lock ;;
    poetry) grep -qE '\bpath *= *"|\bfile://' pyproject.toml ;;
    uv | pyproject) grep -qE '^\[build-system\]|^package *= *true|\bpath *= *"|\bworkspace\b' pyproject.toml ;;
    requirements) grep -qE '^[[:space:]]*(-e|--editable|\.|/)|file:' "${LOCK[@]}" ;;
  esac
}

# A few apps' hooks call pip; nobody else pays for it.
wants_pip() { [[ -f bin/pre_compile || -f bin/post_compile ]]; }

install_packages() {
  local key tree=$BUILD_DIR/.heroku/python
  [[ $INSTALLER != pipenv || ! -f Pipfile ]] || own_python pipfile.py fresh Pipfile Pipfile.lock || exit 1
  key=$(cat "${LOCK[@]}" | layer_key 1 "${STACK:-}" "$PYTHON_VERSION" "$INSTALLER" "$(wants_pip && echo pip)")
  link_app python
  if ! installs_own_code; then
    if restore_layer python "$key" "$tree"; then
      heading "Using the packages of ${LOCK[0]} from the cache"
      finish_install "$tree"
      return
    fi
  fi
  [[ $INSTALLER != poetry ]] || find_poetry
  heading "Installing the packages of ${LOCK[0]} with $(installing_program)"
  new_environment "$tree"
  "install_with_$INSTALLER" 2>&1 | tee "$SCRATCH/install.log" | indent || fail_install
  installs_own_code || save_layer python "$key" "$tree"
  finish_install "$tree"
  bound_cache
}

installing_program() { if [[ $INSTALLER == poetry ]]; then "$POETRY_PROGRAM" --version --no-ansi; else echo uv; fi; }

# What is the app's own comes after the layer.
finish_install() {
  if [[ $INSTALLER == poetry ]]; then
    install_own_package
    # A hook may call it, as it may call pip.
    ! wants_pip || { find_poetry && mkdir -p "$SCRATCH/bin" && ln -sfn "$POETRY_PROGRAM" "$SCRATCH/bin/poetry" && PATH=$PATH:$SCRATCH/bin; }
  fi
  move_to_app "$1"
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
  local options
  own_python pipfile.py requirements Pipfile.lock >"$SCRATCH/requirements.txt" || return
  own_python pipfile.py options Pipfile.lock >"$SCRATCH/options" || return
  mapfile -t options <"$SCRATCH/options"
  "$UV" pip install --requirements "$SCRATCH/requirements.txt" "${options[@]}"
}

# A lock names the index that it was made with. Where a mirror stands in, its hashes still hold and its addresses do not.
install_with_uv() {
  local own=(--no-emit-project) index
  if [[ -z ${UV_DEFAULT_INDEX:-} ]]; then
    "$UV" sync --locked --no-default-groups
    return
  fi
  ! installs_own_code || own=()
  cp uv.lock "$SCRATCH/uv.lock"
  index=$(sed 's/[&|\]/\\&/g' <<<"$UV_DEFAULT_INDEX")
  sed -i "s|registry = \"https://pypi.org/simple/*\"|registry = \"$index\"|" uv.lock
  "$UV" export --quiet --locked --offline --no-default-groups "${own[@]}" --output-file "$SCRATCH/requirements.txt" ||
    { echo "uv.lock does not fit pyproject.toml: run uv lock and commit uv.lock." && return 1; }
  cp "$SCRATCH/uv.lock" uv.lock
  "$UV" pip install --requirements "$SCRATCH/requirements.txt"
}

fail_install() {
  [[ $INSTALLER != poetry ]] || explain_poetry
  local said mend="Mend ${LOCK[0]}, commit"
  # Nobody writes a lock file by hand.
  case ${LOCK[0]} in
    poetry.lock) mend="Mend pyproject.toml, run poetry lock, commit both" ;;
    uv.lock) mend="Mend pyproject.toml, run uv lock, commit both" ;;
    Pipfile.lock) mend="Mend Pipfile, run pipenv lock, commit both" ;;
  esac
  mapfile -t said < <(own_python explain.py "$SCRATCH/install.log" "${LOCK[0]}")
  fail "cannot install the packages of ${LOCK[0]}: ${said[0]:-see above}." \
    "${said[1]:-$mend and push again; the running release stays as it is.}"
}

# Editable installs note where the source is: here, but in a dyno it is /app.
move_to_app() {
  local packages
  [[ $BUILD_DIR != /app ]] || return 0
  [[ $INSTALLER == poetry ]] || installs_own_code || return 0
  for packages in "$1"/lib/python*/site-packages; do
    find "$packages" -maxdepth 2 \
      \( -name '*.pth' -o -name '*.egg-link' -o -name '__editable__*.py' -o -name direct_url.json \) \
      -exec sed -i "s|$BUILD_DIR|/app|g" {} +
    rm -f "$packages"/__pycache__/__editable__*
  done
}

# The tools' own caches save downloads when the lock changes; beyond 1 GB they start anew.
bound_cache() {
  local folder megabytes
  for folder in "$UV_CACHE_DIR" "$CACHE_DIR/pypoetry"; do
    [[ -d $folder ]] || continue
    megabytes=$(du -sm "$folder" | cut -f1)
    ((megabytes < 1024)) || rm -rf "$folder"
  done
}
