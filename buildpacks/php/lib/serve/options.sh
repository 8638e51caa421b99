# The command line, and how to say something.

say() { printf '%s\n' "$*" >&2; }

tell() { [[ -z $VERBOSE ]] || say "$@"; }

give_up() {
  say "$@"
  exit 1
}

usage() {
  cat <<TEXT
heroku-php-$SERVER [options] [DOCUMENT_ROOT]

PHP-FPM, and $SERVER in front of it. DOCUMENT_ROOT, the last word, is a folder of the app; without it the app's own is served.

  -C FILE   configuration of $SERVER for the app's server, beside what is there anyway
  -c FILE   configuration of $SERVER in place of the app's server
  -F FILE   configuration of PHP-FPM for the pool www, beside what is there anyway
  -f FILE   configuration of PHP-FPM in place of what is there
  -i FILE   php.ini of PHP-FPM
  -l FILE   a file whose lines go to the app's log; may be given several times, and with wildcards in quotes
  -p PORT   instead of the variable PORT
  -t        check the configuration, serve nothing
  -v        say more
  -h        this

Files are named from the app's folder. One whose name ends in .php is run, and what it prints is used.
TEXT
}

# Sets and exports what the configuration files read: HEROKU_APP_DIR, DOCUMENT_ROOT, PORT.
read_options() {
  local option
  export HEROKU_APP_DIR=$PWD PORT=${PORT:-5000}
  VERBOSE='' TEST='' INCLUDE='' WHOLE='' FPM_INCLUDE='' FPM_WHOLE='' INI='' FILES=()
  while getopts ':C:c:F:f:i:l:p:vth-:' option; do
    case $option$([[ $option != - ]] || printf %s "$OPTARG") in
      C) INCLUDE=$(file_of "$OPTARG") || exit 1 ;;
      c) WHOLE=$(file_of "$OPTARG") || exit 1 ;;
      F) FPM_INCLUDE=$(file_of "$OPTARG") || exit 1 ;;
      f) FPM_WHOLE=$(file_of "$OPTARG") || exit 1 ;;
      i) INI=$(file_of "$OPTARG") || exit 1 ;;
      l) add_files "$OPTARG" ;;
      p) PORT=$OPTARG ;;
      v | -verbose) VERBOSE=yes ;;
      t | -test) TEST=yes ;;
      h | -help)
        usage
        exit
        ;;
      :) give_up "cannot start: -$OPTARG needs a value. heroku-php-$SERVER -h shows all options." ;;
      *) give_up "cannot start: there is no option -$OPTARG. heroku-php-$SERVER -h shows all." ;;
    esac
  done
  shift $((OPTIND - 1))
  (($# <= 1)) || give_up "cannot start: $# document roots, $*; there is one, the last word after all options."
  [[ $PORT =~ ^[0-9]+$ ]] || give_up "cannot start: the port $PORT is not a number."
  export DOCUMENT_ROOT=$HEROKU_APP_DIR
  [[ $# == 0 ]] || DOCUMENT_ROOT=$(realpath -s "$HEROKU_APP_DIR/$1")
  [[ -d $DOCUMENT_ROOT ]] || give_up "cannot start: the document root $1 is not a folder of the app."
}

file_of() {
  [[ -f $HEROKU_APP_DIR/$1 ]] || give_up "cannot start: the app has no file $1, which an option names."
  printf %s "$HEROKU_APP_DIR/$1"
}

# A name without wildcards need not be there yet.
add_files() {
  local file files=($1)
  ((${#files[@]})) || give_up "cannot start: no file is called $1 (-l)."
  for file in "${files[@]}"; do
    mkdir -p "$(dirname "$file")" && touch "$file" || give_up "cannot start: cannot write the file $file (-l)."
    FILES+=("$file")
  done
}

# Prints the path of a file that is ready for use, and says that it is used.
ready() {
  local made
  tell "Using ${1#"$HEROKU_APP_DIR"/} for $2"
  if [[ $1 != *.php ]]; then
    printf %s "$1"
    return
  fi
  made=$SCRATCH/$(basename "$1" .php)
  php "$1" >"$made" || give_up "cannot start: running ${1#"$HEROKU_APP_DIR"/} failed."
  printf %s "$made"
}
