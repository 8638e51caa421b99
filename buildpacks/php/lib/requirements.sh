# Whether the stack's PHP and its extensions are what the app and its packages ask for: Composer judges, from the lock file.
# PHP cannot be moved to another folder once it is compiled, so no other one can be fetched.

check_requirements() {
  local extensions
  heading "Using PHP $PHP_VERSION of the stack"
  # It ends with an error when something is missing, too; but then its list is there.
  COLUMNS=400 composer check-platform-reqs --no-ansi --no-plugins --lock --no-dev --format=json \
    >"$SCRATCH/requirements.json" 2>"$SCRATCH/composer.log" || [[ -s $SCRATCH/requirements.json ]] || explain_files
  extensions=$(php -r 'echo implode(" ", get_loaded_extensions());')
  own_python requirements.py "$MANIFEST" "$PHP_VERSION" "$extensions" <"$SCRATCH/requirements.json" || exit 1
}
