"""The simulator: sessions of a shop's users as records for Kafka, the same for the same seed."""
