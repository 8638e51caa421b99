#!/bin/bash
# Runs inside the build dyno, as the app's user: source → detect → compile → release, as Heroku's buildpack API has it.
# Everything it is told is in the environment; everything it has to say for the platform goes to $OUT.
# It ends with the number of the step that failed (see compiler.py), or 0.
set -u
cd /

fail() {
    local status=$1
    shift
    printf ' !     %s\n' "$@"
    exit "$status"
}

fetch_source() {
    [ -n "${SOURCE_URL:-}" ] || return 0
    curl -fsSL --retry 1 --max-filesize "$SOURCE_LIMIT" --proto '=http,https' -o /tmp/source "$SOURCE_URL" ||
        fail 10 "Cannot fetch the source archive: check that its URL can be read without a login."
    SOURCE=/tmp/source
    if [ -n "${SOURCE_CHECKSUM:-}" ]; then
        echo "${SOURCE_CHECKSUM#SHA256:}  $SOURCE" | sha256sum --check --status ||
            fail 10 "The source archive's checksum is not $SOURCE_CHECKSUM."
    fi
}

unpack_source() {
    mkdir -p "$BUILD_DIR"
    if [ "$(head -c 2 "$SOURCE")" = PK ]; then
        unzip -q "$SOURCE" -d "$BUILD_DIR" || fail 10 "Cannot unpack the source archive."
    else
        tar --extract --no-same-owner --no-same-permissions --file "$SOURCE" --directory "$BUILD_DIR" ||
            fail 10 "Cannot unpack the source archive."
    fi
    rm -f /tmp/source
    # Archives from code hosts hold one directory with everything in it; it may be the first of the app's source path, too.
    [ -z "${SOURCE_PATH:-}" ] || [ ! -e "$BUILD_DIR/$SOURCE_PATH" ] || return 0
    if [ -n "${SOURCE_ARCHIVE:-}" ] && [ "$(find "$BUILD_DIR" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ] &&
        [ -d "$(echo "$BUILD_DIR"/*)" ]; then
        mv "$BUILD_DIR"/* /tmp/single && rm -rf "$BUILD_DIR" && mv /tmp/single "$BUILD_DIR"
    fi
}

# The input: "commit<tab>url<tab>path" a line.
fetch_submodules() {
    local commit url path said status
    while IFS=$'\t' read -r commit url path; do
        # Those beside the folder that is built are not looked at.
        case ${SOURCE_PATH:+$path/} in
        "") ;;
        "$SOURCE_PATH"/*) ;;
        *) [[ $SOURCE_PATH/ == "$path"/* ]] || continue ;;
        esac
        echo "-----> Fetching submodule $path"
        rm -rf "${BUILD_DIR:?}/$path"
        said=$(submodule_at "$url" "$commit" "$BUILD_DIR/$path" 2>&1 </dev/null)
        status=$?
        # What git said first is why; a URL with a password in it is not to be read there.
        url=$(shown "$url")
        said=$(shown "$(grep -m 1 -E '^(fatal|error|remote):' <<<"$said" || tail -n 1 <<<"$said")")
        case $status in
        0) ;;
        2)
            fail 10 "The submodule $path is to be at commit ${commit:0:10}, which $url does not have." \
                "Push that commit there, then push again: git push --recurse-submodules=on-demand does both."
            ;;
        3) fail 10 "Cannot fetch the submodule $path: the host of $url does not answer. Builds reach no private addresses." ;;
        4) fail 10 "Cannot fetch what the submodule $path has as submodules: ${said#fatal: }" \
            "They too must have https:// URLs that can be read without a login, or with the one in the URL." ;;
        *) fail 10 "Cannot fetch the submodule $path from $url: ${said#fatal: }" \
            "Its URL must be readable without a login, or have a user name and a token in it." ;;
        esac
        find "$BUILD_DIR/$path" -name .git -prune -exec rm -rf {} +
    done
}

# submodule_at URL COMMIT DIRECTORY: with its own submodules; 1 for what cannot be fetched, 2 for a commit that is not there,
# 3 for a host that does not answer, 4 for a submodule within it.
submodule_at() {
    export GIT_ALLOW_PROTOCOL=http:https GIT_TERMINAL_PROMPT=0
    # git itself would wait for five minutes.
    timeout 30 git ls-remote --quiet -- "$1" HEAD >/dev/null || return $(($? == 124 ? 3 : 1))
    git_at "$1" "$2" "$3" || return
    [ -f "$3/.gitmodules" ] || return 0
    # Where the server gives no single commits, with the whole history.
    git -C "$3" submodule --quiet update --init --recursive --depth 1 >/dev/null 2>&1 ||
        git -C "$3" submodule --quiet update --init --recursive || return 4
}

# git_at URL REF DIRECTORY: a branch, a tag or a commit; shallow where the server allows it. 2 when there is none of that name.
git_at() {
    export GIT_ALLOW_PROTOCOL=${GIT_ALLOW_PROTOCOL:-http:https:git:ssh} GIT_TERMINAL_PROMPT=0
    # No ref begins so, but every option of git's.
    case ${2:-} in -*) return 1 ;; esac
    git init --quiet "$3" && git -C "$3" remote add origin -- "$1" || return 1
    if git -C "$3" fetch --quiet --depth 1 origin "${2:-HEAD}" 2>/dev/null; then
        git -C "$3" checkout --quiet FETCH_HEAD
    elif git -C "$3" fetch --quiet origin "${2:-HEAD}" 2>/dev/null; then
        git -C "$3" checkout --quiet FETCH_HEAD
    else
        # A commit by its number, from a server that gives branches and tags only.
        git -C "$3" fetch --quiet --tags origin || return 1
        git -C "$3" checkout --quiet "${2:-FETCH_HEAD}" || return 2
    fi
}

# The folder of the source that is the app becomes all there is of it. Links that lead out of it lead nowhere then.
narrow() {
    [ -n "${SOURCE_PATH:-}" ] || return 0
    local inside=$BUILD_DIR/$SOURCE_PATH link there
    if [ ! -d "$inside" ] || [ "$(realpath -- "$inside")" != "$(realpath -- "$BUILD_DIR")/$SOURCE_PATH" ]; then
        there=$(find "$BUILD_DIR" -mindepth 1 -maxdepth 1 -type d ! -name .git -printf '%f\n' |
            sort | head -n 20 | tr -cd '[:print:]\n' | paste -s -d ,)
        fail 15 "The source has no folder $SOURCE_PATH; its folders: ${there:-none}." \
            "Set another with celadon apps:repo:path PATH (--clear for the whole source)."
    fi
    find "$inside" -type l | head -n 1000 | while IFS= read -r link; do
        case $(realpath -m -- "$link") in
        "$inside"/* | "$inside") ;;
        *) printf '%s\n' "${link#"$inside/"}" ;;
        esac
    done | head -n 5 | tr -cd '[:print:]\n' | while IFS= read -r link; do
        echo " !     The link $link leads out of $SOURCE_PATH: what it leads to is not in the build."
    done
    mv "$inside" /tmp/folder && rm -rf "$BUILD_DIR" && mv /tmp/folder "$BUILD_DIR"
}

# Files that Git LFS has taken out of git: what stands in their place is of no use to a build.
tell_lfs_pointers() {
    local file first count=0 named=()
    while IFS= read -r -d '' file; do
        read -r first <"$file"
        [ "$first" = "version https://git-lfs.github.com/spec/v1" ] && grep -q '^oid sha256:' "$file" || continue
        count=$((count + 1))
        [ "$count" -gt 5 ] || named+=("$(tr -cd '[:print:]' <<<"${file#"$BUILD_DIR/"}")")
    done < <(find "$BUILD_DIR" -type f -size -1024c -exec grep -lZxF "version https://git-lfs.github.com/spec/v1" {} + | sort -z)
    [ "$count" -gt 0 ] || return 0
    file=$(printf ', %s' "${named[@]}")
    [ "$count" -le 5 ] || file="$file and $((count - 5)) more"
    printf ' !     %s\n' "Pointers of Git LFS stand in the place of files: ${file#, }." \
        "This platform keeps no LFS files. Put them into git itself (git lfs migrate export --include='*' --everything," \
        "then git lfs uninstall), into an object store, or have a buildpack fetch them."
}

drop_ignored() {
    rm -rf "$BUILD_DIR/.git" "$BUILD_DIR"/log/* "$BUILD_DIR"/tmp/*
    [ -f "$BUILD_DIR/.slugignore" ] || return 0
    (
        cd "$BUILD_DIR" && git init --quiet /tmp/ignored &&
            git --git-dir=/tmp/ignored/.git --work-tree=. ls-files --others --ignored --directory -z \
                --exclude-from=.slugignore | xargs -0 --no-run-if-empty rm -rf --
    )
    rm -rf /tmp/ignored
}

# The buildpacks of the build, or those that the app's own file .buildpacks names; "kind<tab>url<tab>ref" a line.
list_buildpacks() {
    if [ -s /celadon/buildpacks.tsv ] || [ ! -f "$BUILD_DIR/.buildpacks" ]; then
        cat /celadon/buildpacks.tsv
        return
    fi
    local line _
    while read -r line _ || [ -n "$line" ]; do
        case $line in
        "" | \#*) ;;
        *://*.tgz | *://*.tar.gz) printf 'archive\t%s\t\n' "$line" ;;
        *://*"#"*) printf 'git\t%s\t%s\n' "${line%%#*}" "${line#*#}" ;;
        *://*) printf 'git\t%s\t\n' "$line" ;;
        *) awk -F '\t' -v name="$line" '$1 == name { print $2 FS $3 FS $4; found = 1 }
            END { if (!found) print "unknown" FS name FS }' /celadon/names.tsv ;;
        esac
    done <"$BUILD_DIR/.buildpacks" | head -n "$MOST_BUILDPACKS"
}

# A URL, or a line with some, without the user names and passwords in them; a password may have an @ too.
shown() { sed -E 's#(://)[^/[:space:]]*@#\1#g' <<<"$1"; }

# All names are looked at before the first buildpack does its work.
refuse_unknown() {
    local kind name _
    while IFS=$'\t' read -r kind name _; do
        [ "$kind" != unknown ] ||
            fail 11 "Cannot find the buildpack $name, which .buildpacks names: celadon buildpacks:search lists the names there are."
    done
}

FETCH_ADVICE="Check its address, and that it can be read without a login, or has one in it; celadon buildpacks:search lists those that the platform has itself."

# Buildpack number $1 in /tmp/buildpacks/$1 (or, when it is the platform's, a link to where it is).
fetch_buildpack() {
    local number=$1 kind=$2 url=$3 ref=$4 target=/tmp/buildpacks/$1
    mkdir -p /tmp/buildpacks
    case $kind in
    # A copy: it may write `export` beside itself.
    here) cp -r "$url" "$target" ;;
    git) git_at "$url" "$ref" "$target" || fail 11 "Cannot fetch the buildpack $(shown "$url")${ref:+#$ref}." "$FETCH_ADVICE" ;;
    archive)
        mkdir "$target"
        curl -fsSL --retry 1 --proto '=http,https' "$url" | tar --extract --gzip --no-same-owner --directory "$target" ||
            fail 11 "Cannot fetch the buildpack $(shown "$url")." "$FETCH_ADVICE"
        # An archive may hold one directory with the buildpack in it.
        if [ ! -e "$target/bin" ] && [ -e "$(echo "$target"/*/bin)" ]; then
            mv "$target"/* "/tmp/buildpacks/$number.in" && rmdir "$target" && mv "/tmp/buildpacks/$number.in" "$target"
        fi
        ;;
    esac
    [ -f "$target/bin/compile" ] || fail 11 "The buildpack $(shown "$url") has no bin/compile."
    [ "$kind" = here ] || chmod -R u+x "$target/bin"
}

# People write it in small letters, or an editor gives it an ending.
tell_misnamed_procfile() {
    local other
    [ ! -f "$BUILD_DIR/Procfile" ] || return 0
    other=$(find "$BUILD_DIR" -maxdepth 1 -type f \( -iname procfile -o -iname 'procfile.txt' \) -printf '%f\n' -quit)
    [ -z "$other" ] || printf ' !     %s\n' "The file $other is not read: process types stand in a file with the very name Procfile."
}

# Folders that the buildpack API gives to buildpacks.
refuse_in_the_way() {
    local name
    for name in .heroku .profile.d; do
        # A link that leads nowhere is in the way, too.
        { [ ! -e "$BUILD_DIR/$name" ] && [ ! -L "$BUILD_DIR/$name" ]; } || [ -d "$BUILD_DIR/$name" ] ||
            fail 16 "The app has a file called $name: buildpacks need a folder of that name." "Rename the file, commit and push again."
    done
}

# The first of the platform's own buildpacks that knows the app.
detect_default() {
    local candidate name
    for candidate in $DEFAULT_BUILDPACKS; do
        if name=$("$candidate/bin/detect" "$BUILD_DIR" 2>/dev/null </dev/null); then
            ln -s "$candidate" /tmp/buildpacks/1
            BUILDPACK_NAMES=("${candidate##*/}")
            BUILDPACK_LANGUAGES=("$name")
            echo "$name" >"$OUT/language.1"
            echo "-----> $name app detected"
            return 0
        fi
    done
    explain_detection
}

