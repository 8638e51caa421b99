#!/bin/bash
# Runs inside the build dyno, as the app's user: a slug's archive, with ./app in it, to /tmp/slug/app.
# It ends with 10 when the archive cannot be unpacked, 11 when it has no ./app.
set -u
cd /
# Of builds only the cache is kept; what cannot be removed is in folders that nobody may write.
old() { find /tmp -mindepth 1 -maxdepth 1 ! -name cache ! -name lost+found "$@"; }
chmod u+rwx /tmp
old -exec rm -rf {} + 2>/dev/null
old -exec chmod -R u+rwX {} +
old -exec rm -rf {} +
mkdir /tmp/slug
tar --extract --no-same-owner --no-same-permissions --file /celadon/slug.tgz --directory /tmp/slug || exit 10
[ -d /tmp/slug/app ] && [ ! -L /tmp/slug/app ] || exit 11
chmod -R u+rwX /tmp/slug/app
