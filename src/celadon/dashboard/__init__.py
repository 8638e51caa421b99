"""Pages for people, in the browser: clients of the same actions as the API."""
