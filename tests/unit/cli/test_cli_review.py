"""`stillwatch share review` without a terminal: conditions are set, shown and checked."""

import json
from pathlib import Path

import pytest

from stillwatch.errors import InputError, PolicyRefused
from stillwatch.store import outbox
from stillwatch.store.database import Store
from stillwatch.store.outbox import Draft
from tests.sharers import command
from tests.unit.sharing.test_acts import BODY, ID
from tests.unit.sharing.test_sharing_settings import written


def test_conditions_are_set_shown_and_released(tmp_path: Path) -> None:
    config = written(tmp_path)
    store = Store(f"sqlite:///{tmp_path}/share.db")
    with store.begin() as connection:
        outbox.put(connection, Draft(ID, "campaign", "waiting", "a result", BODY, {}))
    base = ("share", "review", "--config", config, "--json", "--by", "reviewer")
    (told,) = json.loads(command(*base, "--edit", ID, "--set", "confidence=40"))
    assert "+ confidence: 40" in told["changes"]
    with pytest.raises(PolicyRefused, match="confidence"):
        command(*base, "--release", ID, "--set", "confidence=41")
    for words in (("--set", "tlp=green"), ("--edit", ID), ("--edit", ID, "--set", "tlp")):
        with pytest.raises(InputError):
            command(*base, *words)
    assert json.loads(command(*base, "--release", ID, "--set", "tlp=green")) == []
    with store.begin() as connection:
        assert [one["act"] for one in outbox.history(connection)] == ["edit", "edit", "release"]
    store.close()
