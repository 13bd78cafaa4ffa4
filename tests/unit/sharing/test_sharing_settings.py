"""``share.toml``: what it says is what is used, and every error names file and setting."""

from pathlib import Path

import pytest

from stillwatch.domain.claim import Tlp
from stillwatch.errors import ConfigError
from stillwatch.sharing.settings import TEMPLATE, load_settings, read_secret, write_secret
from tests.memory_hub import identity, signing_key

VALUES = {
    "url": "https://hub.example/x", "member": "alpha", "token_file": "token",
    "log_key": "hub.test/log+e960e29c+Ab1w3SV2xFZsTP7Amyf42CMWgOA/trbl5DogoVa95Dgr",
    "identity": identity(1), "key_file": "share.key", "collection": "claims",
    "jurisdiction": "DE", "basis": "gdpr-6-1-f", "as_of": "2026-10-01", "store": "share.db",
}  # fmt: skip


def written(folder: Path, old: str = "", new: str = "") -> Path:
    text = TEMPLATE.format(**VALUES)
    assert old in text
    path = folder / "share.toml"
    path.write_text(text.replace(old, new, 1) if old else text)
    return path


def test_the_template_is_complete(tmp_path: Path) -> None:
    mine = load_settings(written(tmp_path))
    assert (mine.url, mine.tlp, mine.least_accounts) == ("https://hub.example/x/", Tlp.AMBER, 6)
    assert mine.token_file == tmp_path / "token"
    assert mine.store == f"sqlite:///{tmp_path}/share.db"
    assert (mine.life("campaign"), mine.life("actor")) == (90, 90)
    longer = written(tmp_path, "[store]", "[expires_days]\ncampaign = 30\n[store]")
    assert load_settings(longer).life("campaign") == 30


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[hub]", "[hub", "cannot be read"),
        ("[hub]", "[hob]", r"unknown section \[hob\].*did you mean 'hub'"),
        ("member = ", "membre = ", "unknown setting hub.membre.*did you mean 'member'"),
        ('member = "alpha"', "member = 7", "hub.member = 7 has the wrong type"),
        ("confidence = 60", "confidence = true", "publish.confidence = True has the wrong type"),
        ('member = "alpha"', "", "hub.member is missing"),
        ("as_of = 2026-10-01", "", "legal_basis.as_of is missing"),
        ("https://hub.example", "http://hub.example", "would send the token unprotected.*https"),
        ("log+e960e29c", "log+00000000", "hub.log_key"),
        ('tlp = "amber"', 'tlp = "pink"', "publish.tlp = 'pink'.*known: clear, green, amber"),
        ('"abuse-prevention"', '"fun"', "publish.purpose = 'fun'"),
        ("confidence = 60", "confidence = 101", "publish.confidence = 101 must lie between"),
        ("unattended = []", 'unattended = ["rules"]', "publish.unattended = 'rules'"),
        ("unattended = []", 'unattended = ["rule"]', "publish.unattended.*a person reads it"),
        ("least_accounts = 6", "least_accounts = 1", "drafts.least_accounts = 1 must lie between"),
        ("most_p = 0.05", "most_p = nan", "drafts.most_p = nan must lie between"),
        ("[store]", "[expires_days]\nrule = 999\n[store]", "expires_days.rule = 999"),
        ("# quorum = 2", "quorum = 2", "hub.quorum = 2 with 0 witnesses"),
    ],
)
def test_an_error_names_file_and_setting(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s)share.toml.*{message}"):
        load_settings(written(tmp_path, old, new))


def test_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "token"
    write_secret(path, "swm_abc")
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_secret(path) == "swm_abc"
    with pytest.raises(ConfigError, match="cannot be written"):
        write_secret(path, "another")
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="can be read by others") as refused:
        read_secret(path)
    assert "swm_abc" not in str(refused.value)
    path.chmod(0o600)
    for content in ("", "two words", "one\ntwo"):
        path.write_text(content)
        with pytest.raises(ConfigError, match="holds no token"):
            read_secret(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(tmp_path / "none")
    mine = load_settings(written(tmp_path))
    signing_key(1).save(tmp_path / "share.key")
    assert mine.key().id == signing_key(1).id
