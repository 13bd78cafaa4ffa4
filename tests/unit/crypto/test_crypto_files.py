import os
import stat

import pytest

from stillwatch.crypto.files import refuse_readable, write_new
from stillwatch.errors import ConfigError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")


def test_a_new_file_is_its_owners_under_any_umask(tmp_path):
    before = os.umask(0)
    try:
        write_new(tmp_path / "k", b"secret")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    assert (tmp_path / "k").read_bytes() == b"secret"


def test_nothing_is_overwritten_not_even_through_a_link(tmp_path):
    (tmp_path / "k").write_bytes(b"older")
    (tmp_path / "link").symlink_to(tmp_path / "k")
    (tmp_path / "dangling").symlink_to(tmp_path / "elsewhere")
    for name in ("k", "link", "dangling"):
        with pytest.raises(ConfigError, match="exists; keys are never overwritten"):
            write_new(tmp_path / name, b"newer")
    assert (tmp_path / "k").read_bytes() == b"older"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("bit", [0o040, 0o020, 0o010, 0o004, 0o002, 0o001])
def test_any_right_of_others_is_refused(tmp_path, bit):
    with pytest.raises(ConfigError, match=f"mode {0o600 | bit:o}.*chmod 600 .*, and replace it if"):
        refuse_readable(tmp_path / "k", stat.S_IFREG | 0o600 | bit, "replace it")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_its_owner_is_taken(tmp_path, mode):
    assert refuse_readable(tmp_path / "k", stat.S_IFREG | mode, "replace it") is None
