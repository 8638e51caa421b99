"""The built-in service `scheduler`: jobs of apps."""
