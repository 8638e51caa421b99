"""Redis and memcached as add-ons: one server each."""
