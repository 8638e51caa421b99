# What every compile script needs: headings, indented lines, warnings, URLs without logins, config vars, hooks, scripts of its own.
# Every buildpack here carries its own copy of this file, because each must work alone, from its own repository.

heading() { printf -- '-----> %s\n' "$*"; }

line() { printf '       %s\n' "$*"; }

# Indents what it reads, line by line as it comes.
indent() { sed -u 's/^/       /'; }

warning() { printf ' !     %s\n' "$@"; }

# shown URL: without the login that may be in it; a password may have an @ too.
shown() { sed -E 's|://[^/[:space:]]*@|://|g' <<<"$1"; }

fail() {
  printf ' !     %s\n' "$@" >&2
  exit 1
}

# Config vars reach a build as files in ENV_DIR. Those that steer the build's own programs stay out.
import_config() {
  local file name value
  for file in "$1"/*; do
    name=${file##*/}
    [[ -f $file && $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || continue
    case $name in
      PATH | HOME | PWD | OLDPWD | SHELL* | BASH* | UID | EUID | PPID | IFS | ENV | LD_* | GIT_* | CPATH | CPPATH) continue ;;
      LIBRARY_PATH | PYTHONHOME | PYTHONPATH | VIRTUAL_ENV | STACK | TMPDIR | BUILDPACK_DIR | BUILD_DIR | CACHE_DIR | ENV_DIR) continue ;;
    esac
    IFS= read -r -d '' value <"$file" || true
    export "$name=$value"
  done
}

# An app's own scripts around the build, bin/pre_compile and bin/post_compile.
run_hook() {
  [[ -f bin/$1 ]] || return 0
  heading "Running bin/$1"
  chmod +x "bin/$1"
  "bin/$1" 2>&1 | indent || fail "cannot finish the build: bin/$1 failed."
}

# Later buildpacks source this file. The folder is read-only where a buildpack is not copied for each build.
write_export() {
  [[ -w $BUILDPACK_DIR ]] || return 0
  printf '%s\n' "$@" >"$BUILDPACK_DIR/export"
}

# Runs a script of this buildpack on the stack's Python, away from any Python that the app has.
own_python() {
  local script=$1
  shift
  /usr/bin/python3 -ESs -X "pycache_prefix=$CACHE_DIR/pycache" "$BUILDPACK_DIR/lib/$script" "$@"
}
