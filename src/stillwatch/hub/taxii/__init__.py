"""TAXII 2.1 (OASIS Standard, 2021-06-10) over the hub's tables."""
