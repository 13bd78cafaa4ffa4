"""One file, ``share.toml``, says with whom a lab shares, as whom, and on what terms.

Rules: secrets stand in files of their own, which nobody else may read; paths are relative to the
settings' file. A name that is not known is an error with the closest known one. The legal basis is
a dated setting that counsel confirms: there is no default for it.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, get_args

from stillwatch.crypto.files import refuse_readable
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.note import VerifierKey
from stillwatch.domain.claim import LegalBasis, Purpose, StixId, Tlp
from stillwatch.errors import ConfigError
from stillwatch.settingsfile import Sections, check_names
from stillwatch.sharing.known import Witnesses

KINDS: Final = (
    "campaign", "actor", "infrastructure", "tactic", "rule", "verdict", "opinion", "sighting",
    "tags",
)  # fmt: skip
_MOST_TOKEN: Final = 4096
_DAYS: Final = {"campaign": 90, "infrastructure": 60, "rule": 90, "opinion": 180, "sighting": 60}
"""How long a claim of each kind holds unless the settings say otherwise."""
_LONGEST: Final = 365

TEMPLATE: Final = """\
# With whom we share, as whom, and on what terms. See docs/reference/share-toml.md

[hub]
url = "{url}"
member = "{member}"                # our name at the hub
token_file = "{token_file}"        # mode 0600
log_key = "{log_key}"              # from the operator, by a way that is not the hub
# witnesses = ["identity--…"]      # members whose cosignature must stand on what we believe
# quorum = 2

[identity]
id = "{identity}"                  # given when our key was enrolled
key_file = "{key_file}"            # mode 0600; keep a copy where the hub is not

[publish]
collection = "{collection}"        # id or alias of a claims collection
tlp = "amber"                      # clear, green, amber, amber+strict, red
groups = []                        # sharing groups that may read; none: all readers
purpose = "abuse-prevention"
confidence = 60                    # 0 to 100, in steps of 5
unattended = []                    # kinds that leave without a person, e.g. ["sighting"]

# To be confirmed by counsel, for every jurisdiction from which claims leave.
[legal_basis]
jurisdiction = "{jurisdiction}"    # ISO 3166-1 alpha-2, or EU
basis = "{basis}"
as_of = {as_of}

[drafts]
least_accounts = 6                 # campaigns with fewer stay home
most_p = 0.05                      # and those with a larger p-value

[store]
url = "sqlite:///{store}"

[matching]
# region = "DE"                    # of phone numbers that are written without a country
# rehearsal = true                 # take example.com and numbers for films too; not in production
# evaluators = ["identity--…"]     # asked first, by the identity of their member
deadline_ms = 1000                 # a sign-up that takes longer passes unscreened
"""


@dataclass(frozen=True, slots=True)
class Matching:
    """How sign-ups and customers are screened."""

    region: str | None = None
    """ISO 3166-1 alpha-2: where phone numbers without a country are from."""
    rehearsal: bool = False
    """Whether the domains and phone numbers of examples are taken, which strangers type."""
    evaluators: tuple[str, ...] = ()
    """Members whose evaluators are asked before others."""
    members: frozenset[str] = frozenset()
    """Identities of which we know, not from the hub, that each is another member's."""
    deadline_ms: int = 1000
    """For all evaluators, for one sign-up."""
    canary_rate: float = 0.002
    """Share of what is asked that is made up and known."""
    audit_rate: float = 0.01
    """Share of batches that are asked again, with proof."""
    stale_days: int = 3
    """Days since the last pull after which leads are held back to a review."""
    leads: Path | None = None
    """File of thresholds; None for the shipped one."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a command of sharing needs to know."""

    path: Path
    url: str
    """Of the hub, ending in a slash."""
    member: str
    token_file: Path
    log_key: VerifierKey
    witnesses: Witnesses
    identity: StixId
    key_file: Path
    collection: str
    tlp: Tlp
    groups: tuple[str, ...]
    purpose: Purpose
    confidence: int
    unattended: frozenset[str]
    legal_basis: LegalBasis
    least_accounts: int
    most_p: float
    store: str
    """Database URL."""
    days: Mapping[str, int] = field(default_factory=dict)
    """How long a claim of each kind holds."""
    pseudonym: bool = False
    """Whether identity and key are those of a further name of ours."""
    matching: Matching = Matching()

    @property
    def tags(self) -> Path:
        """Folder of the tag set: packs, their index, and the key epochs that were believed."""
        return self.path.parent / "tags"

    def key(self) -> SigningKey:
        """Our signing key. Raises ``ConfigError``."""
        return SigningKey.load(self.key_file)

    def token(self) -> str:
        """Our token. Raises ``ConfigError`` for a file that others may read."""
        return read_secret(self.token_file)

    def life(self, kind: str) -> int:
        """Days for which a claim of a kind holds."""
        return self.days.get(kind, _DAYS.get(kind, 90))


