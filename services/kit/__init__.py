"""What all services share: contracts, transport, loop, object store, settings, telemetry, clock. No domain code."""
