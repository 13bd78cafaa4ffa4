"""A topic: every message once, wherever a run ended; the broker is told after, and never asked."""

from pathlib import Path

import pytest

from stillwatch.config import load_config
from stillwatch.errors import ConfigError, PeerError
from stillwatch.logs.topics import KafkaOptions
from stillwatch.watch.interface import Bounds
from stillwatch.watch.topic import Topic
from tests.brokers import Cluster
from tests.watching import OPTIONS, ids, lines, taken


@pytest.fixture
def brokers() -> Cluster:
    return Cluster()


def follow(brokers: Cluster, before: Topic | None = None, **more: str) -> Topic:
    kafka = KafkaOptions(brokers.brokers, "requests", **more)
    return Topic(kafka, OPTIONS, Bounds(block_rows=7), before.position() if before else None)


def all_of(topic: Topic) -> list[str]:
    """All there is, in the order of ids."""
    return sorted(taken(topic, last=True), key=lambda name: int(name[1:]))


def messages(first: int, stop: int) -> list[bytes]:
    return lines(first, stop).splitlines()


def test_every_message_is_read_once_across_restarts(brokers: Cluster) -> None:
    brokers.send(messages(0, 20))
    first = follow(brokers)
    block = first.take(last=True)
    assert block is not None
    assert first.take() is block  # not accepted yet: the same again
    block.accept()
    some = block.batches[0].column("event_id").to_pylist()
    said = first.position()
    unkept = first.take(last=True)
    assert unkept is not None  # taken, and lost with the process
    first.close()
    again = Topic(KafkaOptions(brokers.brokers, "requests"), OPTIONS, Bounds(), said)
    assert sorted([*some, *all_of(again)]) == sorted(ids(0, 20))
    brokers.send(messages(20, 30))
    assert all_of(again) == ids(20, 30)
    assert again.backlog() == 0
    again.close()


def test_the_broker_hears_of_what_is_durable_only(brokers: Cluster) -> None:
    brokers.send(messages(0, 10))
    topic = follow(brokers, group="watchers")
    assert len(all_of(topic)) == 10
    assert brokers.committed("watchers") == 0
    topic.position()
    topic.durable()
    topic.close()  # the commit is on its way until then
    assert brokers.committed("watchers") == 10


def test_from_the_end_when_nothing_is_known(brokers: Cluster) -> None:
    brokers.send(messages(0, 10))
    topic = follow(brokers, start="end")
    assert all_of(topic) == []
    brokers.send(messages(10, 13))
    assert all_of(topic) == ids(10, 13)
    topic.close()


def test_a_message_may_be_printed_over_lines_and_a_bad_one_is_counted(brokers: Cluster) -> None:
    brokers.send([messages(0, 1)[0].replace(b", ", b",\n").replace(b"{", b"{\n"), b"{broken"], 0)
    topic = follow(brokers)
    assert sorted(taken(topic, last=True)) == ["bad 2", "e0"]
    topic.close()


def test_what_cannot_be_reached_or_set_is_an_error(brokers: Cluster) -> None:
    with pytest.raises(PeerError, match="topic requests cannot be reached"):
        Topic(KafkaOptions("127.0.0.1:1", "requests"), OPTIONS, Bounds(answer_s=0.2))
    with pytest.raises(ConfigError, match=r"kafka\.options\.group\.id"):
        Topic(
            KafkaOptions(brokers.brokers, "requests", options={"group.id": "x"}), OPTIONS, Bounds()
        )
    with pytest.raises(ConfigError, match="do not hold"):
        Topic(
            KafkaOptions(brokers.brokers, "requests", options={"no.such.setting": "x"}),
            OPTIONS,
            Bounds(),
        )


def test_the_section_of_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "stillwatch.toml"
    path.write_text(
        '[kafka]\nbrokers = "192.0.2.1:9092"\ntopic = "requests"\n'
        '[kafka.options]\n"sasl.password" = "hunter2"\n"enable.ssl.certificate.verification" = true\n'
    )
    kafka = load_config(path).kafka
    assert kafka is not None
    assert kafka.options["enable.ssl.certificate.verification"] == "true"
    assert "hunter2" not in repr(kafka)
    for broken, what in (
        ('[kafka]\ntopic = "t"', "no brokers"),
        ('[kafka]\nbrokers = "b"\ntopic = "t"\nstart = "now"', "'beginning' or 'end'"),
        ('[kafka]\nbroker = "b"', "did you mean 'brokers'"),
    ):
        path.write_text(broken)
        with pytest.raises(ConfigError, match=what):
            load_config(path)


def test_a_topic_that_was_made_anew_is_read_from_its_beginning(brokers: Cluster) -> None:
    brokers.send(messages(0, 3), 0)
    kafka = KafkaOptions(brokers.brokers, "requests")
    topic = Topic(kafka, OPTIONS, Bounds(), {"offsets": {"0": 900, "1": 0}})
    assert all_of(topic) == ids(0, 3)
    topic.close()
