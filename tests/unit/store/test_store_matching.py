"""What a lab keeps about evaluators outlives restarts and says why."""

from pathlib import Path

from stillwatch.store import matching as kept
from stillwatch.store.database import Store
from stillwatch.store.matching import Canary


def test_canaries_are_of_one_key(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/share.db")
    with store.begin() as connection:
        kept.replace_canaries(connection, "e1", "aa", [Canary(b"1", b"x"), Canary(b"2", b"y")])
        kept.replace_canaries(connection, "e1", "bb", [Canary(b"1", b"z")])
        kept.replace_canaries(connection, "e1", "aa", [Canary(b"3", b"x")])
        assert kept.known_canaries(connection, "e1", "aa") == [Canary(b"3", b"x")]
        assert kept.known_canaries(connection, "e1", "bb") == [Canary(b"1", b"z")]
        assert kept.known_canaries(connection, "e2", "aa") == []
    store.close()


def test_who_is_aside_stays_with_the_first_reason_until_restored(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/share.db"
    store = Store(url)
    with store.begin() as connection:
        kept.set_aside(connection, "alpha", "e1", "it lied", "a.json")
        kept.set_aside(connection, "alpha", "e1", "again", "b.json")
        assert kept.last_pull(connection) is None
    store.close()
    store = Store(url)
    with store.begin() as connection:
        (one,) = kept.aside(connection)
        assert (one.member, one.why, one.evidence) == ("alpha", "it lied", "a.json")
        assert kept.restore(connection, "alpha")
        assert not kept.restore(connection, "alpha")
        assert kept.aside(connection) == []
    store.close()
