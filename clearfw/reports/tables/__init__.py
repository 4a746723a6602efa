"""Tables: results as text, one module a command."""
