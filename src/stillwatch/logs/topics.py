"""How to reach a topic of request logs; the client itself is with those who follow it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """The section ``[kafka]`` of the configuration."""

    brokers: str
    """``host:port``, several with commas."""
    topic: str
    group: str = "stillwatch"
    """Under which the broker is told what is durable, for those who watch the lag."""
    start: str = "beginning"
    """Where to begin when nothing is known: ``beginning`` or ``end``."""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    """More settings of librdkafka, by their own names (``security.protocol``, ``sasl.password``)."""
