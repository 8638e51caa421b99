# nginx: sets WEB, the command that serves, and STOP, the signal that ends it when requests are answered.

prepare_nginx() {
  local server
  export HEROKU_PHP_NGINX_CONFIG_INCLUDE=${INCLUDE:-$FOLDER/nginx-include.conf}
  HEROKU_PHP_NGINX_CONFIG_INCLUDE=$(ready "$HEROKU_PHP_NGINX_CONFIG_INCLUDE" "nginx's server")
  server=$(ready "${WHOLE:-$FOLDER/nginx-server.conf.php}" nginx)
  # nginx does not read its environment: the main file is written here.
  cat >"$SCRATCH/nginx.conf" <<CONF
daemon off;
worker_processes 1;
worker_shutdown_timeout 20s;
pid $SCRATCH/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
include "$server";
CONF
  WEB_TEST=(nginx -e stderr -p "$SCRATCH" -c "$SCRATCH/nginx.conf" -t)
  WEB=(nginx -e stderr -p "$SCRATCH" -c "$SCRATCH/nginx.conf")
  STOP=SIGQUIT
}
