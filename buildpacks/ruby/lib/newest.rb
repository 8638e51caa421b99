# `newest.rb RANGE`: reads versions, a line each, and prints the newest that the range allows; nothing when none does.
range = Gem::Requirement.new(ARGV[0].split(","))
versions = $stdin.read.split.select { |text| Gem::Version.correct?(text) }.map { |text| Gem::Version.new(text) }
puts versions.select { |version| range.satisfied_by?(version) }.max
