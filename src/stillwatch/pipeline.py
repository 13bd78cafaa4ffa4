"""The story: read → profile → measure → link → detect → report. Read this file first.

``detect`` is what ``stillwatch detect`` does: ``summarise`` turns request logs (or profiles made
earlier) into one profile per account, ``assess`` judges profiles, ``report`` writes what was found.
``stillwatch profile`` stops after the first, ``stillwatch watch`` keeps the profiles itself and does
the other two again and again. Nothing after the first reads a log.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa

from stillwatch import __version__
from stillwatch.campaigns.linking import KERNELS, Linker
from stillwatch.config import Config
from stillwatch.detection import travelling
from stillwatch.detection.exempt import align, exemptions
from stillwatch.detection.findings import Narrator
from stillwatch.detection.judge import DetectionOptions, Judgement, judge
from stillwatch.detection.rules import Rule, load_rules
from stillwatch.detection.suspects import suspects_of
from stillwatch.domain.finding import AccountFinding, CampaignFinding, RunSummary
from stillwatch.engines.choice import started
from stillwatch.engines.interface import Engine
from stillwatch.engines.local import SLICE
from stillwatch.errors import EmptyInput, InputError
from stillwatch.logs import Quarantine, ReadOptions, Tally
from stillwatch.logs.accounts import read_accounts
from stillwatch.logs.remarks import about_baseline, about_records
from stillwatch.profiles.coverage import coverage, period, unseen
from stillwatch.profiles.phrases import Family, FamilyTable, load_families, shipped_rules
from stillwatch.profiles.requests import READ
from stillwatch.profiles.store import is_profiles, merge_tables, read_profiles
from stillwatch.profiles.table import ProfileTable
from stillwatch.report.result import Result, write_result
from stillwatch.sharing.matching import suspects
from stillwatch.sharing.rules import EnabledRules

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Progress = Callable[[str, int, int], None]
"""Called with what is being done, the bytes read so far and the bytes in all."""


@dataclass(frozen=True, slots=True)
class Summarised:
    """Request logs as profiles, and what there was to read."""

    table: ProfileTable
    families: tuple[Family, ...]
    """The phrase families that were looked for."""
    sources: tuple[str, ...]
    formats: tuple[str, ...]
    quarantined: int
    remarks: tuple[str, ...]
    """What was not read whole, in sentences."""
    linker: Linker = KERNELS
    """What links these accounts, while the engine that profiled them runs."""


def summarise(
    paths: Sequence[str],
    config: Config,
    *,
    format: str | None = None,  # noqa: A002  the option's name
    quarantine: Path | None = None,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> Summarised:
    """Read logs and stored profiles, and merge them into one profile per account.

    Without ``engine`` the one that the settings name is started for this call.
    """
    families = load_families((config.rules or shipped_rules()) / "phrases")
    named = list(dict.fromkeys(paths))  # a profile file named twice must not count twice
    stored = [p for p in named if is_profiles(Path(p))]
    logs = [p for p in named if p not in stored]
    compiled = FamilyTable.compile(families)
    table, formats, bad, home = ProfileTable(compiled.names), [], 0, None
    told: tuple[str, ...] = ()
    if logs:
        options = ReadOptions(
            format=format,
            mapping=config.mapping,
            columns=READ,
            batch_rows=SLICE,
            encoded=True,
            bad_row_limit=config.bad_row_limit,
            bad_file_limit=config.bad_file_limit,
        )
        ours = nullcontext(engine) if engine else started(compiled, config.workers, config.spark)
        with Quarantine(quarantine) as bin_, ours as running:
            read = running.read(logs, options, bin_, _told(progress))
            table, formats, told, bad = read.table, list(read.formats), read.remarks, bin_.count
            home = read.home if not stored else None  # executors have what they read
    for path in stored:
        merge_tables(table, read_profiles(Path(path)), path)
        formats = sorted({*formats, "profiles"})
    if quarantine and not bad:
        quarantine.unlink(missing_ok=True)  # an earlier run's bad rows are not this one's
    if not len(table):
        raise EmptyInput(f"no request in {', '.join(paths)}", hint="name the log files to read")
    table.sort()
    linker = _linker_of(home, table.account_ids)
    return Summarised(table, families, tuple(paths), tuple(formats), bad, told, linker)


def _linker_of(home: "DataFrame | None", account_ids: Sequence[str]) -> Linker:
    """What links a table of profiles: the executors whose ``home`` holds just these, or kernels."""
    if home is None:
        return KERNELS
    from stillwatch.campaigns.spark.linker import SparkLinker  # noqa: PLC0415 - an optional extra

    return SparkLinker(home, account_ids)


@dataclass(frozen=True, slots=True)
class Grounds:
    """What profiles are judged by, beside themselves."""

    config: Config
    families: tuple[Family, ...]
    rules: Sequence[Rule]
    shared: Sequence[travelling.Enabled]
    """Rules of other members that are in use."""
    records: pa.Table | None = None
    """Account records as they were read."""
    known: ProfileTable | None = None
    """Benign profiles to calibrate on."""
    tally: Tally = field(default_factory=Tally)
    """What of the account records was not read."""
    remarks: tuple[str, ...] = ()
    """What of the baseline was not read, in sentences."""

    def notes(self, account_ids: Sequence[str]) -> tuple[str, ...]:
        """What a reader must know of the grounds, beside these accounts."""
        if self.records is None:
            return self.remarks
        return (*about_records(self.records, account_ids, self.tally), *self.remarks)

    @classmethod
    def of(
        cls,
        config: Config,
        families: tuple[Family, ...],
        records: pa.Table | None = None,
        tally: Tally | None = None,
        known: Summarised | None = None,
    ) -> Self:
        """With the rules that the configuration names, as they are now."""
        rules = load_rules((config.rules or shipped_rules()) / "detection")
        shared = EnabledRules(config.shared_rules).load()
        remarks = about_baseline(known.quarantined, known.remarks) if known else ()
        table = known.table if known else None
        return cls(config, families, rules, shared, records, table, tally or Tally(), remarks)


@dataclass(frozen=True, slots=True)
class Assessed:
    """What profiles show, measured and in words."""

    judgement: Judgement
    accounts: pa.Table
    """One row per account."""
    flagged: Sequence[AccountFinding]
    """Flagged accounts, and exempt ones that would have been."""
    campaigns: Sequence[CampaignFinding]
    suspected: suspects.Suspected


def detect(
    paths: Sequence[str],
    out: Path,
    config: Config,
    *,
    accounts: Path | None = None,
    baseline: Sequence[str] = (),
    format: str | None = None,  # noqa: A002
    progress: Progress | None = None,
) -> Result:
    """Find suspicious accounts and campaigns in request logs; writes the result to ``out``."""
    began = time.monotonic()
    check_writable(out)
    tally = Tally()
    records = read_accounts(accounts, tally) if accounts else None
    load_rules((config.rules or shipped_rules()) / "detection")  # refused before hours of reading
    EnabledRules(config.shared_rules).load()

    # read, profile
    families = load_families((config.rules or shipped_rules()) / "phrases")
    compiled = FamilyTable.compile(families)
    with started(compiled, config.workers, config.spark, keeps=True) as engine:

        def profiled(what: Sequence[str], bad: Path | None = None) -> Summarised:
            return summarise(
                what, config, format=format, quarantine=bad, progress=progress, engine=engine
            )

        read = profiled(paths, out / "quarantine.jsonl")
        known = profiled(baseline) if baseline else None

        # measure, link, detect
        if progress:
            progress("judge", 0, 0)
        grounds = Grounds.of(config, read.families, records, tally, known)
        assessed = assess(read.table, grounds, linker=read.linker)

    # report
    notes = (*read.remarks, *grounds.notes(read.table.account_ids))
    return report(out, read, assessed, grounds, notes, began)


def assess(
    table: ProfileTable,
    grounds: Grounds,
    naming: Callable[[Judgement, Sequence[str]], Sequence[str]] | None = None,
    linker: Linker = KERNELS,
) -> Assessed:
    """Judge all profiles of a sorted table, and put into words what was found.

    ``naming`` gives the campaigns names, in the judgement's order; without it they are numbered.
    ``linker`` links the accounts: kernels here, or the executors that profiled them.
    """
    detection, families = grounds.config.detection, grounds.families
    records = grounds.records
    records = align(records, table.account_ids) if records is not None else None
    excused = exemptions(table.account_ids, records, grounds.config.allowed)
    exempt = np.array([why is not None for why in excused], dtype=np.bool_)

    # measure, link, detect
    judgement = judge(
        table.profiles,
        exempt,
        tuple(family.name for family in families),
        tuple(family.name for family in families if family.kind == "tactic"),
        travelling.own_part(detection, grounds.shared),
        grounds.known.profiles if grounds.known else None,
        linker,
    )
    judgement, ruled = travelling.apply(
        grounds.shared, judgement, table.profiles, exempt, detection.fdr
    )

    # put into words
    names = tuple(naming(judgement, table.account_ids)) if naming else ()
    narrator = Narrator(
        table.account_ids, table.profiles, judgement, grounds.rules, excused,
        detection.hub_share, records, ruled, names,
    )  # fmt: skip
    with ThreadPoolExecutor(1) as beside:  # links need the other core, sentences the interpreter
        linked = beside.submit(narrator.campaigns)
        suspecting = beside.submit(_suspected, narrator, detection)
        rows, found = narrator.accounts_table(), narrator.accounts()
        return Assessed(judgement, rows, found, linked.result(), suspecting.result())


def report(
    out: Path,
    read: Summarised,
    assessed: Assessed,
    grounds: Grounds,
    notes: Sequence[str],
    began: float,
) -> Result:
    """Write what was found; ``began`` is when the work did, on the monotonic clock."""
    summary = _summary(read, assessed.judgement, grounds.records, grounds.config)
    seconds = time.monotonic() - began
    summary = replace(summary, notes=(*notes, *assessed.judgement.notes), seconds=seconds)
    result = write_result(out, summary, assessed.accounts, assessed.flagged, assessed.campaigns)
    suspects.write(out, assessed.suspected)
    return result


def _suspected(narrator: Narrator, detection: DetectionOptions) -> suspects.Suspected:
    """Groups below the bar, which other labs may know more of (``stillwatch campaigns``)."""
    fdr, least = detection.fdr, detection.least_campaign
    found = suspects_of(narrator.judgement, fdr)
    return suspects.of_run(
        found, narrator.account_ids, narrator.profiles, fdr, least, narrator.name
    )


def check_writable(folder: Path) -> None:
    """Refuse, before hours of reading, a folder in which nothing could be written afterwards."""
    nearest = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not nearest.is_dir():
        raise InputError(f"{nearest} is a file", hint="name a directory for the result")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to {nearest}", hint="name a directory you may write to")


def _summary(
    read: Summarised, judgement: Judgement, records: pa.Table | None, config: Config
) -> RunSummary:
    profiles = read.table.profiles
    first, last = period(profiles)
    return RunSummary(
        version=__version__,
        sources=read.sources,
        formats=read.formats,
        events=int(profiles["events"].sum()),
        accounts=len(read.table),
        quarantined=read.quarantined,
        first_seen=first,
        last_seen=last,
        fdr=config.detection.fdr,
        calibration="self" if judgement.self_calibrated else "baseline",
        reference_accounts=judgement.reference_accounts,
        flagged=int(judgement.flagged.sum()),
        campaigns=len(judgement.campaigns.members),
        coverage=coverage(profiles),
        unseen=unseen(profiles, judgement.signals, records is not None),
        notes=judgement.notes,
        seconds=0.0,
    )


def _told(progress: Progress | None) -> Callable[[int, int], None] | None:
    return partial(progress, "read") if progress else None
