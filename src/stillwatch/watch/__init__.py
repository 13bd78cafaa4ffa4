"""Detection near real time: a log is followed, and decisions follow within seconds."""
