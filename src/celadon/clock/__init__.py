"""What happens at a time: retention of what is no longer needed."""
