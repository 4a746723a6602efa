"""Results of commands, as they are saved in JSON and read back."""
