"""All services in one process, and the `frottis` command. The only place that imports every service."""
