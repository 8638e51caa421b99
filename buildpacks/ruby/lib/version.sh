# Which Ruby an app gets: the stack's own where that will do, else one of the mirror that RUNTIME_MIRROR_RUBY names,
# which is laid out as Heroku's: BASE/STACK/ARCHITECTURE/ruby-VERSION.tgz, and beside them `versions`, a line for each.

STACK_RUBY=/usr/bin/ruby

# This buildpack's own Ruby programs, away from the app's gems.
own_ruby() {
  local script=$1
  shift
  env -u GEM_PATH -u GEM_HOME "$STACK_RUBY" "$BUILDPACK_DIR/lib/$script" "$@"
}

read_plan() {
  local plan
  plan=$(own_ruby plan.rb) || exit 1
  eval "$plan"
}

# Sets RUBY_VERSION.
choose_ruby() {
  local own asked="$RUBY_SOURCE asks for $RUBY_WANTED"
  own=$("$STACK_RUBY" -e 'print RUBY_VERSION')
  RUBY_VERSION=$own RUBY_FETCHED=''
  if [[ -z $RUBY_WANTED ]]; then
    heading "Using Ruby $own, the stack's own (name another in Gemfile)"
  elif [[ -n $(own_ruby newest.rb "$RUBY_RANGE" <<<"$own") ]]; then
    heading "Using Ruby $own, the stack's own ($asked)"
  elif ! fetch_ruby && ! accept_series; then
    refuse_ruby
  fi
  # Not where it was asked for as a condition: bash would go on after a copy that failed, and keep half a Ruby.
  [[ -z $RUBY_FETCHED ]] || save_layer ruby "$RUBY_VERSION" "$BUILD_DIR/.heroku/ruby"
  use_ruby
}

# .ruby-version is written by tools, to the patch level; no program refuses another one of its series.
accept_series() {
  [[ -z $RUBY_STRICT && ${RUBY_WANTED%.*} == "${own%.*}" ]] || return 1
  heading "Using Ruby $own, the stack's own"
  warning ".ruby-version asks for $RUBY_WANTED, which cannot be had here; $own is of the same series."
}

mirror_folder() { printf '%s' "${RUNTIME_MIRROR_RUBY%/}/${STACK:-cedar}/$(dpkg --print-architecture)"; }

mirror_versions() {
  [[ -z ${RUNTIME_MIRROR_RUBY:-} ]] || curl -fsSL --connect-timeout 3 --max-time 10 "$(mirror_folder)/versions" 2>/dev/null || true
}

fetch_ruby() {
  local cached='' found tree=$BUILD_DIR/.heroku/ruby archive=$SCRATCH/ruby.tgz
  if [[ -d $CACHE_DIR/layers/ruby ]]; then
    cached=$(own_ruby newest.rb "$RUBY_RANGE" <<<"$(ls "$CACHE_DIR/layers/ruby")")
  fi
  if [[ -n $cached ]] && restore_layer ruby "$cached" "$tree"; then
    RUBY_VERSION=$cached
    heading "Using Ruby $cached from the cache ($asked)"
    return
  fi
  [[ -n ${RUNTIME_MIRROR_RUBY:-} ]] || return 1
  found=$(own_ruby newest.rb "$RUBY_RANGE" <<<"$(mirror_versions)")
  # Without a list, a version named whole is looked for by its name.
  [[ -n $found || ! $RUBY_WANTED =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || found=$RUBY_WANTED
  [[ -n $found ]] || return 1
  curl -fsSL --connect-timeout 3 --max-time 300 -o "$archive" "$(mirror_folder)/ruby-$found.tgz" 2>/dev/null || return 1
  mkdir -p "$tree"
  tar -xzf "$archive" -C "$tree" --no-same-owner || fail "cannot unpack $(shown "$(mirror_folder)")/ruby-$found.tgz."
  RUBY_VERSION=$found RUBY_FETCHED=yes
  heading "Using Ruby $found from $(shown "$RUNTIME_MIRROR_RUBY") ($asked)"
}

refuse_ruby() {
  local listed
  listed=$(mirror_versions | paste -sd ' ')
  fail "cannot use the Ruby that $RUBY_SOURCE asks for: there is no $RUBY_WANTED here." \
    "Versions that can be had: $own (the stack's own)${listed:+, and from the mirror: ${listed// /, }}." \
    "Write ruby \"~> ${own%.*}.0\" into ${RUBY_SOURCE/.ruby-version/Gemfile}, run bundle lock, commit and push again." \
    "An operator offers other versions with RUNTIME_MIRROR_RUBY."
}

# Scripts of gems name the interpreter that installed them: one that travels in the slug must be called as in a dyno.
use_ruby() {
  RUBY_PROGRAMS=''
  if [[ $RUBY_VERSION != "$own" ]]; then
    RUBY_PROGRAMS=.heroku/ruby/bin
    mkdir -p /app/.heroku
    [[ /app/.heroku -ef $BUILD_DIR/.heroku ]] || ln -sfn "$BUILD_DIR/.heroku/ruby" /app/.heroku/ruby
    export PATH=/app/.heroku/ruby/bin:$PATH
  fi
  GEM_FOLDER=vendor/bundle/ruby/$(ruby -e 'print RbConfig::CONFIG["ruby_version"]')
  GEM_PROGRAMS=$BUILD_DIR/vendor/bundle/bin:$BUILD_DIR/$GEM_FOLDER/bin
  export PATH=$BUILD_DIR/bin:$GEM_PROGRAMS:$PATH
}
