# Apps with a deps.edn: the programs clojure and clj, and the classpaths that dynos need.

LOCKED=0.31.1646
REPOSITORY=${MAVEN_MIRROR_URL:-https://repo1.maven.org/maven2}
REPOSITORY=${REPOSITORY%/}

choose_deps() {
  local asked=${CLOJURE_CLI_VERSION:-}
  TOOL_NAME=tools.deps
  [[ $asked != [1-9]* ]] || TOOL_NAME="Clojure CLI"
  choose_version cli "${asked:-$LOCKED}" CLOJURE_CLI_VERSION "${asked:+ (the config var CLOJURE_CLI_VERSION asks for $asked)}"
}

install_deps() {
  TOOL_DIR=$BUILD_DIR/.heroku/clojure
  TOOL_BIN=$TOOL_DIR/bin
  mkdir -p "$TOOL_BIN" "$TOOL_DIR/exec"
  restore_chosen "$TOOL_DIR/tools"
  cp -r "$BUILDPACK_DIR/lib/buildpack" "$TOOL_DIR/exec/"
  install -m 755 "$BUILDPACK_DIR/lib/clojure" "$TOOL_BIN/clojure"
  ln -sf clojure "$TOOL_BIN/clj"
  export PATH=$TOOL_BIN:$PATH
}

# The build of the guide to tools.build, where the app has it.
deps_command() { [[ -z $(fact build-uber) ]] || echo "clojure -T:build uber"; }

# What the app's processes start is prepared, so that they fetch nothing: their classpaths, and the libraries in these.
finish_deps() {
  local words
  while read -r words; do
    heading "Preparing clojure $words"
    run_tool "clojure -P $words"
  done < <(own_python project.py processes)
  keep_libraries
}

keep_libraries() {
  local path places=$TOOL_DIR/classpaths
  rm -f "$places"/tool-*
  compgen -G "$places/*.cp" >/dev/null || return 0
  # Where links lead is what tools.deps writes of git libraries.
  sed -i "s|$CACHE_DIR/gitlibs|$HOME/.gitlibs|g; s|$CACHE_DIR/m2|$HOME/.m2|g" "$places"/*
  while read -r path; do
    mkdir -p "$BUILD_DIR/.${path%/*}"
    cp -al "$CACHE_DIR/$path" "$BUILD_DIR/.$path" 2>/dev/null || cp -a "$CACHE_DIR/$path" "$BUILD_DIR/.$path"
  done < <(own_python project.py libraries "$places" "$HOME")
  # In a dyno the app is at /app.
  sed -i "s|$BUILD_DIR|/app|g" "$places"/*
}
