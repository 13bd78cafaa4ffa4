"""Writes the reference pages that repeat the code, so that they cannot differ from it.

Rules: a page in ``PAGES`` is a pure function of the code and holds nothing else; a test renders
each again and compares. ``make docs`` writes them::

    python -m docs.generate
"""

import dataclasses
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typer
from docs.schemapages import schema
from docs.tables import NOTE, field_docs, table
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from docs import decisionpages, gatewaypages, identifierpages, intelpages, sharepages
from stillwatch.campaigns.cohesion import FACETS
from stillwatch.campaigns.keys import KINDS
from stillwatch.cli import app
from stillwatch.config import _SECTIONS, Config
from stillwatch.detection.cohesive import SENTENCES
from stillwatch.detection.judge import DetectionOptions
from stillwatch.detection.pooled import WEIGHTS
from stillwatch.engines.spark.options import FAN_IN, SPLIT_BYTES
from stillwatch.intel.ids import TYPES
from stillwatch.intel.schema import text as schema_text
from stillwatch.logs.limits import Limits
from stillwatch.profiles.signals import LEAST, SIGNALS
from stillwatch.provenance.combine import shipped
from stillwatch.provenance.demands import Demands
from stillwatch.provenance.limits import Limits as CorrelationLimits

REFERENCE = Path(__file__).parent / "reference"
SCHEMA_FOLDER = REFERENCE.parents[1] / "src" / "stillwatch" / "intel" / "schemas"
WIDTH = 100

_SETTINGS: Mapping[str, tuple[object, str]] = {
    "logs.bad_row_limit": (Config().bad_row_limit, "share of unreadable rows that stops a run"),
    "logs.bad_file_limit": (
        Config().bad_file_limit,
        "share of files that may be damaged: they are left out and told; 0 is none",
    ),
    "logs.mapping": ("none", "mapping file for a layout of your own, relative to this file"),
    "engine.workers": (Config().workers, "threads; 0 is one per core"),
    "engine.name": ("local", "`local`, or `spark` for a cluster"),
    "engine.master": ("none", "Spark's master URL; else what spark-submit says, or `local[*]`"),
    "engine.conf": ("none", "a table of Spark's own settings"),
    "engine.split_bytes": (SPLIT_BYTES, "largest part of a file that one Spark task reads"),
    "engine.fan_in": (FAN_IN, "partial profiles of an account that one Spark task merges at most"),
    "engine.merge_tasks": (0, "Spark tasks that merge; 0: by the number of parts"),
    "allow.accounts": ("none", "accounts that are never flagged, whatever they score"),
    "kafka.brokers": ("required", "`host:port`, several with commas"),
    "kafka.topic": ("required", "topic that `stillwatch watch kafka` follows"),
    "kafka.group": ("stillwatch", "group under which the broker is told what is durable"),
    "kafka.start": ("beginning", "or `end`: where to begin when nothing was read yet"),
    "kafka.options": (
        "none",
        "table of librdkafka's own settings, e.g. `security.protocol`, `sasl.password`",
    ),
    "rules.folder": (
        "the shipped rules",
        "folder with `phrases/` and `detection/` to use instead, relative to this file",
    ),
    "rules.enabled": (
        "`rules` in the data folder",
        "folder of other members' rules in use (`stillwatch rules`), relative to this file",
    ),
}
"""Settings whose meaning no dataclass carries: default and meaning."""


def commands() -> str:
    """The page of all commands: what ``--help`` prints, verbatim."""
    parts = [f"{NOTE}# Commands\n\nWhat `--help` prints for each.\n"]
    for words in command_paths():
        title = " ".join(("stillwatch", *words))
        parts.append(f"## {title}\n\n```text\n{help_text(words)}\n```\n")
    return "\n".join(parts)


def command_paths() -> list[tuple[str, ...]]:
    """The command line's tree: ``()`` for the program, then each command and subcommand."""
    return _paths(get_command(app), ())