# By which files each of the platform's own knows an app stands in its own file known-by, which its bin/detect reads too.
explain_detection() {
    local candidate known=() below
    for candidate in $DEFAULT_BUILDPACKS; do
        [ ! -f "$candidate/known-by" ] || known+=("  ${candidate##*/}: $(paste -sd ' ' "$candidate/known-by")")
    done
    # Somebody may copy the command: a folder's name is a word of it, whatever is in it.
    below=$(app_below)
    below=${below:+$(printf %q "$below")}
    [ -z "$below" ] || below="There is an app in the folder $below, it seems: celadon apps:repo:path $below has that one built."
    fail 12 "No default language could be detected for this app." ${below:+"$below"} \
        "Its root directory has none of the files by which the platform's own buildpacks know one:" "${known[@]}" \
        "Add the one that fits, commit and push again; or name a buildpack: celadon buildpacks:set NAME or URL" \
        "(celadon buildpacks:search lists the names)."
}

# The first folder below, of a repository with several apps, that a buildpack would know.
app_below() {
    local candidate pattern found
    for candidate in $DEFAULT_BUILDPACKS; do
        [ -f "$candidate/known-by" ] || continue
        while read -r pattern; do
            found=$(find "$BUILD_DIR" -mindepth 2 -maxdepth 3 -name "$pattern" -type f -printf '%P\n' -quit 2>/dev/null)
            [ -z "$found" ] || { echo "${found%/*}"; return; }
        done <"$candidate/known-by"
    done
}

