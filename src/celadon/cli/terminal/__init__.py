"""What stands on the terminal, and who has it."""
