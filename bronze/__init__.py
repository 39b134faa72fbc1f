"""Bronze: every record of Kafka, good or bad, byte for byte."""
