# A plain war needs a servlet container: webapp-runner (Tomcat 9) for javax.servlet, Jetty 12 for jakarta.servlet.
# Both are single jars of Maven Central, known by their hashes. An app that brings its own webapp-runner keeps that.

serve_wars() {
  local war
  [[ -z $(declared_web) && -z $(web_command) ]] || return 0
  war=$(artefacts war | sed -n 1p)
  [[ -n $war ]] || return 0
  # It need not have both of these.
  if { unzip -p "$war" WEB-INF/web.xml 'WEB-INF/classes/*' 2>/dev/null || true; } | grep -aE 'jakarta[/.](servlet|ee)' >/dev/null; then
    fetch_runner "Jetty 12.0.31" org/eclipse/jetty/ee10/jetty-ee10-runner/12.0.31/jetty-ee10-runner-12.0.31.jar \
      9cf9f6fa660f85277e83cfb44c4bbfb1b707e89700a78c33f79880f74ce26bcf
  else
    fetch_runner "webapp-runner 9.0.89 (Tomcat)" com/heroku/webapp-runner/9.0.89.0/webapp-runner-9.0.89.0.jar \
      aa714af1a55b45c9f39eccb48e98ac2efeccf4350bc20426cbf5ecf3d81ae9ea
  fi
}

declared_web() { [[ ! -f Procfile ]] || grep -E '^web[[:space:]]*:' Procfile || true; }

# fetch_runner NAME PATH SHA256
fetch_runner() {
  heading "Adding $1 to serve the app's war"
  restore_layer servlet "$3" "$BUILD_DIR/.heroku/servlet" || {
    mkdir -p "$BUILD_DIR/.heroku/servlet"
    fetch_file "$MAVEN_CENTRAL/$2" "$BUILD_DIR/.heroku/servlet/runner.jar" sha256sum "$3"
    save_layer servlet "$3" "$BUILD_DIR/.heroku/servlet"
  }
}
