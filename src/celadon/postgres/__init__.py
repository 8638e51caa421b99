"""PostgreSQL as an add-on: clusters, databases, what their users do with them."""
