"""Real gems for the tests of Ruby, whose own registry is no part of them: Debian's Ruby libraries, packed as gems.

Made once for each stack image and kept beside it: nothing of it is committed.
"""

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.buildpacks import stack

_CACHE = Path("/var/cache/celadon/test-gems")
_PACKER = Path(__file__).with_name("gems.rb")
# With all that they need, as far as the stack has not got it as a gem of Ruby itself.
_PACKAGES = ("puma", "rake", "ruby-pg", "ruby-railties", "ruby-rackup", "ruby-sinatra", "ruby-webrick")
_SECONDS = 300
# As the build's user: lists, cache and locks of its own; what is installed is the stack's affair.
_FETCH = r"""
set -e
mkdir -p lists/partial archives/partial debs each gems
cat >apt.conf <<CONF
Dir::State::lists "$PWD/lists";
Dir::Cache "$PWD";
Dir::Cache::archives "$PWD/archives";
Acquire::Languages "none";
CONF
export APT_CONFIG=$PWD/apt.conf
apt-get -qq update
apt-get -qq --print-uris --no-install-recommends --reinstall install "$@" | cut -d"'" -f2 >addresses
cd debs
xargs -n 8 -P 4 curl -fsS --retry 2 --max-time 120 --remote-name-all <../addresses
for deb in *.deb; do mkdir "../each/$deb" && dpkg -x "$deb" "../each/$deb"; done
cd ..
ruby /run/packer.rb each gems
"""
# What `bundle lock` would do, if it looked into vendor/cache.
_LOCK = """
definition = Bundler.definition({})
definition.add_platform(Gem::Platform.new("x86_64-linux"))
definition.resolve_with_cache!
definition.lock
"""
# A gem with C code of its own, in the form in which a registry would have it.
_GREETING = {
    "greeting.gemspec": """
Gem::Specification.new do |spec|
  spec.name = "greeting"
  spec.version = "1.0.0"
  spec.summary = "Says hello from C"
  spec.authors = ["Celadon"]
  spec.files = Dir["ext/**/*", "lib/**/*"]
  spec.extensions = ["ext/greeting/extconf.rb"]
end
""",
    "ext/greeting/extconf.rb": 'require "mkmf"\ncreate_makefile("greeting/greeting")\n',
    "ext/greeting/greeting.c": """
#include <ruby.h>

static VALUE hello(VALUE self) { return rb_str_new_cstr("hello from C"); }

void Init_greeting(void) { rb_define_module_function(rb_define_module("Greeting"), "hello", hello, 0); }
""",
    "lib/greeting.rb": 'require "greeting/greeting"\n',
}


def packed() -> Path:
    """The folder of all gems, made first where this machine has none."""
    recipe = repr((_PACKAGES, _FETCH, _PACKER.read_text("utf-8"), _GREETING)).encode()
    folder = _CACHE / f"{stack.image().parent.name}-{hashlib.sha256(recipe).hexdigest()[:12]}"
    _CACHE.mkdir(parents=True, exist_ok=True)
    # Several processes of one test run, one set of gems.
    with (_CACHE / f"{folder.name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=_CACHE, prefix="partial-") as partial:
                _make(Path(partial)).rename(folder)
    return folder


def _make(scratch: Path) -> Path:
    for name, text in _GREETING.items():
        (scratch / "greeting" / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / "greeting" / name).write_text(text)
    _enter(scratch, "bash", "-c", _FETCH, "fetch", *_PACKAGES)
    _enter(scratch / "greeting", "gem", "build", "--silent", "--output", "greeting-1.0.0.gem", "greeting.gemspec")
    shutil.move(scratch / "greeting" / "greeting-1.0.0.gem", scratch / "gems")
    return scratch / "gems"


def bundle(folder: Path, *names: str) -> None:
    """Do what a developer does with `bundle cache`: put gems into vendor/cache and write Gemfile.lock.

    `names` are those of the gems that the Gemfile asks for and of what they need.
    """
    (folder / "vendor" / "cache").mkdir(parents=True, exist_ok=True)
    for path in packed().iterdir():
        if not names or path.name.rpartition("-")[0] in names:
            shutil.copy(path, folder / "vendor" / "cache")
    _enter(folder, "env", "BUNDLE_PATH=/tmp/bundle", "ruby", "-rbundler", "-e", _LOCK)


def _enter(folder: Path, *argv: str) -> None:
    stack.own(folder)
    words = stack.enter_argv({folder: "/run/work", _PACKER: "/run/packer.rb"}, "/run/work", list(argv))
    found = subprocess.run(
        words, env=stack.environment({}), capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    assert found.returncode == 0, f"{argv[0]}: {found.stdout}{found.stderr}"
