"""The formats of exports that can be replayed: one module each, found here, never registered anywhere."""

from lakehouse.discovery import discover
from producers.replay.format import Format

FORMATS = discover(__name__, __path__[0], Format, "FORMAT")
"""Every format by its name."""
