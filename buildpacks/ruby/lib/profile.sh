# The environment of a dyno: sourced by bash before the app's own command.
export BUNDLE_PATH=vendor/bundle BUNDLE_BIN=vendor/bundle/bin BUNDLE_DEPLOYMENT=1
export RACK_ENV="${RACK_ENV:-production}"
export LANG="${LANG:-C.UTF-8}"
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
export DISABLE_SPRING="${DISABLE_SPRING:-1}"
