"""The command line, ``clickstream``."""
