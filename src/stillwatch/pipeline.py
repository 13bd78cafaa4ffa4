"""The story: read → profile → measure → link → detect → report. Read this file first.

``detect`` is what ``stillwatch detect`` does, ``profile`` what ``stillwatch profile`` does; both
start from ``summarise``, which turns request logs (or profiles made earlier) into one profile
per account. Everything after that works on profiles alone: no log is read twice.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from stillwatch import __version__
from stillwatch.config import Config
from stillwatch.detection import travelling
from stillwatch.detection.exempt import align, exemptions
from stillwatch.detection.findings import Narrator
from stillwatch.detection.judge import Judgement, judge
from stillwatch.detection.rules import load_rules
from stillwatch.detection.suspects import suspects_of
from stillwatch.domain.finding import RunSummary
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
from stillwatch.report import Result, write_result
from stillwatch.sharing.matching import suspects
from stillwatch.sharing.rules import EnabledRules

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
    table, formats, bad = ProfileTable(compiled.names), [], 0
    told: tuple[str, ...] = ()
    if logs:
        options = ReadOptions(
            format=format,
            mapping=config.mapping,
            columns=READ,
            batch_rows=SLICE,
            encoded=True,
            bad_row_limit=config.bad_row_limit,
        )
        ours = nullcontext(engine) if engine else started(compiled, config.workers, config.spark)
        with Quarantine(quarantine) as bin_, ours as running:
            read = running.read(logs, options, bin_, _told(progress))
            table, formats, told, bad = read.table, list(read.formats), read.remarks, bin_.count
    for path in stored:
        merge_tables(table, read_profiles(Path(path)), path)
        formats = sorted({*formats, "profiles"})
    if quarantine and not bad:
        quarantine.unlink(missing_ok=True)  # an earlier run's bad rows are not this one's
    if not len(table):
        raise EmptyInput(f"no request in {', '.join(paths)}", hint="name the log files to read")
    table.sort()
    return Summarised(table, families, tuple(paths), tuple(formats), bad, told)


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
    rules = load_rules((config.rules or shipped_rules()) / "detection")
    shared = EnabledRules(config.shared_rules).load()

    # read, profile
    families = load_families((config.rules or shipped_rules()) / "phrases")
    with started(FamilyTable.compile(families), config.workers, config.spark) as engine:

        def profiled(what: Sequence[str], bad: Path | None = None) -> Summarised:
            return summarise(
                what, config, format=format, quarantine=bad, progress=progress, engine=engine
            )

        read = profiled(paths, out / "quarantine.jsonl")
        known = profiled(baseline) if baseline else None
    table = read.table
    notes = (
        *read.remarks,
        *(about_records(records, table.account_ids, tally) if records is not None else ()),
        *(about_baseline(known.quarantined, known.remarks) if known else ()),
    )
    records = align(records, table.account_ids) if records is not None else None
    excused = exemptions(table.account_ids, records, config.allowed)
    exempt = np.array([why is not None for why in excused], dtype=np.bool_)

    # measure, link, detect
    if progress:
        progress("judge", 0, 0)
    judgement = judge(
        table.profiles,
        exempt,
        tuple(family.name for family in read.families),
        tuple(family.name for family in read.families if family.kind == "tactic"),
        travelling.own_part(config.detection, shared),
        known.table.profiles if known else None,
    )

    judgement, ruled = travelling.apply(
        shared, judgement, table.profiles, exempt, config.detection.fdr
    )

    # report
    hub_share = config.detection.hub_share
    narrator = Narrator(
        table.account_ids, table.profiles, judgement, rules, excused, hub_share, records, ruled
    )
    with ThreadPoolExecutor(1) as beside:  # links need the other core, sentences the interpreter
        linked = beside.submit(narrator.campaigns)
        suspecting = beside.submit(_suspected, judgement, table, config)
        rows, found = narrator.accounts_table(), narrator.accounts()
        campaigns, suspected = linked.result(), suspecting.result()
    summary = _summary(read, judgement, records, config)
    seconds = time.monotonic() - began
    summary = replace(summary, notes=(*notes, *judgement.notes), seconds=seconds)
    result = write_result(out, summary, rows, found, campaigns)
    suspects.write(out, suspected)
    return result


def _suspected(judgement: Judgement, table: ProfileTable, config: Config) -> suspects.Suspected:
    """Groups below the bar, which other labs may know more of (``stillwatch campaigns``)."""
    fdr, least = config.detection.fdr, config.detection.least_campaign
    found = suspects_of(judgement, fdr)
    return suspects.of_run(found, table.account_ids, table.profiles, fdr, least)


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
