"""``stillwatch rules``: rules that other members wrote, tried and put in use here; and one's own."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow.parquet as pq
import typer

from stillwatch.cli.progress import progress_bar
from stillwatch.config import Config, load_config
from stillwatch.detection.travelling import Trial, matches
from stillwatch.detection.travelling import trial as run_trial
from stillwatch.domain.finding import CampaignFinding
from stillwatch.errors import InputError
from stillwatch.intel.sigma import TravellingRule, parse_rule
from stillwatch.pipeline import Summarised, summarise
from stillwatch.profiles.phrases import FamilyTable
from stillwatch.report.lookup import look_up
from stillwatch.report.result import Result, read_result
from stillwatch.report.text import IDENT, plain
from stillwatch.sharing.ruledraft import common_phrases, draft_rule
from stillwatch.sharing.rules import EnabledRules

_SHOWN = 20  # matching accounts listed
_LEAST_SHARE = 0.3  # of a campaign's accounts whose quoted prompts hold a phrase

rules = typer.Typer(help="Rules of other members: try them, put them in use.", no_args_is_help=True)

_File = Annotated[Path, typer.Argument(help="The rule (YAML).")]
_Profiles = Annotated[
    list[str],
    typer.Option("--profiles", help="Profiles or logs to try it on; may be given again."),
]
_Hostile = Annotated[
    Path | None,
    typer.Option(help="Result of `stillwatch detect`: its flagged accounts are not benign."),
]
_ConfigFile = Annotated[Path | None, typer.Option("--config", help="Settings (TOML).")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@rules.command("try")
def try_(
    rule: _File,
    profiles: _Profiles,
    hostile: _Hostile = None,
    config: _ConfigFile = None,
    as_json: _Json = False,
) -> None:
    """Try a rule on its own samples and on your accounts; nothing is put in use."""
    read, parsed = _read(profiles, load_config(config), as_json), _rule(rule)
    done, matching = _tried(parsed, read, hostile)
    _tell(parsed, done, matching, as_json)
    if done.faults:
        raise typer.Exit(1)


@rules.command()
def enable(
    rule: _File,
    profiles: _Profiles,
    by: Annotated[str, typer.Option(help="Who lets it in; kept with the rule.")],
    hostile: _Hostile = None,
    config: _ConfigFile = None,
    as_json: _Json = False,
) -> None:
    """Try a rule and, if no fault is found, let `stillwatch detect` use it."""
    settings = load_config(config)
    read, parsed = _read(profiles, settings, as_json), _rule(rule)
    done, matching = _tried(parsed, read, hostile)
    record = EnabledRules(settings.shared_rules).enable(parsed, done, by)
    _tell(parsed, done, matching, as_json)
    if not as_json:
        print(f"in use until {record.expires}: {settings.shared_rules / record.digest}.yaml")


@rules.command()
def disable(
    digest: Annotated[str, typer.Argument(help="Digest of the rule, or its beginning.")],
    config: _ConfigFile = None,
) -> None:
    """Take a rule out of use."""
    record = EnabledRules(load_config(config).shared_rules).disable(digest)
    print(f"no longer in use: {record.digest[:12]} ({plain(record.title, IDENT)})")


@rules.command("list")
def list_(config: _ConfigFile = None, as_json: _Json = False) -> None:
    """List the rules in use, on what they were tried, and who let them in."""
    folder = load_config(config).shared_rules
    records = EnabledRules(folder).records()
    if as_json:
        print(orjson.dumps([asdict(record) for record in records]).decode())
        return
    for r in records:
        print(f"{r.digest[:12]}  {plain(r.title, IDENT)}")
        print(
            f"  matched {r.matched} of {r.accounts:,} benign accounts, wrong at most "
            f"{max(r.upper, r.stated):.3%}; let in by {plain(r.by, IDENT)} on {r.day}, "
            f"expires {r.expires}"
        )
    if not records:
        print(f"no rules in use ({folder})")


@rules.command()
def draft(
    campaign: Annotated[str, typer.Argument(help="A campaign of the result.")],
    result: Annotated[Path, typer.Option("--from", help="Result of `stillwatch detect`.")],
    out: Annotated[Path, typer.Option(help="Rule file to write (YAML).")],
    title: Annotated[str, typer.Option(help="What the rule finds.")],
    benign: Annotated[
        list[str] | None,
        typer.Option(
            "--benign", help="Profiles or logs on which to measure how often it is wrong."
        ),
    ] = None,
    config: _ConfigFile = None,
) -> None:
    """Write a rule from the wording that a campaign's accounts have in common; then read it."""
    if out.exists():
        raise InputError(f"{out} exists", hint="name another file, or remove it")
    read, found = _campaign(result, campaign)
    members = set(found.accounts)
    quoted = {str(a.account_id): a.exemplars for a in read.flagged if a.account_id in members}
    least = max(3, round(_LEAST_SHARE * len(quoted)))
    phrases = common_phrases(quoted, least)
    text = draft_rule(title, phrases, (), 0.1, None)
    if benign:
        summarised = _read(benign, load_config(config), quiet=False)
        done, _ = _tried(parse_rule(text, str(out)), summarised, result)
        text = draft_rule(title, phrases, (), 0.1, (done.accounts, float(f"{done.upper:.2g}")))
    out.write_text(text, encoding="utf-8")
    print(f"{len(phrases)} phrases that {least} accounts or more have in common: {out}")
    print("read it before it leaves: phrases are words of prompts")