detect_chosen() {
    local number=$1 name
    if [ -x "/tmp/buildpacks/$number/bin/detect" ]; then
        if ! name=$(cd "/tmp/buildpacks/$number" && bin/detect "$BUILD_DIR" </dev/null 2>/dev/null); then
            fail 12 "The buildpack ${BUILDPACK_NAMES[number - 1]} does not know this app (its bin/detect failed)."
        fi
    else
        name=Other
    fi
    name=$(head -n 1 <<<"$name" | head -c 100)
    BUILDPACK_LANGUAGES+=("$name")
    echo "$name" >"$OUT/language.$number"
    echo "-----> $name app detected"
}

compile() {
    local number=$1
    mkdir -p "$CACHE_DIR/$2"
    (
        cd "/tmp/buildpacks/$number" &&
            exec bin/compile "$BUILD_DIR" "$CACHE_DIR/$2" "$ENV_DIR" </dev/null 2>&1
    ) || fail 13 "$(rejected "$number")"
    if [ -f "/tmp/buildpacks/$number/bin/release" ]; then
        (cd "/tmp/buildpacks/$number" && bash bin/release "$BUILD_DIR" </dev/null >"$OUT/release.$number") ||
            fail 14 "bin/release of the buildpack ${BUILDPACK_NAMES[number - 1]} failed." "$(rejected "$number")"
    fi
}

