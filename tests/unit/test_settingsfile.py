"""Names in settings files: what is not known is told with what was meant."""

from pathlib import Path

import pytest

from stillwatch.errors import ConfigError
from stillwatch.settingsfile import check_names

KNOWN = {"hub": {"url": (str,), "quorum": (int,)}, "matching": {"rehearsal": (bool,)}}
FILE = Path("a.toml")


def test_what_is_known_passes():
    check_names({"hub": {"url": "u", "quorum": 2}, "matching": {"rehearsal": True}}, KNOWN, FILE)


@pytest.mark.parametrize(
    ("data", "said", "hint"),
    [
        ({"hubs": {}}, "unknown section [hubs]", "did you mean 'hub'?"),
        ({"hub": "u"}, "unknown section [hub]", "did you mean 'hub'?"),
        ({"hub": {"quorun": 1}}, "unknown setting hub.quorun", "did you mean 'quorum'?"),
        ({"hub": {"zzz": 1}}, "unknown setting hub.zzz", "known: url, quorum"),
        ({"hub": {"quorum": True}}, "hub.quorum = True has the wrong type", None),
        ({"hub": {"url": 1}}, "hub.url = 1 has the wrong type", None),
        ({"matching": {"rehearsal": 1}}, "matching.rehearsal = 1 has the wrong type", None),
    ],
)
def test_what_is_not_known_is_told(data, said, hint):
    with pytest.raises(ConfigError) as found:
        check_names(data, KNOWN, FILE)
    assert found.value.message == f"a.toml: {said}"
    assert hint is None or found.value.hint == hint
