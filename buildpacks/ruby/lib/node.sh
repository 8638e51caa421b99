# Node.js, for apps whose assets need it; one that a buildpack before has brought will do.

wants_node() { [[ -f package.json ]] || has_gem execjs; }

install_node() {
  local chosen key tree=$BUILD_DIR/.heroku/node
  wants_node && ! type -P node >/dev/null || return 0
  chosen=$(own_python node.py "$BUILD_DIR" "$CACHE_DIR") || exit 1
  eval "$chosen"
  heading "Using $TOOLS for the assets"
  key=$(layer_key 1 "$TOOLS" </dev/null)
  if ! restore_layer node "$key" "$tree"; then
    line "Fetching them from the registry"
    rm -rf "$tree"
    own_python toolchain.py fetch "$tree" "$CACHE_DIR" || exit 1
    save_layer node "$key" "$tree"
  fi
  export PATH=$tree/bin:$BUILD_DIR/node_modules/.bin:$PATH
  export npm_config_cache=$CACHE_DIR/npm YARN_CACHE_FOLDER=$CACHE_DIR/yarn
  export npm_config_fund=false npm_config_audit=false npm_config_update_notifier=false npm_config_fetch_retries=2
  export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}
}
