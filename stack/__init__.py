"""Real servers as local processes, on free ports, for development and tests. No service imports this package."""
