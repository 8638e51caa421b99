# sbt: which one, with which settings, and what it says when it cannot build.

# The newest of this series for an app that names none; sbt 2 cannot read most builds that were written for 1.
SBT_DEFAULT=1

# Sets SBT_VERSION; its launcher, which fetches the rest of it, is in the cache then.
choose_sbt() {
  local asked='' why repository=${RUNTIME_MIRROR_SCALA:-${MAVEN_MIRROR_URL:-https://repo1.maven.org/maven2}}
  [[ ! -f project/build.properties ]] || asked=$(sed -nE 's/\r$//; s/^[[:space:]]*sbt\.version[[:space:]]*[=:][[:space:]]*([^[:space:]]*).*/\1/p' project/build.properties | tail -n 1)
  why="project/build.properties asks for $asked"
  [[ -n $asked ]] || why='name it in project/build.properties, as sbt.version=VERSION'
  SBT_VERSION=$(RES_OPTIONS="timeout:2 attempts:1" own_python maven_artifact.py "$repository" org.scala-sbt:sbt-launch \
    "${asked:-$SBT_DEFAULT}" "$CACHE_DIR/sbt/launchers" --name sbt --source project/build.properties --line 'sbt.version={}') || exit 1
  heading "Using sbt $SBT_VERSION ($why)"
}

# Heroku's settings are config vars; most may stand in system.properties instead.
sbt_setting() {
  local asked
  asked=$(property "$1")
  printf '%s' "${asked:-${!2:-}}"
}

build() {
  local tasks project before
  project=$(sbt_setting sbt.project SBT_PROJECT)
  before=$(sbt_setting sbt.pre-tasks SBT_PRE_TASKS)
  tasks=${SBT_TASKS:-compile stage}
  [[ -z $project ]] || tasks="$project/compile $project/stage"
  wants_clean && tasks="clean $tasks"
  [[ -z $before ]] || tasks="$before $tasks"
  heading "Running: sbt $tasks"
  # The words of the tasks are words of sbt's.
  # shellcheck disable=SC2086
  run_sbt $tasks 2>&1 | tee "$SCRATCH/sbt.log" | indent || explain_failure "$tasks"
}

wants_clean() { [[ $(sbt_setting sbt.clean SBT_CLEAN) == true ]]; }

run_sbt() {
  local home=$CACHE_DIR/sbt options=()
  mkdir -p "$home/user" "$home/global"
  write_global_settings "$home/global/global.sbt"
  options=(
    "-XX:MaxRAMPercentage=60" -Xss4m -XX:+UseSerialGC -XX:TieredStopAtLevel=1
    "-Duser.home=$home/user" "-Dsbt.global.base=$home/global" "-Dsbt.boot.directory=$home/boot" "-Dsbt.ivy.home=$home/ivy"
    -Dsbt.color=false -Dsbt.log.noformat=true -Dsbt.supershell=false -Dsbt.server.autostart=false
    "-Dsbt.version=$SBT_VERSION" -Dsun.net.client.defaultConnectTimeout=10000 -Dsun.net.client.defaultReadTimeout=60000
  )
  use_mirror "$home/repositories"
  mapfile -t -O "${#options[@]}" options < <(own_options)
  COURSIER_CACHE=$home/coursier COURSIER_PROGRESS=disable \
    "$JAVA_HOME/bin/java" "${options[@]}" -jar "$home/launchers/sbt-launch-$SBT_VERSION.jar" "$@" </dev/null
}

# Documentation and sources are nothing that a dyno runs, and take as long as the rest.
write_global_settings() {
  local text='packageDoc / publishArtifact := false'
  [[ $SBT_VERSION != 0.* ]] || text=''
  [[ -f $1 && $(<"$1") == "$text" ]] || printf '%s\n' "$text" >"$1"
}

# A mirror has all that there is: then the repositories that the build names are not asked.
use_mirror() {
  [[ -n ${MAVEN_MIRROR_URL:-} ]] || return 0
  printf '[repositories]\n  local\n  mirror: %s\n' "${MAVEN_MIRROR_URL%/}/" >"$1"
  options+=(-Dsbt.override.build.repos=true "-Dsbt.repository.config=$1")
}

# Where sbt's own script finds options for the JVM: two files of the app, then the config var.
own_options() {
  local word
  set -f
  for word in $(cat .jvmopts .sbtopts 2>/dev/null | sed -E 's/(^|[[:space:]])#.*//') ${SBT_OPTS:-}; do
    case ${word#-J} in
      -D* | -X*) printf '%s\n' "${word#-J}" ;;
    esac
  done
}

# named EXPRESSION WORDS: the first line of sbt's that this expression of sed's fits, in words.
named() { sed -nE "s#^.*$1.*#$2#; T; p; q" "$SCRATCH/sbt.log" | cut -c -200; }

# Ends the build where sbt names what it cannot have: an artifact that is not there, or a server that does not answer.
explain_resolution() {
  local missing silent
  missing=$(named 'unresolved dependency: ([^# ]+)\#([^; ]+);([^: ]+): not found' '\1:\2:\3')
  : "${missing:=$(named 'Error downloading ([^ ]+)' '\1' | sed -E 's/;[^:]*//')}"
  silent=$(named 'download error: .*while downloading [a-z]+://([^/@ ]*@)?([^/ ]+)' '\2')
  if [[ -n $silent ]]; then
    fail "cannot resolve what the build needs: $silent cannot be reached." \
      "Push again when it can, or name a mirror in MAVEN_MIRROR_URL; the running release stays as it is."
  elif [[ -n $missing ]] && grep -qi 'not found' "$SCRATCH/sbt.log"; then
    fail "cannot resolve what the build needs: there is no $missing in the repositories that the build names." \
      "Mend its name or its version in build.sbt or project/plugins.sbt, commit and push again; the running release stays as it is."
  fi
}

explain_failure() {
  local log=$SCRATCH/sbt.log at
  if grep -qE 'Not a valid (command|key): stage' "$log"; then
    fail "cannot build the app: it has no task named stage." \
      "Add sbt-native-packager to project/plugins.sbt and enablePlugins(JavaAppPackaging) to build.sbt," \
      "or name other tasks: celadon config:set SBT_TASKS='compile'. Commit and push again."
  fi
  if grep -qE 'Error downloading|unresolved dependency|not found: https?://|download error' "$log"; then
    explain_resolution
    fail "cannot resolve what the build needs: see above." \
      "Mend the names and versions in build.sbt and project/plugins.sbt, commit and push again; the running release stays as it is."
  fi
  if grep -q 'OutOfMemoryError' "$log"; then
    fail "cannot build the app: Java ran out of memory." "Give it more: celadon config:set SBT_OPTS=-XX:MaxRAMPercentage=80"
  fi
  at=$(named '\[error\] (-- .*: )?([^ ]+\.(scala|java|sbt):[0-9]+(:[0-9]+)?)( -|:)' '\2')
  [[ -z $at ]] || fail "cannot build the app: ${at#"$PWD/"} does not compile, see above." \
    "Mend it, commit and push again; the running release stays as it is. sbt $1 shows the same on your machine."
  fail "cannot build the app: sbt $1 failed, see above." \
    "Mend it, commit and push again; the running release stays as it is. sbt $1 shows the same on your machine."
}
