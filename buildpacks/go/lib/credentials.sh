#!/usr/bin/env bash
# A credential helper of git (gitcredentials(7)): a host's user and password from GO_GIT_CRED__HTTPS__GITHUB__COM, which
# holds `user:password` or a token.
[[ ${1:-} == get ]] || exit 0
protocol='' host=''
while IFS='=' read -r key value; do
  case $key in
    protocol) protocol=${value^^} ;;
    host) host=${value^^} ;;
  esac
done
name=GO_GIT_CRED__${protocol}__${host//./__}
[[ $name =~ ^[A-Z0-9_]+$ && -n ${!name:-} ]] || exit 0
printf 'username=%s\npassword=%s\n' "${!name%%:*}" "${!name#*:}"
