# Runs those of the named rake tasks that the app has, with one start of the app; ends with 77 when it has none.
require "rake"

app = Rake.application
app.standard_exception_handling do
  wanted = ARGV.dup
  ARGV.clear
  app.init("rake", [])
  app.load_rakefile
  present = wanted.select { |name| Rake::Task.task_defined?(name) }
  exit 77 unless present.include?(wanted.first)
  present.each { |name| Rake::Task[name].invoke }
end
