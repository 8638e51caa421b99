# Apache: sets WEB, the command that serves, and STOP, the signal that ends it when requests are answered.

prepare_apache2() {
  export HEROKU_PHP_HTTPD_CONFIG_INCLUDE=${INCLUDE:-$FOLDER/apache2-include.conf}
  local server=${WHOLE:-$FOLDER/apache2-server.conf}
  HEROKU_PHP_HTTPD_CONFIG_INCLUDE=$(ready "$HEROKU_PHP_HTTPD_CONFIG_INCLUDE" "Apache's server")
  HEROKU_PHP_HTTPD_CONFIG=$(ready "$server" Apache)
  export HEROKU_PHP_HTTPD_CONFIG
  WEB_TEST=(apache2 -f "$FOLDER/apache2.conf" -t)
  WEB=(apache2 -f "$FOLDER/apache2.conf" -D FOREGROUND)
  STOP=SIGWINCH
}
