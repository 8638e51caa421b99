# Leiningen: which one, and what it is asked for.

choose_lein() {
  local minimum
  TOOL_NAME=Leiningen
  minimum=$(fact min-lein-version)
  if [[ -n ${LEIN_VERSION:-} ]]; then
    choose_version lein "$LEIN_VERSION" LEIN_VERSION " (the config var LEIN_VERSION asks for $LEIN_VERSION)"
  elif [[ -n $minimum ]]; then
    choose_version lein "$minimum+" "the :min-lein-version of project.clj" " (project.clj asks for $minimum or newer)"
  else
    choose_version lein latest Leiningen " (name the oldest that will do in project.clj, as :min-lein-version \"2.9.0\")"
  fi
}

install_lein() {
  TOOL_BIN=$BUILD_DIR/.lein/bin
  mkdir -p "$TOOL_BIN"
  restore_chosen "$BUILD_DIR/.lein/lib"
  install -m 755 "$BUILDPACK_DIR/lib/lein" "$TOOL_BIN/lein"
  export PATH=$TOOL_BIN:$PATH
  LEIN_PROFILES=$BUILD_DIR/.lein/profiles.clj
  [[ ! -f $LEIN_PROFILES ]] || { LEIN_PROFILES=''; return 0; }
  own_python lein_profiles.py >"$LEIN_PROFILES"
  # Leiningen asks no repository without TLS, unless it is told to: the operator's mirror may be one.
  [[ ${MAVEN_MIRROR_URL:-} != http://* ]] || cat >"$BUILD_DIR/.lein/init.clj" <<'INIT'
(require 'cemerick.pomegranate.aether)
(cemerick.pomegranate.aether/register-wagon-factory! "http" #(org.apache.maven.wagon.providers.http.HttpWagon.))
INIT
}

# An uberjar holds all that a dyno needs; else Leiningen and the libraries go into the slug.
lein_command() { echo "lein $(lein_task)"; }

lein_task() {
  if [[ -n ${LEIN_BUILD_TASK:-} ]]; then
    echo "$LEIN_BUILD_TASK"
  elif [[ -n $(fact uberjar-name) ]]; then
    echo uberjar
  else
    echo "with-profile production compile :all"
  fi
}

finish_lein() {
  local default=yes
  [[ -z $(fact uberjar-name) ]] || default=no
  if [[ ${LEIN_INCLUDE_IN_SLUG:-$default} == no ]]; then
    rm -rf "$BUILD_DIR"/.lein/{lib,bin,init.clj} "$LEIN_PROFILES"
    return
  fi
  # Without a mirror, which may hold a password.
  [[ -z $LEIN_PROFILES ]] || echo '{:production {}}' >"$LEIN_PROFILES"
  rm -f "$CACHE_DIR/m2/settings.xml" "$BUILD_DIR/.lein/init.clj"
  copy_tree "$CACHE_DIR/m2" "$BUILD_DIR/.m2"
}
