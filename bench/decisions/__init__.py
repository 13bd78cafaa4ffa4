"""What decisions cost and whom they touch: one module per table, each runnable alone from ``bench``."""