_SECTIONS: Final[Sections] = {
    "hub": {
        "url": (str,), "member": (str,), "token_file": (str,), "log_key": (str,),
        "witnesses": (list,), "quorum": (int,),
    },
    "identity": {"id": (str,), "key_file": (str,)},
    "publish": {
        "collection": (str,), "tlp": (str,), "groups": (list,), "purpose": (str,),
        "confidence": (int,), "unattended": (list,),
    },
    "legal_basis": {"jurisdiction": (str,), "basis": (str,), "as_of": (date,), "until": (date,)},
    "drafts": {"least_accounts": (int,), "most_p": (float, int)},
    "expires_days": dict.fromkeys(KINDS, (int,)),
    "store": {"url": (str,)},
    "matching": {
        "region": (str,), "rehearsal": (bool,), "evaluators": (list,), "members": (list,), "deadline_ms": (int,),
        "canary_rate": (float, int), "audit_rate": (float, int), "stale_days": (int,),
        "leads": (str,),
    },
}  # fmt: skip
_OPTIONAL: Final = {
    ("hub", "witnesses"), ("hub", "quorum"), ("publish", "groups"), ("publish", "unattended"),
    ("legal_basis", "until"), ("store", "url"), ("drafts", "least_accounts"), ("drafts", "most_p"),
    *(("expires_days", kind) for kind in KINDS),
    *(("matching", name) for name in _SECTIONS["matching"]),
}  # fmt: skip


