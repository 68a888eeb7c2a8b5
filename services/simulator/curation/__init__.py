"""Cuts clean single cells out of public, licensed smear pictures: `python -m services.simulator.curation --help`."""
