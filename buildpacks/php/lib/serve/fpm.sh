# PHP-FPM: sets FPM, its command, and WEB_CONCURRENCY, the number of its workers.

prepare_fpm() {
  local program file config=$SCRATCH/php-fpm.conf
  for file in /usr/sbin/php-fpm*; do program=$file; done
  [[ -n ${program:-} ]] || give_up "cannot start: the stack has no php-fpm."
  SOCKET=/tmp/heroku.fcgi.$PORT.sock
  cat "$(ready "${FPM_WHOLE:-$FOLDER/php-fpm.conf}" PHP-FPM)" >"$config"
  if [[ -n $FPM_INCLUDE ]]; then
    HEROKU_PHP_FPM_CONFIG_INCLUDE=$(ready "$FPM_INCLUDE" "PHP-FPM's pool")
    export HEROKU_PHP_FPM_CONFIG_INCLUDE
    [[ -n $FPM_WHOLE ]] || printf 'include = %s\n' "$HEROKU_PHP_FPM_CONFIG_INCLUDE" >>"$config"
  fi
  FPM=("$program" --nodaemonize --fpm-config "$config")
  if [[ -n $INI ]]; then
    INI=$(ready "$INI" PHP)
    FPM+=(-c "$INI")
  fi
}

# By memory and processors as Heroku does, so that what PHP may take at most (memory_limit) fits into the dyno.
count_workers() {
  local limits=''
  if [[ -n ${WEB_CONCURRENCY:-} ]]; then
    [[ $WEB_CONCURRENCY =~ ^[1-9][0-9]{0,3}$ ]] || give_up "cannot start: WEB_CONCURRENCY is $WEB_CONCURRENCY, and should be a number from 1 on."
    tell "WEB_CONCURRENCY is $WEB_CONCURRENCY, a config var"
    export WEB_CONCURRENCY
    return
  fi
  export WEB_CONCURRENCY=1
  if [[ -n $FPM_INCLUDE$FPM_WHOLE ]]; then
    # What it shows of its configuration is a notice.
    { cat "$SCRATCH/php-fpm.conf" && printf '\n[global]\nerror_log = /dev/null\nlog_level = notice\n'; } >"$SCRATCH/shown.conf"
    limits=$("${FPM[0]}" "${FPM[@]:4}" -tt --fpm-config "$SCRATCH/shown.conf" 2>&1) || give_up "cannot start: PHP-FPM refuses its configuration:" "$limits"
  fi
  WEB_CONCURRENCY=$(php -c "${INI:-$(fpm_ini)}" "$FOLDER/workers.php" "$(memory)" "$(nproc)" "$DOCUMENT_ROOT" <<<"$limits") ||
    give_up "cannot start: the number of PHP's workers cannot be computed; set WEB_CONCURRENCY."
  tell "WEB_CONCURRENCY is $WEB_CONCURRENCY, computed for $(($(memory) / 1048576)) MB and $(nproc) processors"
}

fpm_ini() {
  local file
  for file in /etc/php/*/fpm/php.ini; do :; done
  printf %s "${file:-/etc/php/php.ini}"
}

# Bytes of the dyno; those of the usual size where nothing limits it.
memory() {
  local bytes
  bytes=$(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | head -n 1) || true
  [[ -z ${MEMORY_AVAILABLE:-} ]] || bytes=$((MEMORY_AVAILABLE * 1048576))
  case $bytes in
    '' | max | ????????????*) bytes=$((512 * 1048576)) ;;
  esac
  printf %s "$bytes"
}
