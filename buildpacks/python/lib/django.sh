# Django: static files are collected in the build, because a dyno's disk does not outlive it.

find_manage_py() { find . -maxdepth 3 -name manage.py -type f -not -path './.heroku/*' -printf '%d %P\n' | sort -n | head -n 1 | cut -d' ' -f2-; }

has_django() { compgen -G "$BUILD_DIR/.heroku/python/lib/python*/site-packages/django/__init__.py" >/dev/null; }

collect_static() {
  local manage
  has_django || return 0
  case ${DISABLE_COLLECTSTATIC:-0} in
    0 | false | False) ;;
    *) return 0 ;;
  esac
  manage=$(find_manage_py)
  [[ -n $manage ]] || return 0
  heading "Collecting static files"
  line "\$ python $manage collectstatic --noinput"
  python "$manage" collectstatic --noinput --traceback 2>&1 | sed '/^$/d' | indent || fail \
    "cannot collect static files: python $manage collectstatic --noinput failed, see above." \
    "Mend the settings (often STATIC_ROOT, or a config var that is not set yet), commit and push again;" \
    "or leave the step out: celadon config:set DISABLE_COLLECTSTATIC=1"
}
