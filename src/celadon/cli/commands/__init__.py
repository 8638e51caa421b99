"""What each command does: a module for each topic of the table, and beside these what nothing but commands needs."""