def _campaign(folder: Path, wanted: str) -> tuple[Result, CampaignFinding]:
    result = read_result(folder)
    for entry in look_up(result, wanted):
        if isinstance(entry, CampaignFinding):
            return result, entry
    raise InputError(f"{plain(wanted, IDENT)} is an account", hint="name a campaign")


def _rule(path: Path) -> TravellingRule:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the rule {path} cannot be read: {error}") from error
    return parse_rule(text, str(path))


def _read(paths: list[str], settings: Config, quiet: bool) -> Summarised:
    with progress_bar(quiet=quiet) as progress:
        return summarise(paths, settings, progress=progress)


def _tried(rule: TravellingRule, read: Summarised, hostile: Path | None) -> tuple[Trial, list[str]]:
    known = _flagged(read.table.account_ids, hostile)
    families = FamilyTable.compile(read.families)
    done = run_trial(rule, read.table.profiles, families, known)
    found = matches(rule, read.table.profiles, families.names).accounts & ~known
    return done, [read.table.account_ids[row] for row in np.flatnonzero(found).tolist()]


def _flagged(account_ids: list[str], result: Path | None) -> npt.NDArray[np.bool_]:
    if result is None:
        return np.zeros(len(account_ids), dtype=np.bool_)
    table = pq.read_table(read_result(result).directory / "accounts.parquet")
    rows = zip(table["account_id"].to_pylist(), table["flagged"].to_pylist(), strict=True)
    hostile = {account for account, flagged in rows if flagged}
    return np.array([account in hostile for account in account_ids], dtype=np.bool_)


def _tell(rule: TravellingRule, done: Trial, matching: list[str], as_json: bool) -> None:
    if as_json:
        told: Mapping[str, Any] = {**asdict(done), "faults": done.faults, "matching": matching}
        print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return
    rate = f"at most {done.upper:.3%} (95 %)"
    stated = "not stated" if done.stated is None else f"stated: {done.stated:.3%}"
    print(f"{plain(rule.title, IDENT)} ({rule.digest[:12]}), expires {rule.expires}")
    print(f"matches {done.matched} of {done.accounts:,} benign accounts, {rate}; {stated}")
    for account in matching[:_SHOWN]:
        print(f"  matches {plain(account, IDENT)}")
    if len(matching) > _SHOWN:
        print(f"  and {len(matching) - _SHOWN} more (--json lists all)")
    for fault in done.faults:
        print(f"fault: {fault}")
