# JVMs do not read the usual variables of a proxy: they get them as properties, Maven in a settings file.

# Sets JVM_PROXY, the properties; the variables are http_proxy, https_proxy, no_proxy, in either case.
set_proxies() {
  local scheme url direct=${no_proxy:-${NO_PROXY:-}}
  JVM_PROXY=''
  for scheme in http https; do
    url=$(proxy_of "$scheme")
    [[ $url =~ ^[a-z]+://(.*@)?([^:/@]+)(:([0-9]+))?/?$ ]] || continue
    JVM_PROXY+=" -D$scheme.proxyHost=${BASH_REMATCH[2]} -D$scheme.proxyPort=${BASH_REMATCH[4]:-80}"
  done
  [[ -z $JVM_PROXY || -z $direct ]] || JVM_PROXY+=" -Dhttp.nonProxyHosts=$(sed -E 's/[[:space:]]//g; s/(^|,)\./\1*./g; s/,/|/g' <<<"$direct")"
}

proxy_of() {
  local upper=${1^^}_PROXY lower=$1_proxy
  echo "${!lower:-${!upper:-}}"
}
