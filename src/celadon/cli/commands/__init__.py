"""What each command does: a module for each topic of the table, and beside it what only that topic needs."""
