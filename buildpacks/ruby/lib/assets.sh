# rake assets:precompile, with what Rails needs to start without the app's services.

is_rails() { has_gem railties; }

# Rails signs with it; the same one for all releases, or sessions would end with each deploy.
choose_secret() {
  NEW_SECRET=''
  is_rails && [[ -z ${SECRET_KEY_BASE:-} ]] || return 0
  [[ -s $CACHE_DIR/secret_key_base ]] || (umask 077 && od -An -tx1 -N64 /dev/urandom | tr -d ' \n' >"$CACHE_DIR/secret_key_base")
  NEW_SECRET=$(<"$CACHE_DIR/secret_key_base")
  export SECRET_KEY_BASE=$NEW_SECRET
}

wants_assets() {
  [[ -f Rakefile || -f rakefile || -f Rakefile.rb ]] && has_gem rake || return 1
  is_rails || grep -qsE 'precompile' Rakefile rakelib/*.rake
}

compile_assets() {
  local status=0
  wants_assets || return 0
  if compgen -G 'public/assets/.sprockets-manifest-*.json' >/dev/null || [[ -f public/assets/.manifest.json ]]; then
    heading "Using the assets in public/assets, which were compiled before the push"
    return
  fi
  heading "Running rake assets:precompile"
  restore_assets
  name_database
  bundle exec ruby "$BUILDPACK_DIR/lib/rake.rb" assets:precompile assets:clean 2>&1 | indent || status=$?
  case $status in
    0) keep_assets ;;
    77) line "The app has no such task" ;;
    *) fail "cannot compile the assets: rake assets:precompile failed, see above." \
        "Run it locally with RAILS_ENV=production, mend the app, commit and push again. It gets the app's config vars" \
        "and a DATABASE_URL that leads nowhere: it must not need a database." ;;
  esac
}

# Compiled anew is only what has changed; assets of earlier releases stay for pages that browsers have open.
restore_assets() {
  local folder
  for folder in public/assets tmp/cache/assets; do
    [[ ! -d $CACHE_DIR/assets/$folder ]] || { mkdir -p "$folder" && cp -a "$CACHE_DIR/assets/$folder/." "$folder"; }
  done
}

keep_assets() {
  local folder
  rm -rf "$CACHE_DIR/assets"
  for folder in public/assets tmp/cache/assets; do
    [[ ! -d $folder ]] || { mkdir -p "$CACHE_DIR/assets/$folder" && cp -a "$folder/." "$CACHE_DIR/assets/$folder"; }
  done
  rm -rf tmp/cache/assets
  (($(du -sm "$CACHE_DIR/assets" | cut -f1) < 512)) || rm -rf "$CACHE_DIR/assets"
}

# Rails loads the adapter of the address; nothing answers at it.
name_database() {
  local scheme=''
  [[ -z ${DATABASE_URL:-} ]] || return 0
  if has_gem pg; then
    scheme=postgres
  elif has_gem mysql2; then
    scheme=mysql2
  elif has_gem trilogy; then
    scheme=trilogy
  fi
  [[ -z $scheme ]] || export DATABASE_URL=$scheme://user:pass@127.0.0.1/dbname
}
