# The environment of a dyno: sourced by bash before the app's own command.
export PATH="$HOME/.heroku/node/bin:$PATH:$HOME/bin:$HOME/node_modules/.bin"
export NODE_HOME="$HOME/.heroku/node"
export NODE_ENV="${NODE_ENV:-production}"
# node_modules is the build's: pnpm is not to install again before it runs a script.
export pnpm_config_verify_deps_before_run="${pnpm_config_verify_deps_before_run:-false}"
export pnpm_config_pm_on_fail="${pnpm_config_pm_on_fail:-ignore}"

# Web workers by memory, one for each WEB_MEMORY (512 MB; 2 GB in a dyno of more than 16 GB). cluster and pm2 read it.
if [ -z "${MEMORY_AVAILABLE:-}" ]; then
  MEMORY_AVAILABLE=$(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | head -n 1)
  case $MEMORY_AVAILABLE in
    "" | max | ????????????*) MEMORY_AVAILABLE=512 ;;
    *) MEMORY_AVAILABLE=$((MEMORY_AVAILABLE / 1048576)) ;;
  esac
fi
if [ -z "${WEB_MEMORY:-}" ]; then
  WEB_MEMORY=512
  [ "$MEMORY_AVAILABLE" -le 16384 ] || WEB_MEMORY=2048
fi
if [ -z "${WEB_CONCURRENCY:-}" ]; then
  WEB_CONCURRENCY=$((MEMORY_AVAILABLE / WEB_MEMORY))
  [ "$WEB_CONCURRENCY" -ge 1 ] || WEB_CONCURRENCY=1
fi
export MEMORY_AVAILABLE WEB_MEMORY WEB_CONCURRENCY