# The last line of a build whose buildpack has failed, as Heroku words it; of several buildpacks it tells which.
rejected() {
    local which=
    [ "${BUILDPACK_COUNT:-1}" -lt 2 ] || which=" (the buildpack ${BUILDPACK_NAMES[$1 - 1]})"
    echo "Push rejected, failed to compile ${BUILDPACK_LANGUAGES[$1 - 1]} app$which."
}

# Of earlier builds only the cache is kept, whatever they have made of it and of its folder.
clean() {
    chmod u+rwx /tmp
    if [ -L "$CACHE_DIR" ] || [ ! -d "$CACHE_DIR" ]; then rm -f "$CACHE_DIR"; else chmod u+rwx "$CACHE_DIR"; fi
    old -exec rm -rf {} + 2>/dev/null
    # What is left is in folders that nobody may write, as Go's modules are.
    old -exec chmod -R u+rwX {} +
    old -exec rm -rf {} +
}

old() { find /tmp -mindepth 1 -maxdepth 1 ! -name cache ! -name lost+found "$@"; }

# The slug has what its owner may read.
make_readable() {
    find "$BUILD_DIR" \( -type d ! -perm -u+rx -exec chmod u+rx {} \; \) -o \( -type f ! -perm -u+r -exec chmod u+r {} + \) ||
        true
}

