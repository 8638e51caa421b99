# What a build has made, and how it is started without a Procfile. All of it relative to the app's folder.

# The folders in which tools leave what can be started.
artefact_folders() {
  local folder
  for folder in target build/libs */target */build/libs; do
    [[ ! -d $folder ]] || echo "$folder"
  done
}

# artefacts ENDING: jars or wars of the app itself.
artefacts() {
  local folder
  while read -r folder; do
    find "$folder" -maxdepth 1 -type f -name "*.$1" ! -name 'original-*' ! -name '*-sources.jar' ! -name '*-javadoc.jar' \
      ! -name '*-tests.jar' ! -name '*-plain.*' | sort
  done < <(artefact_folders)
}

# manifest ARCHIVE NAME: one line of its manifest.
manifest() { unzip -p "$1" META-INF/MANIFEST.MF 2>/dev/null | tr -d '\r' | sed -n "s/^$2: //p"; }

# The scripts that Gradle's installDist makes.
start_script() { find . -maxdepth 6 -path '*/build/install/*/bin/*' -type f ! -name '*.bat' -printf '%P\n' | sort | sed -n 1p; }

build_files() { find . -maxdepth 3 \( -name 'pom.*' -o -name 'build.gradle*' -o -name libs.versions.toml \) -type f -not -path './.jdk/*' -not -path '*/target/*' -exec cat {} +; }

# Prints the command of web, or nothing where an app must say it itself.
web_command() {
  local file script
  for file in target/quarkus-app/quarkus-run.jar build/quarkus-app/quarkus-run.jar */target/quarkus-app/quarkus-run.jar */build/quarkus-app/quarkus-run.jar; do
    [[ ! -f $file ]] || { echo "java -Dquarkus.http.host=0.0.0.0 -Dquarkus.http.port=\$PORT \$JAVA_OPTS -jar $file" && return; }
  done
  while read -r file; do
    [[ -n $(manifest "$file" Main-Class) ]] || continue
    echo "java $(port_property "$file")\$JAVA_OPTS -jar $file"
    return
  done < <(artefacts jar && artefacts war)
  script=$(start_script)
  [[ -z $script ]] || { echo "$(script_options)$script" && return; }
  servlet_command
}

# port_property ARCHIVE: how its framework is told the port; others read PORT themselves.
port_property() {
  if [[ -n $(manifest "$1" Spring-Boot-Version) ]]; then
    echo "-Dserver.port=\$PORT "
  elif build_files | grep >/dev/null 'io\.micronaut'; then
    echo "-Dmicronaut.server.port=\$PORT "
  elif build_files | grep >/dev/null 'thorntail\|wildfly\.swarm'; then
    echo "-Dswarm.http.port=\$PORT "
  fi
}

# Ratpack reads PORT itself; Micronaut's scripts take it from JAVA_OPTS.
script_options() {
  ! build_files | grep >/dev/null 'io\.micronaut' || echo "JAVA_OPTS=\"-Dmicronaut.server.port=\$PORT \$JAVA_OPTS\" "
}

# A war is started by what the app brings, or else by what the build has put beside it.
servlet_command() {
  local war
  war=$(artefacts war | sed -n 1p)
  [[ -n $war ]] || return 0
  if [[ -f ${war%/*}/dependency/webapp-runner.jar ]]; then
    echo "java \$JAVA_OPTS -jar ${war%/*}/dependency/webapp-runner.jar --port \$PORT $war"
  elif [[ -f .heroku/servlet/runner.jar ]]; then
    echo "java \$JAVA_OPTS -jar .heroku/servlet/runner.jar --port \$PORT $war"
  fi
}

needs_postgres() { build_files | grep -E >/dev/null "org\.postgresql|r2dbc-postgresql|jdbc-postgresql|<artifactId>postgresql</artifactId>"; }
