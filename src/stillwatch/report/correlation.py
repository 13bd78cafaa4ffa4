"""What ``correlate`` leaves behind: JSON, a finding fit to be shared, words on the terminal.

Rules
    - ``findings.jsonl`` holds no text of any model or prompt: names, figures and sizes only.
    - A finding names the digest of the full record, so that both sides can tell they speak of the same.
"""

import hashlib
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table

import stillwatch
from stillwatch.domain.correlation import Correlation
from stillwatch.provenance.correlate import CorrelateResult, Judged
from stillwatch.report import text
from stillwatch.report.correlation_page import render_correlation
from stillwatch.report.replace import replacing
from stillwatch.report.text import p_value

TECHNIQUE: Final = "AML.T0024.002"
"""MITRE ATLAS: Extract AI Model."""
STIX_TECHNIQUE: Final = "attack-pattern--3f567912-629a-5e0b-ab0c-0102977c2d6c"
_FILES: Final = ("report.html", "correlation.json", "findings.jsonl", "unaligned.txt")
_LINE: Final = text.Cut(chars=400)
_SHOWN: Final = 8


def as_record(result: CorrelateResult) -> dict[str, Any]:
    """All of a result as JSON values."""
    return {
        "version": stillwatch.__version__,
        "combiner": {"date": result.combiner.date, "features": list(result.combiner.features)},
        "notes": list(result.notes),
        "unaligned_prompts": len(result.unaligned),
        "results": [_judged(each) for each in result.judged],
    }


def _judged(each: Judged) -> dict[str, Any]:
    told = asdict(each.correlation)
    for teacher in told["teachers"]:
        teacher["standings"] = dict(teacher["standings"])
    return {**told, "panel": asdict(each.size)}


def finding_of(each: Judged, digest: str, combiner_date: str, when: datetime) -> dict[str, Any]:
    """Return what may be shared of a judgement."""
    told = each.correlation
    return {
        "kind": "correlation",
        "created": when.isoformat(timespec="seconds"),
        "suspect": told.suspect,
        "teacher": told.teacher,
        "verdict": told.verdict,
        "p_value": told.p,
        "strict_p_value": told.strict_p,
        "floor": each.size.floor,
        "prompts": told.prompts,
        "panel": asdict(each.size),
        "closest": [
            {"model": t.teacher, "vendor": t.vendor, "score": t.score, "low": t.low, "high": t.high}
            for t in told.teachers[:5]
        ],
        "lowered": list(told.lowered),
        "limits": list(told.limits),
        "technique": TECHNIQUE,
        "stix_attack_pattern": STIX_TECHNIQUE,
        "combiner_date": combiner_date,
        "record_sha256": digest,
        "tool": f"stillwatch {stillwatch.__version__}",
    }


def write_correlation(result: CorrelateResult, out: Path, when: datetime | None = None) -> None:
    """Write report, record, findings and the list of prompts left out; all of them or none."""
    when = when or datetime.now(UTC)
    full = orjson.dumps(as_record(result), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    digest = hashlib.sha256(full).hexdigest()
    findings = [finding_of(each, digest, result.combiner.date, when) for each in result.judged]
    with replacing(out, _FILES) as folder:
        (folder / "report.html").write_text(render_correlation(result, when), encoding="utf-8")
        (folder / "correlation.json").write_bytes(full)
        (folder / "findings.jsonl").write_bytes(
            b"".join(orjson.dumps(f, option=orjson.OPT_APPEND_NEWLINE) for f in findings)
        )
        lines = (" ".join(prompt.split())[:500] + "\n" for prompt in result.unaligned)
        (folder / "unaligned.txt").write_text("".join(lines), encoding="utf-8")


def headline(told: Correlation) -> str:
    """Say the verdict in a sentence."""
    if told.verdict == "mirrors":
        return f"{told.suspect} mirrors {told.teacher}"
    if told.verdict == "consistent with":
        return f"{told.suspect} is consistent with training on {told.teacher}"
    return f"{told.suspect}: no evidence of training on {told.teacher}"


def print_correlation(result: CorrelateResult, console: Console, out: Path | None) -> None:
    """Print every judgement, what was not used, and where the report lies."""

    def line(words: str) -> None:
        console.print(text.plain(words, _LINE), markup=False, soft_wrap=True)

    for each in result.judged:
        told, size = each.correlation, each.size
        line(headline(told))
        line(
            f"p = {p_value(told.p)}, strict p = {p_value(told.strict_p)} (smallest possible "
            f"{size.floor:.3f}); {told.prompts:,} prompts, {size.null_models} control models in "
            f"{size.null_clusters} clusters"
        )
        for why in told.lowered:
            line(f"  {why}")
        console.print(_ranking(told))
        if told.phrases:
            line("shared phrases: " + "; ".join(f"“{p.text}”" for p in told.phrases[:6]))
    for note in result.notes:
        line(f"note: {note}")
    if out is not None:
        line(f"report: {out / 'report.html'}")


def _ranking(told: Correlation) -> Table:
    table = Table("teacher", "vendor", "score", "95 % (prompts)", "p", "closer controls")
    shown = list(told.teachers[:_SHOWN])
    shown += [t for t in told.teachers[_SHOWN:] if t.ours]
    for each in shown:
        table.add_row(
            text.plain(each.teacher, text.IDENT) + (" (ours)" if each.ours else ""),
            text.plain(each.vendor, text.IDENT),
            f"{each.score:.2f}",
            f"{each.low:.2f} to {each.high:.2f}",
            p_value(each.p),
            f"{each.rank_among_controls - 1} of {each.controls}",
        )
    return table
