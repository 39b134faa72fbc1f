"""Validation of a micro-batch: the fast path by column, and the reference implementation for the rest."""
