# What a dyno of the app gets: its environment, default process types, config vars, add-ons.

write_profile() {
  local ruby=${RUBY_PROGRAMS:+\$HOME/$RUBY_PROGRAMS:} node=''
  [[ ! -d .heroku/node ]] || node="\$HOME/.heroku/node/bin:"
  {
    echo "export PATH=\"\$HOME/bin:\$HOME/vendor/bundle/bin:\$HOME/$GEM_FOLDER/bin:$ruby$node\$PATH\""
    echo "export GEM_PATH=\"\$HOME/$GEM_FOLDER:\${GEM_PATH:-}\""
    echo "export BUNDLE_WITHOUT=\"\${BUNDLE_WITHOUT-$BUNDLE_WITHOUT}\" BUNDLE_VERSION=\"\${BUNDLE_VERSION:-$BUNDLE_VERSION}\""
    cat "$BUILDPACK_DIR/lib/profile.sh"
    ! is_rails || cat "$BUILDPACK_DIR/lib/profile-rails.sh"
    [[ -z $NEW_SECRET ]] || echo "export SECRET_KEY_BASE=\"\${SECRET_KEY_BASE:-$NEW_SECRET}\""
  } >.profile.d/ruby.sh
}

write_release() {
  {
    echo '---'
    # Somebody who has set DATABASE_URL has a database.
    if has_gem pg && [[ ! -f $ENV_DIR/DATABASE_URL ]]; then echo 'addons: [heroku-postgresql]'; else echo 'addons: []'; fi
    if [[ -n $NEW_SECRET ]]; then
      printf 'config_vars:\n  SECRET_KEY_BASE: %s\n' "$NEW_SECRET"
    else
      echo 'config_vars: {}'
    fi
    echo 'default_process_types:'
    default_types
  } >.heroku/ruby-release.yml
  if [[ ! -f Procfile ]] && ! is_rails && ! [[ -f config.ru ]]; then
    warning "There is neither a Procfile nor config.ru: no web process type. Commit a Procfile that says how the app starts."
  fi
  ! has_gem sqlite3 || warning "Gemfile.lock has sqlite3: its file is on a dyno's own disk and gone with the dyno. Use PostgreSQL."
}

default_types() {
  if is_rails; then
    local rails='bin/rails'
    [[ -f bin/rails ]] || rails='bundle exec rails'
    echo "  console: $rails console"
    echo '  rake: bundle exec rake'
    echo "  web: $rails server -p \${PORT:-5000} -e \$RAILS_ENV"
    return
  fi
  echo '  console: bundle exec irb'
  ! has_gem rake || echo '  rake: bundle exec rake'
  [[ -f config.ru ]] && has_gem rack || return 0
  if has_gem puma && ! has_gem rackup; then
    echo '  web: bundle exec puma -p ${PORT:-5000}'
  else
    echo '  web: bundle exec rackup config.ru -p ${PORT:-5000}'
  fi
}
