"""The slug compiler: the only part of Celadon that runs buildpacks, and it runs them in build dynos.

role.py        the loop: takes pending builds up, a few at once; serves /builds-output
compiler.py    one build, top to bottom
run.py         what one build that runs is
workspace.py   an app's own disk for builds: its cache and the tree being built
buildpacks.py  which buildpacks, and where they are
driver.sh      what runs inside the build dyno
dyno.py        the build dyno: start, follow, stop
images.py      an import of an image, in place of the compiling (import.sh runs in the build dyno)
output.py      what users see of a build
stream.py      shows it to them
uploads.py     takes what people upload
promotions.py  copies the slugs that are promoted
shares.py      what builds have of the processors
packer.py      a slug from an archive that was uploaded (unpack.sh runs in the build dyno)
slug.py        process types and the packed slug
squash.py      mksquashfs, which makes it
"""
