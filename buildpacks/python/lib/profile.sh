# The environment of a dyno: sourced by bash before the app's own command.
export PATH="$HOME/.heroku/python/bin:$PATH"
export PYTHONPATH="${PYTHONPATH:-$HOME}"
export PYTHONUNBUFFERED="${PYTHONUNBUFFERED:-1}"
export PYTHONHASHSEED="${PYTHONHASHSEED:-random}"
export LANG="${LANG:-C.UTF-8}"

# Web workers by memory, one for each 256 MB: 2 in a dyno of 512 MB, 8 at most.
if [ -z "${WEB_CONCURRENCY:-}" ]; then
  megabytes=${MEMORY_AVAILABLE:-}
  if [ -z "$megabytes" ]; then
    bytes=$(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | head -n 1)
    case $bytes in
      "" | max | ????????????*) megabytes=512 ;;
      *) megabytes=$((bytes / 1048576)) ;;
    esac
    unset bytes
  fi
  WEB_CONCURRENCY=$((megabytes / 256))
  [ "$WEB_CONCURRENCY" -ge 2 ] || WEB_CONCURRENCY=2
  [ "$WEB_CONCURRENCY" -le 8 ] || WEB_CONCURRENCY=8
  export WEB_CONCURRENCY
  unset megabytes
fi
