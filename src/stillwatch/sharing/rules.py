"""Other members' rules in use here: a folder that a person fills, and a run reads.

Rules
    * A rule is two files by its digest: the rule as it was signed, and the trial that let it in.
    * Nothing gets in without a trial that found no fault; who let it in is kept with it.
    * A rule that has expired is passed over, and one that no longer is what its name says is an
      error: a rule that accuses people must not change on a disk.
    * A rule rests on the claim it came with. When that counts nothing any more, the rule is
      withdrawn: it stays here with the reason, is left out of runs, and a person lets it in anew.
"""

import os
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import orjson

from stillwatch.detection.travelling import Enabled, Trial
from stillwatch.errors import InputError, PolicyRefused, StoredDataError
from stillwatch.intel.sigma import TravellingRule, parse_rule


@dataclass(frozen=True, slots=True)
class Record:
    """How a rule got in."""

    digest: str
    title: str
    accounts: int
    """Benign accounts it was tried on."""
    matched: int
    upper: float
    stated: float
    day: str
    by: str
    """Who let it in."""
    expires: str
    claim: str = ""
    """STIX id of the claim it came with; empty for a rule from a file."""
    store: str = ""
    """Settings of sharing (``share.toml``) whose store holds that claim."""
    withdrawn: str = ""
    """Why it is out of use although it is here; empty while it counts."""


@dataclass(frozen=True, slots=True)
class EnabledRules:
    """The folder of rules in use."""

    folder: Path

    def load(self, today: date | None = None) -> tuple[Enabled, ...]:
        """The rules in force. Raises ``StoredDataError`` for one that was changed."""
        today = today or datetime.now(UTC).date()
        found = (self._read(path) for path in sorted(self.folder.glob("*.yaml")))
        return tuple(
            Enabled(rule, max(record.upper, record.stated))
            for rule, record in found
            if rule.expires >= today and not record.withdrawn
        )

    def records(self) -> tuple[Record, ...]:
        """How each rule got in, expired ones too."""
        return tuple(self._read(path)[1] for path in sorted(self.folder.glob("*.yaml")))

    def enable(
        self, rule: TravellingRule, trial: Trial, by: str, claim: str = "", store: str = ""
    ) -> Record:
        """Put a rule in use. Raises ``PolicyRefused`` with every fault that its trial found."""
        if trial.digest != rule.digest:
            raise PolicyRefused("that trial is of another rule")
        if trial.faults or trial.stated is None:
            raise PolicyRefused(
                f"rule {rule.digest[:12]} ({rule.title}) is not enabled: {'; '.join(trial.faults)}",
                hint="look at the accounts it matches; those known to be hostile can be left out",
            )
        record = Record(
            rule.digest, rule.title, trial.accounts, trial.matched, trial.upper, trial.stated,
            trial.day.isoformat(), by, rule.expires.isoformat(), claim, store,
        )  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        self._note(record)
        _write(self.folder / f"{rule.digest}.yaml", rule.text.encode())  # last: now it counts
        return record

    def disable(self, digest: str) -> Record:
        """Take a rule out of use, named by its digest or the beginning of it."""
        named = [record for record in self.records() if record.digest.startswith(digest)]
        if len(named) != 1 or not digest:
            raise InputError(
                f"{len(named)} enabled rules begin with {digest!r}",
                hint="see `stillwatch rules list`",
            )
        (self.folder / f"{named[0].digest}.yaml").unlink()
        (self.folder / f"{named[0].digest}.json").unlink()
        return named[0]

    def withdraw(self, digest: str, why: str) -> Record | None:
        """Leave a rule out of all runs from now on; None if it is not in use."""
        for record in self.records():
            if record.digest == digest and not record.withdrawn:
                self._note(replace(record, withdrawn=why))
                return record
        return None

    def _note(self, record: Record) -> None:
        content = orjson.dumps(record, option=orjson.OPT_INDENT_2)
        _write(self.folder / f"{record.digest}.json", content)

    def _read(self, path: Path) -> tuple[TravellingRule, Record]:
        try:
            rule = parse_rule(path.read_text(encoding="utf-8"), str(path))
            record = Record(**orjson.loads(path.with_suffix(".json").read_bytes()))
        except (OSError, TypeError, ValueError, InputError) as error:
            raise StoredDataError(
                f"the enabled rule {path} cannot be used: {error}", hint="enable it again"
            ) from error
        if rule.digest != path.stem or record.digest != path.stem:
            raise StoredDataError(
                f"the enabled rule {path} is not the one that was let in", hint="enable it again"
            )
        return rule, record


def _write(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
