"""The contract: what an event is, how a record is validated, and when two events are the same."""