main() {
    clean
    mkdir -p "$OUT" "$CACHE_DIR" /tmp/buildpacks
    fetch_source
    unpack_source
    if [ -n "${UNPACK_ONLY:-}" ]; then
        # What is to be built is looked at first: app.json says how.
        narrow
        return
    fi
    fetch_submodules </celadon/submodules
    narrow
    drop_ignored
    tell_lfs_pointers
    tell_misnamed_procfile
    refuse_in_the_way
    list_buildpacks >/tmp/buildpacks.tsv
    refuse_unknown </tmp/buildpacks.tsv
    if [ ! -s /tmp/buildpacks.tsv ]; then
        detect_default
        compile 1 default
        make_readable
        return
    fi
    local number=0 kind url ref
    BUILDPACK_NAMES=() BUILDPACK_LANGUAGES=()
    BUILDPACK_COUNT=$(wc -l </tmp/buildpacks.tsv)
    while IFS=$'\t' read -r kind url ref; do
        number=$((number + 1))
        case $kind in
        here) BUILDPACK_NAMES+=("${url##*/}") ;;
        *) BUILDPACK_NAMES+=("$(shown "$url")") ;;
        esac
        fetch_buildpack "$number" "$kind" "$url" "$ref"
        detect_chosen "$number"
        compile "$number" "$(echo -n "$url" | sha256sum | head -c 16)"
        if [ -f "/tmp/buildpacks/$number/export" ]; then
            # Written for a shell of its own: what it sets beside variables ends here. An exit in it is no success.
            trap 'fail 13 "The file export of the buildpack ${BUILDPACK_NAMES[number - 1]} ends the build: it may only set variables." "$(rejected "$number")"' EXIT
            set +u
            . "/tmp/buildpacks/$number/export" </dev/null
            set +e -u
            trap - EXIT
            cd /
        fi
    done </tmp/buildpacks.tsv
    make_readable
}

[ "${BASH_SOURCE[0]}" != "$0" ] || main
