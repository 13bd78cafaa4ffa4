"""A Kafka cluster for tests: the mock brokers that librdkafka carries, reached by a second client."""

from collections.abc import Sequence
from typing import Any

import confluent_kafka

PARTITIONS = 4
"""Of a topic that mock brokers make when somebody asks for it."""


class Cluster:
    """Mock brokers inside this process, on loopback, with an empty topic ``requests``."""

    def __init__(self) -> None:
        self._producer: Any = confluent_kafka.Producer(
            {
                "bootstrap.servers": "unused.example.com:9092",
                "test.mock.num.brokers": 2,
                "log_level": 0,
            }
        )
        listed = self._producer.list_topics("requests", timeout=10)
        self.brokers = ",".join(f"{b.host}:{b.port}" for b in listed.brokers.values())

    def send(self, messages: Sequence[bytes], partition: int | None = None) -> None:
        """Append messages; spread over the partitions unless one is named."""
        for number, message in enumerate(messages):
            where = number % PARTITIONS if partition is None else partition
            self._producer.produce("requests", message, partition=where)
        assert self._producer.flush(10) == 0

    def committed(self, group: str) -> int:
        """Messages that a group said it has, over all partitions."""
        asking: Any = confluent_kafka.Consumer(
            {"bootstrap.servers": self.brokers, "group.id": group, "log_level": 0}
        )
        try:
            parts = [confluent_kafka.TopicPartition("requests", p) for p in range(PARTITIONS)]
            return sum(max(0, part.offset) for part in asking.committed(parts, timeout=10))
        finally:
            asking.close()
