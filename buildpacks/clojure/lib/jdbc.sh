# Database URLs as JDBC wants them: sourced by bash before the app's own command, as often as one likes.

# jdbc_url NAME PREFIX: of the URL in the variable NAME, PREFIX_URL, PREFIX_USERNAME and PREFIX_PASSWORD.
jdbc_url() {
  local url=${!1} kind options=''
  [[ $url =~ ^([a-z0-9]+)://(([^:/@]*)(:([^/@]*))?@)?([^/?@]+)(/[^?]*)?(\?(.*))?$ ]] || return 0
  local user=${BASH_REMATCH[3]} password=${BASH_REMATCH[5]} at=${BASH_REMATCH[6]}${BASH_REMATCH[7]} asked=${BASH_REMATCH[9]}
  case ${BASH_REMATCH[1]} in
    postgres | postgresql)
      kind=postgresql
      [[ $asked == *sslmode=* ]] || options="&sslmode=require"
      ;;
    mysql | mysql2) kind=mysql ;;
    mariadb) kind=mariadb ;;
    *) return 0 ;;
  esac
  export "$2_URL=jdbc:$kind://$at?user=$user&password=$password$options${asked:+&$asked}"
  export "$2_USERNAME=$(jdbc_decode "$user")" "$2_PASSWORD=$(jdbc_decode "$password")"
}

jdbc_decode() {
  local text=${1//\\/\\\\}
  printf '%b' "${text//%/\\x}"
}

jdbc_urls() {
  local name
  for name in $(compgen -e | grep -E '^HEROKU_POSTGRESQL_[A-Z_]+_URL$'); do
    [[ $name == *_JDBC_URL ]] || jdbc_url "$name" "${name%_URL}_JDBC"
  done
  for name in DATABASE_URL CLEARDB_DATABASE_URL JAWSDB_URL JAWSDB_MARIA_URL; do
    if [[ -n ${!name:-} && -z ${JDBC_DATABASE_URL:-} ]]; then jdbc_url "$name" JDBC_DATABASE; fi
  done
  if [[ -n ${JDBC_DATABASE_URL:-} && -z ${SPRING_DATASOURCE_URL:-} && ${DISABLE_SPRING_DATASOURCE_URL:-} != true ]]; then
    export "SPRING_DATASOURCE_URL=$JDBC_DATABASE_URL"
    export "SPRING_DATASOURCE_USERNAME=${SPRING_DATASOURCE_USERNAME:-${JDBC_DATABASE_USERNAME:-}}"
    export "SPRING_DATASOURCE_PASSWORD=${SPRING_DATASOURCE_PASSWORD:-${JDBC_DATABASE_PASSWORD:-}}"
  fi
}

[[ ${DISABLE_JDBC:-} == true ]] || jdbc_urls
unset -f jdbc_url jdbc_decode jdbc_urls