def _paths(command: Any, words: tuple[str, ...]) -> list[tuple[str, ...]]:
    if not isinstance(command, TyperGroup):
        return [words]
    context = typer.Context(command)
    inner = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return [words, *(p for name, c in inner.items() for p in _paths(c, (*words, name)))]


def help_text(words: Sequence[str]) -> str:
    """What ``stillwatch WORDS --help`` prints in a window of ``WIDTH`` columns."""
    ran = CliRunner().invoke(
        app,
        [*words, "--help"],
        prog_name="stillwatch",
        env={"COLUMNS": str(WIDTH), "TERMINAL_WIDTH": str(WIDTH), "TERM": "dumb"},
    )
    plain = re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout)
    return "\n".join(line.rstrip() for line in plain.strip("\n").splitlines()).strip("\n")


def signals() -> str:
    """The page of signals, cohesion figures and links."""
    rows = [
        (
            f"`{s.name}`",
            s.group,
            "high" if s.high else "low",
            ", ".join(f"`{c}`" for c in s.needs) or "required columns only",
            s.sentence,
        )
        for s in SIGNALS
    ]
    figures = [
        (f"`{n}`", f"{WEIGHTS[n]:+g}", about, SENTENCES[n][1])
        for n, about in FACETS
        if n in WEIGHTS
    ]
    kinds = [(f"`{k.name}`", k.sort, k.noun, f"{k.most:g}") for k in KINDS]
    return f"""{NOTE}# Signals

A signal is one number measured on a profile: of an account, or of a campaign's merged profile.
Its suspicious direction is fixed beforehand. It is reported from {LEAST} requests (or {LEAST}
requests with the column it needs) on; below that, and where its column is missing, it is unknown,
which neither accuses nor clears. Within a group the strongest signal counts, and each group is
capped, so that one oddity accuses nobody. Braces in the sentences stand for figures; `typical` is
the median of the reference at like volume.

{table(("signal", "group", "suspicious", "needs", "sentence"), rows)}
## Cohesion of a group

A campaign is not judged by how odd its accounts are but by whether they are one job. Only requests
that carry the group's scaffold count. A *unity* is minus the log of the intraclass correlation: the
share of the variance that lies between accounts. It is high when accounts are exchangeable.

These enter the test, in spreads of natural groups, with this weight (a negative weight:
low values are suspicious). The weights were fitted on simulated worlds
([ADR 5](../adr/0005-cohesion-weights.md)); what they promise is calibrated on your own log.

{table(("facet", "weight", "what it is", "sentence"), figures)}
## Links

What two accounts may share. A shared thing counts log(accounts / holders) nats, so what is common
links nobody; each further thing of one kind counts half of the one before, and a kind cannot exceed
its cap. Links are shown as evidence for an analyst; groups are found by their scaffolds alone.

{table(("kind", "sort", "what is shared", "cap, nats"), kinds)}"""


def configuration() -> str:
    """The page of settings. Raises ``KeyError`` for a setting that has no words here."""
    meanings = field_docs(DetectionOptions)
    parts = []
    for section, settings in _SECTIONS.items():
        rows = []
        for name in settings:
            if section == "detection":
                default, meaning = getattr(DetectionOptions(), name), meanings[name]
            else:
                default, meaning = _SETTINGS[f"{section}.{name}"]
            shown = f"`{default}`" if isinstance(default, (int, float)) else str(default)
            rows.append((f"`{name}`", shown, meaning))
        parts.append(f"## [{section}]\n\n{table(('setting', 'default', 'meaning'), rows)}")
    limits = [
        (f"`{f.name}`", f"{f.default:,}", field_docs(Limits)[f.name])
        for f in dataclasses.fields(Limits)
    ]
    return f"""{NOTE}# Configuration

`--config FILE` names a TOML file. Every setting may be left out. A section or setting that is not
known is an error that names the closest known one. `--fdr` and `--mapping` on the command line win
over the file.

{chr(10).join(parts)}
## Bounds on untrusted input

A log holds what strangers sent. These bounds are fixed; what one of them cuts or refuses is counted
and shown by `stillwatch logs check`. Sizes are in bytes.

{table(("bound", "value", "meaning"), limits)}"""


