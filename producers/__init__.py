"""Producers: the events, their contract, and what sends them to Kafka."""
