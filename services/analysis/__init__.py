"""Tiles in, cells out: detection and classification with models that say when they do not know."""
