"""The hub beside OpenTAXII, and its latency as a collection grows."""
