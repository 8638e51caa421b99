"""Ruby apps of ours for tests: a Sinatra app and a Rails one, without the gems (gems.bundle() adds them)."""

SINATRA = {
    "Gemfile": """
source "https://rubygems.org"
ruby "~> 3.3"

gem "greeting"
gem "puma"
gem "rackup"
gem "sinatra"
gem "rack-test", group: :test
""",
    "config.ru": 'require "./app"\nrun Sinatra::Application\n',
    "app.rb": """
require "sinatra"
require "greeting"

get "/" do
  "#{Greeting.hello}, Ruby #{RUBY_VERSION}, #{ENV["RACK_ENV"]}\\n"
end
""",
}

RAILS = {
    "Gemfile": """
source "https://rubygems.org"

gem "pg"
gem "puma"
gem "railties"
""",
    "Rakefile": 'require_relative "config/application"\nRails.application.load_tasks\n',
    "config.ru": 'require_relative "config/environment"\nrun Rails.application\n',
    "bin/rails": '#!/usr/bin/env ruby\nAPP_PATH = File.expand_path("../config/application", __dir__)\n'
    'require_relative "../config/boot"\nrequire "rails/commands"\n',
    "config/boot.rb": 'ENV["BUNDLE_GEMFILE"] ||= File.expand_path("../Gemfile", __dir__)\nrequire "bundler/setup"\n',
    "config/environment.rb": 'require_relative "application"\nRails.application.initialize!\n',
    "config/application.rb": """
require_relative "boot"
require "rails"
require "action_controller/railtie"
Bundler.require(*Rails.groups)

class Shop < Rails::Application
  config.load_defaults 7.2
  config.eager_load = true
  config.logger = ActiveSupport::Logger.new($stdout) if ENV["RAILS_LOG_TO_STDOUT"]
  config.public_file_server.enabled = ENV["RAILS_SERVE_STATIC_FILES"] == "enabled"
end
""",
    "config/routes.rb": 'Rails.application.routes.draw { root "pages#show" }\n',
    "app/controllers/pages_controller.rb": """
class PagesController < ActionController::Base
  def show
    session[:visits] = session.fetch(:visits, 0) + 1
    render plain: "Rails #{Rails.version} in #{Rails.env}, visit #{session[:visits]}\\n"
  end
end
""",
    "app/assets/style.css": "body { color: teal }\n",
    "lib/tasks/assets.rake": """
namespace :assets do
  task precompile: :environment do
    source = Rails.root.join("app/assets/style.css")
    made = Rails.root.join("public/assets/style-#{Digest::SHA256.file(source).hexdigest[0, 8]}.css")
    puts "Compiling #{made.basename} for #{ENV["DATABASE_URL"]}" unless made.exist?
    made.dirname.mkpath
    made.write(source.read)
  end
end
""",
}