def combiner() -> str:
    """The model card of the shipped combiner, with what a panel must have and the bounds."""
    card = shipped()
    quality = card.quality or {}
    told = {
        "known_pairs": "known student-teacher pairs",
        "known_clusters": "clusters of those",
        "null_pairs": "null pairs",
        "null_clusters": "clusters of those",
        "prompts": "prompts",
        "auc": "AUC, cross-fitted by cluster",
        "tpr_at_5_percent": "students found at 5 % false positives, cross-fitted",
        "vendor_top_1": "vendor of the closest teacher is right, cross-fitted",
    }
    weights = [
        (f"`{name}`", f"{weight:g}")
        for name, weight in zip(card.features, card.weights, strict=True)
    ]
    pairs = [
        (f"`{p['student']}`", f"`{p['teacher']}`", p["cluster"], f"{p['held_out_score']:.2f}")
        for p in card.trained_on
    ]
    return "".join(
        [
            "<!-- Written by docs/generate.py from the code; change that and run `make docs`. -->\n",
            "# The combiner\n\nModel card of the logistic weights in `src/stillwatch/provenance/combiner.json`.\n\n",
            f"- **Fitted** {card.date} on: {card.data}. The weights ship, the answers do not.\n",
            "- **For** ranking a suspect among control models, by `stillwatch correlate`. **Not for** anything "
            "without a null over models: the score has no meaning of its own.\n",
            "- **Known weaknesses**: few known pairs, nearly all students of three vendors from 2023 and 2024, "
            "English instructions only. The choice of five out of seven affinities was made on the same "
            "pairs, so the figures lean to the good side. Refit with `stillwatch correlate fit` when you have "
            "pairs of your own.\n",
            "- **How to repeat it**: `cd bench && python -m correlation.ship`; intervals and nulls are in "
            "`bench/RESULTS.md`.\n\n## Weights\n\n",
            "Standings are softened to `3 arctan(z / 3)`; the score is their weighted sum and the intercept "
            f"{card.intercept:g}.\n\n",
            table(("affinity", "weight"), weights),
            "\n## Quality\n\nEach pair is scored by weights that saw nothing of its cluster.\n\n",
            table(("figure", "value"), [(told[k], f"{v:g}") for k, v in quality.items()]),
            "\n## Training table\n\n",
            table(("student", "teacher", "cluster", "held-out score"), pairs),
            "\n## What a panel must have\n\nBelow these a judgement is refused.\n\n",
            _bounds(Demands),
            "\n## Bounds on what is read\n\n",
            _bounds(CorrelationLimits),
        ]
    )


def _bounds(kind: type) -> str:
    rows = [
        (f"`{f.name}`", f"{f.default:,}", field_docs(kind)[f.name])
        for f in dataclasses.fields(kind)
    ]
    return table(("bound", "value", "meaning"), rows)


PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands,
    "signals.md": signals,
    "configuration.md": configuration,
    "schema.md": schema,
    "combiner.md": combiner,
    "share-toml.md": sharepages.share_toml,
    "stix.md": intelpages.stix,
    "policy.md": intelpages.policy,
    "decision-policy.md": decisionpages.policy,
    "techniques.md": intelpages.techniques,
    "identifiers.md": identifierpages.identifiers,
    "gateway.md": gatewaypages.gateway,
}


SCHEMAS: Mapping[str, Callable[[], str]] = {
    f"{kind}.json": partial(schema_text, kind) for kind in TYPES
}
"""Shipped JSON Schemas of claims, by file name."""


def main() -> None:
    """Write every page and schema that differs, and say which."""
    wanted = [(REFERENCE / name, render) for name, render in PAGES.items()]
    wanted += [(SCHEMA_FOLDER / name, render) for name, render in SCHEMAS.items()]
    for path, render in wanted:
        text = render()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
