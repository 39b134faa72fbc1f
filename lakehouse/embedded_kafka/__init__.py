"""An Apache Kafka broker on this machine, for development, tests and the demo."""
