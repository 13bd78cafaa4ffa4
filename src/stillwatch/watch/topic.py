"""A Kafka topic whose messages are JSON records, one or more lines each.

Rules
    * Where to go on is kept in our own checkpoint, with the profiles. The broker is told only after
      these are on the disk, and never asked.
    * All partitions are read: half of a campaign's accounts would not be a campaign.
    * Partitions that are added are read from their beginning.
    * What the broker threw away before it was read is counted and told.
"""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from stillwatch.errors import ConfigError, PeerError
from stillwatch.logs import ReadOptions
from stillwatch.logs.topics import KafkaOptions
from stillwatch.watch.blocks import Blocks
from stillwatch.watch.interface import Bounds, Position, Taken

_LOOK_S: Final = 30.0
"""Seconds between two looks for new partitions."""
_ANSWER_S: Final = 10.0
"""Seconds to wait for an answer of the brokers."""
_OURS: Final = frozenset(
    {"bootstrap.servers", "group.id", "enable.auto.commit", "enable.auto.offset.store",
     "auto.offset.reset", "enable.partition.eof"}
)  # fmt: skip


class Topic:
    """A source: one topic, all partitions."""

    def __init__(
        self,
        kafka: KafkaOptions,
        options: ReadOptions,
        bounds: Bounds,
        position: Position | None = None,
    ) -> None:
        """Connect. Raises ``ConfigError`` or ``PeerError``."""
        self._kafka, self._options, self._bounds = kafka, options, bounds
        self._client = _client()
        said = position or {"offsets": {}}
        self._first_time = position is None
        self._next: dict[int, int] = {int(p): int(at) for p, at in said["offsets"].items()}
        """Partition to the offset of the next message."""
        self._lost = int(said.get("lost", 0))
        self._blocks = Blocks(self.name, options, said.get("format") or _format(options))
        self._durable: dict[int, int] = {}
        self._asked: dict[int, int] = {}
        self._ahead: tuple[Taken, dict[int, int]] | None = None
        self._trouble = ""
        self._looked = -math.inf
        self._ends: dict[int, int] = {}
        try:
            self._consumer = self._client.Consumer(self._settings())
        except self._client.KafkaException as error:
            raise ConfigError(
                f"the settings of topic {kafka.topic} do not hold: {_said(error)}",
                hint="see [kafka] in docs/reference/configuration.md",
            ) from error
        self._look()
        if not self._ends:
            raise PeerError(
                f"topic {kafka.topic} cannot be reached: {self._trouble or 'no partitions'}",
                hint="check brokers, topic and the right to describe it",
            )

    @property
    def name(self) -> str:
        """See ``Source``."""
        return f"kafka:{self._kafka.topic}"

    @property
    def ended(self) -> bool:
        """See ``Source``."""
        return False

    def take(self, *, last: bool = False) -> Taken | None:
        """See ``Source``."""
        if self._ahead is not None:
            return self._ahead[0]
        if time.monotonic() - self._looked >= _LOOK_S or last:
            self._look()
        messages = self._messages(_ANSWER_S if last and self.backlog() else 0.05)
        lines, after, size = [], dict(self._next), 0
        for message in messages:
            value = message.value() or b""
            lines.append(b" ".join(value.splitlines()) + b"\n")
            after[message.partition()] = message.offset() + 1
            size += len(value)
        if not lines:
            return None
        first = min(message.offset() for message in messages) + 1
        batches, bad, tally = self._blocks.read(b"".join(lines), first)
        taken = Taken(batches, self._accept, bad, tally, size)
        self._ahead = (taken, after)
        return taken

    def position(self) -> Position:
        """See ``Source``."""
        self._asked = dict(self._next)
        offsets = {str(partition): at for partition, at in sorted(self._next.items())}
        said: dict[str, Any] = {"offsets": offsets, "lost": self._lost}
        return {**said, "format": self._blocks.format} if self._blocks.format else said

    def durable(self) -> None:
        """See ``Source``: the broker is told, for those who watch the lag."""
        told = {p: at for p, at in self._asked.items() if at and self._durable.get(p) != at}
        if not told:
            return
        try:
            self._consumer.commit(
                offsets=[self._at(partition, at) for partition, at in told.items()],
                asynchronous=True,
            )
            self._durable |= told
        except self._client.KafkaException as error:
            self._trouble = _said(error)

    def backlog(self) -> int:
        """See ``Source``: messages, as of the last look."""
        return sum(max(0, end - self._next.get(p, 0)) for p, end in self._ends.items())

    def remarks(self) -> Sequence[str]:
        """See ``Source``."""
        told = []
        if self._lost:
            told.append(
                f"{self._lost:,} messages of topic {self._kafka.topic} were gone before they were "
                "read: the broker keeps them too short a time."
            )
        if self._trouble:
            told.append(f"topic {self._kafka.topic}: {self._trouble}")
        return told

    def close(self) -> None:
        """See ``Source``."""
        self._consumer.close()

    def _accept(self) -> None:
        assert self._ahead is not None
        self._next, self._ahead = self._ahead[1], None

    def _messages(self, patience: float) -> list[Any]:
        """Good messages that are there, in order; errors are told, not raised."""
        codes, found = self._client.KafkaError, []
        for message in self._consumer.consume(self._bounds.block_rows, patience):
            error = message.error()
            if error is None:
                self._trouble = ""
                found.append(message)
            elif error.code() in (codes.OFFSET_OUT_OF_RANGE, codes._AUTO_OFFSET_RESET):
                self._looked = -math.inf  # the next look finds out what became of it
            elif error.code() != codes._PARTITION_EOF:
                self._trouble = error.str()
        return found

    def _look(self) -> None:
        """Find the partitions, where they end, and whether what is to come next is still there."""
        self._looked = time.monotonic()
        try:
            topics = self._consumer.list_topics(self._kafka.topic, timeout=_ANSWER_S).topics
            partitions = sorted(topics[self._kafka.topic].partitions)
            marks = {p: self._marks(p) for p in partitions}
        except self._client.KafkaException as error:
            self._trouble = _said(error)
            return
        self._ends = {partition: end for partition, (_, end) in marks.items()}
        moved = False
        for partition, (first, end) in marks.items():
            at = self._next.get(partition)
            if at is None:
                begin = first if self._kafka.start == "beginning" or not self._first_time else end
                self._next[partition] = begin
            elif at < first or at > end:
                self._lost += max(0, first - at)
                self._next[partition] = first
            moved = moved or self._next[partition] != at
        self._first_time = False
        if moved or not self._consumer.assignment():
            self._consumer.assign([self._at(p, self._next[p]) for p in partitions])

    def _marks(self, partition: int) -> tuple[int, int]:
        low, high = self._consumer.get_watermark_offsets(self._at(partition, 0), timeout=_ANSWER_S)
        return int(low), int(high)

    def _at(self, partition: int, offset: int) -> Any:
        return self._client.TopicPartition(self._kafka.topic, partition, offset)

    def _settings(self) -> Mapping[str, Any]:
        ours = _OURS & self._kafka.options.keys()
        if ours:
            raise ConfigError(f"kafka.options.{min(ours)} is set by the watcher itself")
        return {
            "socket.keepalive.enable": True,
            **self._kafka.options,
            "bootstrap.servers": self._kafka.brokers,
            "group.id": self._kafka.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "logger": _Quiet(),
        }


class _Quiet:
    """librdkafka's own lines: what matters is told as a remark, and none may show a secret."""

    def log(self, *_: object) -> None:
        """Take a line."""


def _client() -> Any:
    try:
        import confluent_kafka  # noqa: PLC0415  an optional extra
    except ImportError:
        raise ConfigError(
            "following a topic needs confluent-kafka", hint="pip install 'stillwatch[kafka]'"
        ) from None
    return confluent_kafka


def _format(options: ReadOptions) -> str | None:
    """Messages are the canonical records unless said otherwise."""
    return options.format or (options.mapping.base if options.mapping else None)


def _said(error: Exception) -> str:
    about = error.args[0] if error.args else error
    text = about.str() if hasattr(about, "str") else str(about)
    return str(text)
