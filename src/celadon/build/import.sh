#!/bin/bash
# Runs inside the build dyno, as the app's user: an image → its files in /tmp/rootfs, and what is to be known of it in $OUT.
# It ends with the number of the step that failed (see images.py), or 0.
set -uo pipefail
cd /

layout=oci:/tmp/layout:app

fail() {
    local status=$1
    shift
    printf ' !     %s\n' "$@"
    exit "$status"
}

# The reason a program gave with its last line, as a line of ours.
last_words() { tail -n 1 "$OUT/said" | sed -E 's/.*level=fatal msg="(.*)"$/\1/; s/\\"/"/g; s/^Error parsing image name "[^"]*": //' | cut -c -400; }

# gave_up STATUS [ADVICE]: after a program of others has ended badly.
gave_up() {
    ! grep -q 'no space left on device' "$OUT/said" || fail 24 "$(last_words)"
    fail "$1" "$(last_words)" "${@:2}"
}

# The login for a registry is in the file that REGISTRY_AUTH_FILE names.
ask() { skopeo --insecure-policy --tmpdir /tmp/scratch "$@" 2>"$OUT/said"; }

copy() {
    ask --override-os linux --override-arch amd64 copy --retry-times 2 --format oci --dest-compress-level 1 \
        "$1" "$layout" | sed 's/^/       /' || return
    ask inspect --raw "$layout" >"$OUT/copied" && grep -q 'layer[^"]*tar+zstd"' "$OUT/copied" || return 0
    # umoci reads gzip alone.
    ask copy --quiet --dest-decompress "$layout" dir:/tmp/plain && rm -rf /tmp/layout &&
        ask copy --quiet --dest-compress-level 1 dir:/tmp/plain "$layout" && rm -rf /tmp/plain
}

digest_of() { skopeo manifest-digest "$1" >"$OUT/digest"; }

# By its digest: a tag may lead elsewhere between two questions.
fetch() {
    echo "-----> Fetching $IMAGE"
    # What may not be reached answers nothing: that should not take long to say.
    ask --command-timeout 15s inspect --raw "docker://$IMAGE" >"$OUT/manifest" && digest_of "$OUT/manifest" ||
        gave_up 20 "Check the name, and that the image can be read: --username gives a login for its registry."
    copy "docker://$IMAGE_NAME@$(cat "$OUT/digest")" || gave_up 20
}

read_archive() {
    echo "-----> Reading $IMAGE"
    # Without a leap over what it need not read: one may lead beyond the end.
    tar --list --no-seek --file "$SOURCE" >"$OUT/names" 2>"$OUT/said" || no_archive
    local found
    if grep -Eqx '(\./)?oci-layout' "$OUT/names"; then
        # Not skopeo's oci-archive: that wants to give the files to others.
        mkdir /tmp/archive && tar --extract --no-same-owner --no-same-permissions --file "$SOURCE" --directory /tmp/archive ||
            fail 21 "It cannot be unpacked."
        found=oci:/tmp/archive
    elif grep -Eqx '(\./)?manifest\.json' "$OUT/names"; then
        found=docker-archive:$SOURCE
    else
        fail 21 "There is no image in it: make the archive with docker save IMAGE or skopeo copy … oci-archive:FILE."
    fi
    copy "$found" && digest_of "$OUT/copied" || gave_up 21
    rm -rf /tmp/archive
}

no_archive() {
    # In the words of tar and of what unpacks: gzip, bzip2, xz, zstd.
    ! grep -Eqi 'unexpected (EOF|end)|ends unexpectedly|premature' "$OUT/said" ||
        fail 21 "The archive ends too early: it, or its upload, was cut off." \
            "Make it again with docker save or skopeo copy, and import that."
    fail 21 "It is no tar archive: make one with docker save or skopeo copy."
}

# An image for other machines ends here, before anything of it is unpacked.
check_platform() {
    local platform
    platform=$(ask inspect --format '{{.Os}}/{{.Architecture}}' "$layout" | tr -cd 'a-z0-9/') || gave_up 22
    [ "$platform" = linux/amd64 ] ||
        fail 22 "It is for $platform, dynos are linux/amd64: build it with docker build --platform linux/amd64."
    ask inspect --config --raw "$layout" >"$OUT/config.json" || gave_up 22
}

unpack() {
    echo "-----> Unpacking the image"
    umoci unpack --rootless --image /tmp/layout:app /tmp/bundle >"$OUT/said" 2>&1 || gave_up 23
    rm -rf /tmp/layout
    mv /tmp/bundle/rootfs /tmp/rootfs
    # All of it is the app's user's from here on, as which it is packed and run: files that only root could read, too.
    chmod -R u+rwX,ug-s /tmp/rootfs || fail 23 "Its files cannot be read."
}

# What a dyno's root must have: places to mount on, which no link may stand in for.
prepare() {
    local name
    cd /tmp/rootfs || exit 23
    for name in dev etc proc sys tmp; do
        [ -d "$name" ] && [ ! -L "$name" ] || { rm -rf "$name" && mkdir "$name"; }
    done
    for name in group hostname hosts passwd resolv.conf; do
        [ -f "etc/$name" ] && [ ! -L "etc/$name" ] || { rm -rf "etc/$name" && : >"etc/$name"; }
    done
    if [ -e bin/sh ] || [ -L bin/sh ]; then : >"$OUT/shell"; fi
}

# Of earlier builds only the cache is kept; what cannot be removed is in folders that nobody may write.
clean() {
    chmod u+rwx /tmp
    old -exec rm -rf {} + 2>/dev/null
    old -exec chmod -R u+rwX {} +
    old -exec rm -rf {} +
}

old() { find /tmp -mindepth 1 -maxdepth 1 ! -name cache ! -name lost+found "$@"; }

clean
mkdir -p "$OUT" /tmp/scratch
if [ -n "${SOURCE:-}" ]; then read_archive; else fetch; fi
check_platform
unpack
prepare
