# Packs Debian's Ruby libraries as gems: `gems.rb FOLDER OUT`, where FOLDER holds one unpacked package in each folder.
# Debian has compiled what a gem would compile when it is installed, and keeps libraries and programs where its policy says.
require "fileutils"
require "rubygems/package"
require "tmpdir"

ARCH = "x86_64-linux-gnu"
Gem::DefaultUserInteraction.ui = Gem::SilentUI.new
UNPACKED, OUT = ARGV.map { |path| File.expand_path(path) }

def collect(spec, gemspec, root, folder)
  tree = File.expand_path("../../gems/#{spec.full_name}", gemspec)
  FileUtils.cp_r("#{tree}/.", folder) if File.directory?(tree)
  FileUtils.mkdir_p("#{folder}/lib")
  compiled = "#{root}/usr/lib/#{ARCH}/rubygems-integration/*/extensions/*/*/#{spec.full_name}/*"
  Dir.glob(["#{root}/usr/lib/ruby/vendor_ruby/*", "#{root}/usr/lib/#{ARCH}/ruby/vendor_ruby/*/*", compiled]) do |library|
    FileUtils.cp_r(library, "#{folder}/lib") unless library.end_with?(".build_complete", ".out", ".log")
  end
  spec.executables.each do |name|
    program = "#{folder}/#{spec.bindir}/#{name}"
    next if File.exist?(program) || !File.exist?("#{root}/usr/bin/#{name}")
    FileUtils.mkdir_p(File.dirname(program))
    FileUtils.cp("#{root}/usr/bin/#{name}", program)
  end
end

Dir.glob("#{UNPACKED}/*/usr/{share,lib/#{ARCH}}/rubygems-integration/*/specifications/*.gemspec") do |gemspec|
  spec = Gem::Specification.load(gemspec)
  Dir.mktmpdir do |folder|
    collect(spec, gemspec, gemspec[%r{\A#{Regexp.escape(UNPACKED)}/[^/]+}], folder)
    Dir.chdir(folder) do
      spec.extensions = spec.extra_rdoc_files = spec.test_files = []
      spec.require_paths = spec.raw_require_paths.select { |path| File.directory?(path) } | ["lib"]
      spec.files = Dir.glob("**/*", File::FNM_DOTMATCH).select { |file| File.file?(file) && !File.symlink?(file) }
      spec.executables = spec.executables.select { |name| File.exist?("#{spec.bindir}/#{name}") }
      Gem::Package.build(spec, true, false, "#{OUT}/#{spec.full_name}.gem")
    end
  end
end
