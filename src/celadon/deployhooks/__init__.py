"""The built-in service `deployhooks`: who is told of an app's deploys."""
