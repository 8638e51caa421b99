# Logs, and the processes: all of them end when one does.

# Servers write their logs to files by name. Those files are one pipe, so that nothing piles up on the dyno's disk.
open_log() {
  local name
  LOG=$SCRATCH/log
  mkfifo "$LOG"
  for name in "php-fpm.$PORT.log" "php-fpm.www.$PORT.log" "${SERVER}_error.$PORT.log" "${SERVER}_access.$PORT.log"; do
    ln -sf "$LOG" "/tmp/heroku.$name"
  done
  # SIGTERM reaches all processes of a dyno, and what the servers say last is to be read.
  (trap '' TERM INT && exec cat "$LOG" >&2) &
  READER=$!
  # Held open: without a writer the reader would end.
  exec 9>"$LOG"
}

serve() {
  local ended=0
  trap stop TERM INT
  if ((${#FILES[@]})); then tail --quiet --follow=name --retry --lines=0 "${FILES[@]}" >&9 2>/dev/null & fi
  rm -f "$SOCKET"
  # In sessions of their own: what is typed at a terminal is for this script, and whoever is left over can be found.
  setsid "${FPM[@]}" 9>&- 2>"$LOG" &
  FPM_PID=$!
  wait_for_fpm
  setsid "${WEB[@]}" 9>&- &
  WEB_PID=$!
  wait -n "$FPM_PID" "$WEB_PID" || ended=$?
  if kill -0 "$FPM_PID" 2>/dev/null; then say "$SERVER has ended (status $ended)"; else say "PHP-FPM has ended (status $ended)"; fi
  end_all
  exit 1
}

# The web server must not be asked for pages before PHP can be.
wait_for_fpm() {
  local deadline=$((SECONDS + 20))
  until [[ -S $SOCKET ]]; do
    kill -0 "$FPM_PID" 2>/dev/null || { end_all && give_up "cannot start: PHP-FPM has ended, see above."; }
    ((SECONDS < deadline)) || { end_all && give_up "cannot start: PHP-FPM does not listen on $SOCKET, where $SERVER looks for it (-f)."; }
    sleep 0.02
  done
}

stop() {
  trap '' TERM INT
  say "Stopping: requests that are being answered are finished first"
  end_all
  trap - TERM
  kill -TERM $$
}

# First who takes requests, then who answers them, then who reads what both had to say.
end_all() {
  [[ -z ${WEB_PID:-} ]] || end "$STOP" "$WEB_PID"
  end QUIT "$FPM_PID"
  exec 9>&-
  kill $(jobs -p | grep -vx "$READER") 2>/dev/null || true
  wait "$READER" 2>/dev/null || true
  rm -rf "$SCRATCH"
}

end() {
  kill "-$1" "$2" 2>/dev/null || true
  wait "$2" 2>/dev/null || true
  # Workers outlive a master that was killed.
  kill -KILL -- "-$2" 2>/dev/null || true
}
