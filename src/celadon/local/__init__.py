"""Apps on the developer's own machine: what foreman does, on honcho's library."""
