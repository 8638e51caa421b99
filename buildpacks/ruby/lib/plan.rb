# Reads Gemfile and Gemfile.lock as Bundler does and prints what the build needs to know, as shell assignments.
require "shellwords"

LOCAL = Gem::Platform.local

def refuse(*lines)
  lines.join("\n").each_line { |line| warn " !     #{line.chomp}" }
  exit 1
end

# RubyGems itself reads the lock when Bundler is loaded, and stumbles.
%w[Gemfile.lock .ruby-version].each do |name|
  next if !File.file?(name) || File.read(name, encoding: "UTF-8").valid_encoding?
  refuse "cannot read #{name}: it has bytes in it that are not UTF-8 text.", "Save it as UTF-8, commit and push again."
end
require "bundler"

# Bundler cannot put into words what is wrong with bytes that are no text.
def reason(error)
  error.message.scrub.strip
rescue ArgumentError
  "it has bytes in it that are not UTF-8 text."
end

# The Gemfile is a program of the app's: what it prints is not ours to print.
def read_gemfile
  shown = $stdout.dup
  $stdout.reopen($stderr)
  Bundler::Dsl.evaluate(Pathname.new("Gemfile"), nil, {})
rescue SystemExit
  refuse "cannot read Gemfile: it ends the program that reads it (exit).", "Mend it, commit and push again."
rescue StandardError, ScriptError => error
  refuse "cannot read Gemfile: #{reason(error)}", "Mend it, commit and push again."
ensure
  $stdout.reopen(shown)
end

def read_lock
  unless File.file?("Gemfile.lock")
    refuse "cannot install the gems of Gemfile: there is no Gemfile.lock beside it.",
           "Run bundle install, commit Gemfile.lock and push again."
  end
  Bundler::LockfileParser.new(File.read("Gemfile.lock", encoding: "UTF-8"))
rescue Bundler::BundlerError => error
  refuse "cannot read Gemfile.lock: #{error.message.strip}",
         "Mend it or make it anew with bundle lock, commit and push again."
end

def check_platforms(lock)
  return if lock.platforms.empty? || lock.platforms.any? { |platform| platform == "ruby" || LOCAL =~ platform }
  refuse "cannot install the gems of Gemfile.lock: it is for #{lock.platforms.join(", ")} only, and dynos are x86_64-linux.",
         "Run bundle lock --add-platform x86_64-linux, commit Gemfile.lock and push again."
end

# What is asked for, by which file, and whether Bundler would refuse another patch level.
def wanted_ruby(definition)
  ruby = definition.ruby_version
  if ruby
    unless ruby.engine == "ruby"
      refuse "cannot use the Ruby that Gemfile asks for: #{ruby.engine} is not offered, only Ruby itself (MRI).",
             "Remove engine: from the ruby line of Gemfile, commit and push again."
    end
    return [ruby.versions.join(", "), "Gemfile", "yes"]
  end
  return ["", "", ""] unless File.file?(".ruby-version")
  asked = File.read(".ruby-version").lines.map { |line| line.sub(/#.*/, "").strip }.find { |line| !line.empty? }
  [asked.to_s.delete_prefix("ruby-").sub(/-p\d+\z/, ""), ".ruby-version", ""]
end

# `3.3` in .ruby-version is a series. In Gemfile it is 3.3.0 alone: so Bundler has it.
def requirement(wanted, strict)
  words = wanted.split(",").map(&:strip)
  words = words.map { |word| word.sub(/\A(\d+(?:\.\d+)?)\z/, '~> \1.0') } unless strict
  Gem::Requirement.new(words)
rescue Gem::Requirement::BadRequirementError
  nil
end

definition, lock = read_gemfile, read_lock
check_platforms(lock)
wanted, source, strict = wanted_ruby(definition)
range = requirement(wanted, strict == "yes")
refuse "cannot use the Ruby that #{source} asks for: #{wanted[0, 100].inspect} is not a version.", "Mend #{source}, commit and push again." unless range
local = lock.sources.any? { |from| from.instance_of?(Bundler::Source::Path) } || File.read("Gemfile").scrub.match?(/^\s*eval_gemfile\b/)

{
  "RUBY_WANTED" => wanted,
  "RUBY_RANGE" => wanted.empty? ? "" : range.as_list.join(", "),
  "RUBY_SOURCE" => source,
  "RUBY_STRICT" => strict,
  "LOCKED_BUNDLER" => lock.bundler_version.to_s,
  "GEMS" => lock.specs.map(&:name).uniq.join(" "),
  "LOCAL_CODE" => local ? "yes" : ""
}.each { |name, value| puts "#{name}=#{Shellwords.escape(value)}" }
