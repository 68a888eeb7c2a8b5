"""Frottis: a folder per service. Services meet in `proto/` and in `services.kit` only."""
