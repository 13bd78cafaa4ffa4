"""Quality of detection: one module per table, each runnable alone from the folder ``bench``.

cd bench && python -m quality.worlds [--worlds 8] [--json]
"""
