"""The simulator: shoppers who visit a shop, as records for Kafka, the same ones for the same seed."""
