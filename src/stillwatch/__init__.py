"""stillwatch: find adversarial distillation in a provider's own request logs.

Read ``stillwatch.pipeline`` first: it tells the whole story in about a hundred lines.
"""

__version__ = "0.1.0"
