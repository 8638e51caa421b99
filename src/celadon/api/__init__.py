"""The Platform API, Heroku's v3: parse → action → serialise. One table of routes, one module per resource."""
