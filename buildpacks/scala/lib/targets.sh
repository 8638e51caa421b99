# What sbt compiled before, so that a push compiles only what changed; and the folder where that holds.

# Compiled code is known by its whole path, and every build has another folder: sbt sees always the same one. The folder's
# own name leads there, for what earlier buildpacks left in PATH.
settle_folder() {
  FIXED_DIR=${BUILD_DIR%/*}/scala-build
  [[ $BUILD_DIR != /app ]] || return 0
  rm -rf "$FIXED_DIR"
  cd /
  mv "$BUILD_DIR" "$FIXED_DIR"
  ln -s "$FIXED_DIR" "$BUILD_DIR"
  cd "$FIXED_DIR"
}

leave_folder() {
  [[ -L $BUILD_DIR ]] || return 0
  cd /
  rm "$BUILD_DIR"
  mv "$FIXED_DIR" "$BUILD_DIR"
  cd "$BUILD_DIR"
}

# Every target folder of sbt's, of all projects of the build and of the build itself; not those of the app's repository,
# where a package of the source may have this name.
target_folders() {
  find . -type d \( -name node_modules -o -name .jdk -o -name .git \) -prune -o -type d -name target -prune -printf '%P\n' |
    { grep -vxF -f "$SCRATCH/repository-targets" || true; }
}

restore_targets() {
  local kept=$CACHE_DIR/targets
  : >"$SCRATCH/repository-targets"
  target_folders >"$SCRATCH/targets"
  mv "$SCRATCH/targets" "$SCRATCH/repository-targets"
  [[ -d $kept ]] || return 0
  wants_clean || cp -a "$kept/." .
}

save_targets() {
  local folder kept=$CACHE_DIR/targets
  rm -rf "$kept" "$kept.unfinished"
  mkdir -p "$kept.unfinished"
  while IFS= read -r folder; do
    mkdir -p "$kept.unfinished/${folder%/*}"
    # This format keeps fractions of seconds, by which the compiler knows its files again.
    tar --create --format=posix --exclude='*/universal' --exclude='*/task-temp-directory' "$folder" |
      tar --extract --directory "$kept.unfinished"
  done < <(target_folders)
  mv "$kept.unfinished" "$kept"
}

# What was only for the build leaves the slug, where sbt-native-packager has put all that the app is into a folder.
drop_build_files() {
  local folder
  [[ ${KEEP_SBT_CACHE:-} != true ]] || return 0
  [[ -n $(find . -path '*/target/*universal/stage' ! -path '*/streams/*' -print -quit) ]] || return 0
  heading "Dropping what was only for the build"
  while IFS= read -r folder; do
    find "$folder" -depth ! -type d \( ! -path '*/universal/stage/*' -o -path '*/streams/*' \) -delete
    find "$folder" -depth -type d -empty -delete
  done < <(target_folders)
  [[ ! -d project/project ]] || find project/project -depth -type d -empty -delete
}

# sbt's downloads save the next ones; beyond 2 GB they start anew.
bound_cache() {
  local megabytes
  find "$CACHE_DIR/sbt/launchers" -name 'sbt-launch-*.jar' ! -name "sbt-launch-$SBT_VERSION.jar" -delete
  megabytes=$(du -sm "$CACHE_DIR/sbt" | cut -f1)
  ((megabytes < 2048)) || rm -rf "$CACHE_DIR/sbt" "$CACHE_DIR/targets"
}
