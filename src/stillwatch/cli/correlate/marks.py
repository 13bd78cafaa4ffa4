"""``stillwatch correlate marks``: keys of cohorts, marked text, and which key a suspect carries."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from stillwatch.errors import ConfigError, EmptyInput, InputError
from stillwatch.intel.exports.files import write_whole
from stillwatch.logs import lenient
from stillwatch.provenance.marks.examine import (
    Examination,
    Kind,
    decoded,
    examine,
    read_file,
    read_texts,
    tokenizer_ids,
    word_ids,
)
from stillwatch.provenance.marks.keys import Key, new_keyring, read_keyring, write_keyring
from stillwatch.provenance.marks.phrasing import mark_text
from stillwatch.report import text

marks = typer.Typer(
    help="Planted marks: make keys, mark answers, test a suspect's text.", no_args_is_help=True
)
_SHOWN = 10


@marks.command()
def keys(
    cohorts: Annotated[
        str, typer.Option("--cohorts", help="Names with commas between, or a number of cohorts.")
    ],
    out: Annotated[Path, typer.Option("--out", help="New key file (JSON), for its owner's eyes.")],
    gamma: Annotated[float, typer.Option("--gamma", help="Share of tokens that are green.")] = 0.25,
    delta: Annotated[float, typer.Option("--delta", help="Added to green logits.")] = 2.0,
) -> None:
    """Draw a secret key for each cohort of accounts."""
    names = [name.strip() for name in cohorts.split(",") if name.strip()]
    if len(names) == 1 and names[0].isdigit():
        count = int(names[0])
        if not 1 <= count <= 100_000:
            raise ConfigError(f"--cohorts {count} must lie between 1 and 100,000")
        names = [f"cohort-{i:0{len(str(count))}}" for i in range(1, count + 1)]
    write_keyring(new_keyring(names, gamma, delta), out)
    print(f"wrote {len(names):,} keys to {out}; whoever has them can forge and remove marks")


@marks.command(name="apply")
def apply_(
    answers: Annotated[Path, typer.Argument(help="Answers to mark: JSON lines, or a plain text.")],
    keyring: Annotated[Path, typer.Option("--keys", help="Key file.")],
    cohort: Annotated[str, typer.Option("--cohort", help="Whose key to use.")],
    out: Annotated[Path, typer.Option("--out", help="New file for the marked answers.")],
    field: Annotated[str, typer.Option("--field", help="Field that holds the answer.")] = "output",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what the mark would cost and write nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write over an older --out; never over what is read.")
    ] = False,
) -> None:
    """Set the text-level mark: choose among equivalent phrasings by the cohort's key.

    Prints its cost: how many places, and how many words, say something else than before.
    """
    if not dry_run:
        _refuse_target(out, (answers, keyring), force)
    marker = _Marker(read_keyring(keyring).key(cohort))
    raw = read_file(answers)
    if raw.lstrip()[:1] == b"[":
        raise InputError(f"{answers} is a JSON array", hint="give JSON lines, or plain text")
    if raw.lstrip()[:1] == b"{":
        done = b"".join(_marked_rows(raw, answers, field, marker))
    else:
        done = marker(decoded(raw, answers)).encode()
    if not marker.words:
        raise EmptyInput(f"{answers} has no answer to mark", hint="see --field")
    if not dry_run:
        write_whole(out, done)
    print(
        f"{marker.answers:,} answers, {marker.uses:,} choices, {marker.changed:,} changed: "
        f"{1000 * marker.changed / marker.words:.1f} of 1,000 words"
        + ("" if dry_run else f"; wrote {out}")
    )


def _refuse_target(out: Path, read: tuple[Path, ...], force: bool) -> None:
    """Raise ``InputError`` before work is done for a file that may not be written."""
    if not out.exists():
        return
    for path in read:
        if path.exists() and out.samefile(path):
            raise InputError(f"{out} is {path}, which is read", hint="name another --out")
    if not out.is_file():
        raise InputError(f"{out} is no file", hint="name a file as --out")
    if not force:
        raise InputError(f"{out} exists", hint="name another --out, or write over it with --force")


@dataclass
class _Marker:
    """Marks answers with one key, and counts what that cost."""

    key: Key
    answers: int = 0
    words: int = 0
    uses: int = 0
    changed: int = 0

    def __call__(self, value: str) -> str:
        done = mark_text(value, self.key)
        self.answers += 1
        self.words += done.words
        self.uses += done.uses
        self.changed += done.changed
        return done.text


def _marked_rows(raw: bytes, path: Path, field: str, marker: _Marker) -> Iterator[bytes]:
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = lenient.loads(line)
        except ValueError as error:
            raise InputError(f"{path}:{number}: not JSON ({error})", hint="mend it") from error
        if not isinstance(row, dict) or not isinstance(row.get(field), str):
            raise InputError(f"{path}:{number}: no text in {field!r}", hint="see --field")
        yield orjson.dumps({**row, field: marker(row[field])}) + b"\n"


@marks.command(name="test")
def try_(
    answers: Annotated[
        list[Path], typer.Argument(help="The suspect's answers: JSON lines or text.")
    ],
    keyring: Annotated[Path, typer.Option("--keys", help="Key file.")],
    suspect: Annotated[
        str | None, typer.Option("--suspect", help="Model to test, where files hold several.")
    ] = None,
    kind: Annotated[str, typer.Option("--kind", help="green, phrasing, or both.")] = "both",
    tokenizer: Annotated[
        Path | None,
        typer.Option("--tokenizer", help="tokenizer.json of the serving stack; else words."),
    ] = None,
    alpha: Annotated[
        float, typer.Option("--alpha", help="Level after Holm over all keys.")
    ] = 0.001,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
) -> None:
    """Test a suspect's text for every key; a hit names the cohort that fed it.

    Exact tests: each distinct context counts once, and under a key that had no part in the text it is
    a fair draw. P-values are adjusted by Holm over all keys.
    """
    if kind not in ("green", "phrasing", "both"):
        raise ConfigError(f"--kind {kind!r}", hint="green, phrasing or both")
    if not 0 < alpha < 1:
        raise ConfigError(f"--alpha {alpha} must lie between 0 and 1", hint="for example 0.001")
    kinds: tuple[Kind, ...] = ("green", "phrasing") if kind == "both" else (kind,)  # type: ignore[assignment]
    encode = word_ids if tokenizer is None else tokenizer_ids(tokenizer)
    found = examine(read_texts(answers, suspect), read_keyring(keyring), kinds, encode)
    if not found.hits:
        raise InputError("nothing was tested: " + "; ".join(found.skipped), hint="give more text")
    if json:
        print(orjson.dumps(_record(found, alpha), option=orjson.OPT_INDENT_2).decode())
    else:
        _show(found, alpha, Console(highlight=False))


def _record(found: Examination, alpha: float) -> dict[str, object]:
    return {
        "texts": found.texts,
        "tokens": found.tokens,
        "alpha": alpha,
        "found": sorted({hit.count.cohort for hit in found.found(alpha)}),
        "not_tested": list(found.skipped),
        "keys": [
            {
                "cohort": hit.count.cohort,
                "mark": hit.kind,
                "hits": hit.count.hits,
                "contexts": hit.count.distinct,
                "expected": hit.count.expected,
                "p": hit.count.p,
                "adjusted_p": hit.adjusted,
            }
            for hit in found.hits
        ],
    }


def _show(found: Examination, alpha: float, console: Console) -> None:
    named = sorted({hit.count.cohort for hit in found.found(alpha)})
    say = text.plain(", ".join(named[:_SHOWN]), text.SENTENCE)
    console.print(
        f"the text carries the key of {say}" if named else "the text carries none of the keys",
        markup=False,
    )
    table = Table("cohort", "mark", "hits", "contexts", "by chance", "p", "after Holm")
    for hit in found.hits[:_SHOWN]:
        table.add_row(
            text.plain(hit.count.cohort, text.IDENT),
            hit.kind,
            f"{hit.count.hits:,}",
            f"{hit.count.distinct:,}",
            f"{hit.count.expected:,.0f}",
            text.p_value(hit.count.p),
            text.p_value(hit.adjusted),
        )
    console.print(table)
    tests = len(found.hits)
    console.print(f"{found.texts:,} texts; {tests:,} tests, {max(0, tests - _SHOWN):,} not shown")
    for why in found.skipped:
        console.print(text.plain(f"not tested: {why}", text.SENTENCE), markup=False)
