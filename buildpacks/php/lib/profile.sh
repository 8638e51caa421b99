# The environment of a dyno: sourced by bash before the app's own command.
# An empty part stands for the folder that PHP reads anyway; the app's own folders come last, and win.
export PHP_INI_SCAN_DIR=":$HOME/.heroku/php/conf.d${PHP_INI_SCAN_DIR:+:${PHP_INI_SCAN_DIR#:}}"
export LANG="${LANG:-C.UTF-8}"
