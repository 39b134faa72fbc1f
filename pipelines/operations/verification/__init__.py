"""The checks of ``clickstream verify``, one module for each kind."""
