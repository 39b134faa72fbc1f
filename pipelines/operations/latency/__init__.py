"""Measure how long an event takes from the producer to every layer, by sessions that are marked."""
