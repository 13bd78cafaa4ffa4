"""``stillwatch rules``: rules that other members wrote, tried and put in use here; and one's own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
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
from stillwatch.errors import InputError, StillwatchError
from stillwatch.intel.sigma import TravellingRule, parse_rule
from stillwatch.pipeline import Summarised, summarise
from stillwatch.profiles.phrases import FamilyTable
from stillwatch.report.lookup import look_up
from stillwatch.report.result import Result, read_result
from stillwatch.report.text import IDENT, SENTENCE, plain
from stillwatch.sharing import ruleclaims
from stillwatch.sharing.ruledraft import common_phrases, draft_rule
from stillwatch.sharing.rules import EnabledRules, Record
from stillwatch.sharing.settings import Settings, load_settings
from stillwatch.store.database import Store

_SHOWN = 20  # matching accounts listed
_LEAST_SHARE = 0.3  # of a campaign's accounts whose quoted prompts hold a phrase

rules = typer.Typer(help="Rules of other members: try them, put them in use.", no_args_is_help=True)

_Rule = Annotated[
    str, typer.Argument(help="The rule: a file (YAML), or with --from-store the id of a claim.")
]
_FromStore = Annotated[
    Path | None,
    typer.Option("--from-store", help="Settings of sharing (share.toml) of the lab's store."),
]
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
    rule: _Rule,
    profiles: _Profiles,
    hostile: _Hostile = None,
    from_store: _FromStore = None,
    config: _ConfigFile = None,
    as_json: _Json = False,
) -> None:
    """Try a rule on its own samples and on your accounts; nothing is put in use."""
    with _named(rule, from_store) as named:
        done, matching = _tried_as(named, _read(profiles, load_config(config), as_json), hostile)
    _tell(named, done, matching, as_json)
    if done.faults:
        raise typer.Exit(1)


@rules.command()
def enable(
    rule: _Rule,
    profiles: _Profiles,
    by: Annotated[str, typer.Option(help="Who lets it in; kept with the rule.")],
    hostile: _Hostile = None,
    from_store: _FromStore = None,
    config: _ConfigFile = None,
    as_json: _Json = False,
) -> None:
    """Try a rule and, if no fault is found, let `stillwatch detect` use it.

    One that came with a claim (--from-store) goes out of use when the claim counts nothing any more.
    """
    settings = load_config(config)
    into = EnabledRules(settings.shared_rules)
    with _named(rule, from_store) as named:
        done, matching = _tried_as(named, _read(profiles, settings, as_json), hostile)
        if named.given is None or named.store is None or named.sharing is None:
            record = into.enable(named.rule, done, by)
        else:
            record = ruleclaims.enable(named.store, into, named.given, done, by, named.sharing)
    _tell(named, done, matching, as_json)
    if not as_json:
        print(f"in use until {record.expires}: {settings.shared_rules / record.digest}.yaml")


@rules.command()
def disable(
    digest: Annotated[str, typer.Argument(help="Digest of the rule, or its beginning.")],
    config: _ConfigFile = None,
) -> None:
    """Take a rule out of use."""
    rules_ = EnabledRules(load_config(config).shared_rules)
    record = rules_.disable(digest)
    if record.claim:
        _let_go(rules_, record)
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
        if r.withdrawn:
            print(f"  withdrawn, not used: {plain(r.withdrawn, SENTENCE)}")
        print(
            f"  matched {r.matched} of {r.accounts:,} benign accounts, wrong at most "
            f"{max(r.upper, r.stated):.3%}; let in by {plain(r.by, IDENT)} on {r.day}, "
            f"expires {r.expires}{f'; from claim {r.claim}' if r.claim else ''}"
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


@dataclass(frozen=True, slots=True)
class _Named:
    """A rule from a file, or from a claim with the store that holds it."""

    rule: TravellingRule
    given: ruleclaims.Given | None = None
    store: Store | None = None
    sharing: Settings | None = None


@contextmanager
def _named(rule: str, from_store: Path | None) -> Iterator[_Named]:
    if from_store is None:
        if ruleclaims.is_rule_id(rule):
            raise InputError(f"{rule} is a claim", hint="--from-store share.toml says where it is")
        yield _Named(_rule(Path(rule)))
        return
    sharing = load_settings(from_store)
    store = Store(sharing.store)
    try:
        with store.begin() as connection:
            given = ruleclaims.received_rule(connection, rule)
        yield _Named(given.rule, given, store, sharing)
    finally:
        store.close()


def _let_go(rules_: EnabledRules, record: Record) -> None:
    """Tell the lab's store; where it is gone, the rule is out of use all the same."""
    try:
        store = Store(load_settings(Path(record.store)).store)
        try:
            ruleclaims.let_go(store, rules_, record.claim, record.digest)
        finally:
            store.close()
    except StillwatchError as error:
        print(f"the store of {record.store} still lists it: {error}")


def _tried_as(named: _Named, read: Summarised, hostile: Path | None) -> tuple[Trial, list[str]]:
    done, matching = _tried(named.rule, read, hostile)
    return (named.given.held_to(done) if named.given else done), matching


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


def _tell(named: _Named, done: Trial, matching: list[str], as_json: bool) -> None:
    rule, given = named.rule, named.given
    if as_json:
        told: Mapping[str, Any] = {
            **asdict(done), "faults": done.faults, "matching": matching,
            "claim": given.claim if given else None,
            "stated_on": given.tried_on if given else None,
        }  # fmt: skip
        print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return
    rate = f"at most {done.upper:.3%} (95 %)"
    stated = "not stated" if done.stated is None else f"stated: {done.stated:.3%}"
    if given:
        stated += f" of {given.tried_on[0]:,}-{given.tried_on[1]:,} ({given.claim})"
    print(f"{plain(rule.title, IDENT)} ({rule.digest[:12]}), expires {rule.expires}")
    print(f"matches {done.matched} of {done.accounts:,} benign accounts, {rate}; {stated}")
    for account in matching[:_SHOWN]:
        print(f"  matches {plain(account, IDENT)}")
    if len(matching) > _SHOWN:
        print(f"  and {len(matching) - _SHOWN} more (--json lists all)")
    for fault in done.faults:
        print(f"fault: {fault}")
