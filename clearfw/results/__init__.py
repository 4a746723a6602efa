"""Results: what a command found, as it is saved in JSON and read back."""
