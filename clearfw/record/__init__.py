"""Recording: a command's page events, from the running kernel into a trace."""
