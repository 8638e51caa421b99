# A page that says which dyno answered, and greets by name.
require "rack"

app = lambda do |env|
  request = Rack::Request.new(env)
  name = Rack::Utils.unescape_path(request.path_info).delete_prefix("/")
  greeting = name.empty? ? "Hello from #{ENV.fetch("DYNO", "here")}" : "Hello #{name}"
  [200, { "content-type" => "text/plain; charset=utf-8" }, ["#{greeting}\n"]]
end

run app
