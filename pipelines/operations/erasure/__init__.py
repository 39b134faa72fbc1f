"""What ``clickstream erase`` does, one module for each step."""
