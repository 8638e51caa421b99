# The files that every request begins with. One that PHP cannot read would be released, and fail at the first request.

check_entry() {
  local root file
  root=$(document_root)
  for file in ${root:+"$root/index.php"} "${AUTOLOADED[@]}"; do
    [[ ! -f $file ]] || check_file "${file#./}"
  done
}

# The folder that the web process serves; nothing when another program does, or when only its shell knows which folder.
document_root() {
  local command='' word
  [[ ! -f Procfile ]] || command=$(sed -nE 's/\r$//; s/^web[[:space:]]*:[[:space:]]*//p' Procfile | head -n 1)
  [[ -n $command ]] || { echo .; return; }
  [[ ! $command =~ [][\$\`\'\"\&\|\;\<\>\(\)*?] ]] || return 0
  [[ " ${command// //}" =~ [\ /]heroku-php-(apache2|nginx)(/|$) ]] || return 0
  read -ra word <<<"$command"
  word=${word[-1]%/}
  if [[ -d ${word:-.} ]]; then echo "${word:-.}"; else echo .; fi
}

# Whether <? begins code is a setting, which the app may change: what cannot be read either way is wrong.
check_file() {
  local why
  why=$(php_error 0 "$1")
  [[ -n $why && -n $(php_error 1 "$1") ]] || return 0
  fail "cannot run $1: $why." "Mend it (php -l $1 checks it), commit and push again; the running release stays as it is."
}

# What PHP says of a file that it cannot compile. Nothing of the file is run.
php_error() {
  { php -n -d display_errors=1 -d log_errors=0 -d html_errors=0 -d "short_open_tag=$1" -l "./$2" 2>&1 </dev/null || true; } |
    sed -nE 's/^(Parse|Fatal) error: +(.*) in .* on line ([0-9]+)$/\2 on line \3/p' | sed 's#\./##g' | head -n 1
}