def load_settings(path: Path) -> Settings:
    """Read ``share.toml``. Raises ``ConfigError`` naming file and setting."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}", hint="`stillwatch share init` writes one"
        ) from error
    _check(data, path)
    hub, me, publish, basis = (data[n] for n in ("hub", "identity", "publish", "legal_basis"))
    drafts = data.get("drafts", {})
    try:
        log_key = VerifierKey.parse(hub["log_key"])
    except Exception as error:
        raise ConfigError(f"{path}: hub.log_key: {error}") from error
    witnesses = Witnesses(frozenset(map(str, hub.get("witnesses", []))), hub.get("quorum", 0))
    return Settings(
        path=path,
        url=_url(hub["url"], path),
        member=hub["member"],
        token_file=path.parent / hub["token_file"],
        log_key=log_key,
        witnesses=_sound(witnesses, path),
        identity=StixId(me["id"]),
        key_file=path.parent / me["key_file"],
        collection=publish["collection"],
        tlp=Tlp(_one_of(publish["tlp"], [t.value for t in Tlp], "publish.tlp", path)),
        groups=tuple(sorted(map(str, publish.get("groups", [])))),
        purpose=_one_of(publish["purpose"], get_args(Purpose), "publish.purpose", path),
        confidence=_within(publish["confidence"], 0, 100, "publish.confidence", path),
        unattended=_kinds(publish.get("unattended", []), path),
        legal_basis=LegalBasis(
            basis["jurisdiction"], basis["basis"], basis["as_of"], basis.get("until")
        ),
        least_accounts=_within(
            drafts.get("least_accounts", 6), 2, 10**9, "drafts.least_accounts", path
        ),
        most_p=float(_within(drafts.get("most_p", 0.05), 0, 1, "drafts.most_p", path)),
        store=_store(data.get("store", {}).get("url", "sqlite:///share.db"), path.parent),
        days={
            kind: _within(days, 1, _LONGEST, f"expires_days.{kind}", path)
            for kind, days in data.get("expires_days", {}).items()
        },
        matching=_matching(data.get("matching", {}), path, witnesses),
    )


def _matching(said: Mapping[str, Any], path: Path, witnesses: Witnesses) -> Matching:
    ours = Matching()

    def number(name: str, low: float, high: float) -> Any:
        return _within(said.get(name, getattr(ours, name)), low, high, f"matching.{name}", path)

    region = said.get("region")
    if region is not None and not (len(region) == 2 and region.isascii() and region.isupper()):
        raise ConfigError(
            f"{path}: matching.region = {region!r}", hint='two capital letters, e.g. "DE"'
        )
    return Matching(
        region=region,
        rehearsal=said.get("rehearsal", False),
        evaluators=tuple(map(str, said.get("evaluators", []))),
        members=frozenset(map(str, said.get("members", []))) | witnesses.identities,
        deadline_ms=number("deadline_ms", 10, 60_000),
        canary_rate=float(number("canary_rate", 0, 0.5)),
        audit_rate=float(number("audit_rate", 0, 1)),
        stale_days=number("stale_days", 1, 365),
        leads=path.parent / said["leads"] if "leads" in said else None,
    )


def read_secret(path: Path) -> str:
    """One line of a file that nobody else may read. Raises ``ConfigError``."""
    try:
        mode = path.stat().st_mode
        with path.open(encoding="ascii") as file:
            text = file.read(_MOST_TOKEN).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the token file {path} cannot be read: {error}") from error
    refuse_readable(path, mode, "ask for a new token", "the token file")
    if not text or len(text.split()) != 1:
        raise ConfigError(f"the token file {path} holds no token", hint="one line, nothing else")
    return text


def write_secret(path: Path, text: str) -> None:
    """Write a new file of mode 0600. Raises ``ConfigError`` if it exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror})") from error


def _check(data: Mapping[str, Any], path: Path) -> None:
    check_names(data, _SECTIONS, path)
    needed = {(section, name) for section, known in _SECTIONS.items() for name in known}
    for section, name in sorted(needed - _OPTIONAL):
        if name not in data.get(section, {}):
            raise ConfigError(f"{path}: {section}.{name} is missing")


def _one_of(value: Any, known: Iterable[str], name: str, path: Path) -> Any:
    if value not in known:
        raise ConfigError(f"{path}: {name} = {value!r}", hint=f"known: {', '.join(known)}")
    return value


def _within(value: Any, low: float, high: float, name: str, path: Path) -> Any:
    if not low <= value <= high:
        raise ConfigError(f"{path}: {name} = {value} must lie between {low} and {high}")
    return value


def _kinds(values: list[Any], path: Path) -> frozenset[str]:
    if "rule" in values:
        raise ConfigError(
            f"{path}: publish.unattended = 'rule'",
            hint="a rule holds text: a person reads it first",
        )
    return frozenset(_one_of(value, KINDS, "publish.unattended", path) for value in values)


def _url(text: str, path: Path) -> str:
    local = ("http://127.0.0.1", "http://localhost", "http://[::1]")
    if not text.startswith(("https://", *local)):
        raise ConfigError(
            f"{path}: hub.url = {text!r} would send the token unprotected", hint="use https://"
        )
    return text.rstrip("/") + "/"


def _sound(witnesses: Witnesses, path: Path) -> Witnesses:
    if not 0 <= witnesses.quorum <= len(witnesses.identities):
        raise ConfigError(
            f"{path}: hub.quorum = {witnesses.quorum} with {len(witnesses.identities)} witnesses"
        )
    return witnesses


def _store(url: str, folder: Path) -> str:
    """A relative SQLite file lies beside the settings."""
    name = url.removeprefix("sqlite:///")
    return url if name == url else f"sqlite:///{folder / name}"
