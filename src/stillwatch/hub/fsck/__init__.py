"""A checker of the log from outside; it shares no code with the hub's own."""
