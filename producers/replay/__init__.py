"""Real exports of events, read line by line and sent as records for Kafka."""
