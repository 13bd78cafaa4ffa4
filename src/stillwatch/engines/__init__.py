"""How batches get through the kernel: one machine now, the same calls on a cluster."""
