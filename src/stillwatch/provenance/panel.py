"""The panel: which models are ours, which are references, and which cannot have learned from us.

A TOML or YAML file::

    suspect = "acme-7b"                  # may be given on the command line instead

    [[ours]]
    model = "aurora-2"

    [[reference]]
    model = "other-large"
    vendor = "other"

    [[control]]
    model = "human-13b"
    cluster = "human"                    # models with data, base or makers in common
    why = "tuned on human-written answers only"

    [[control]]
    model = "pupil-7b"
    cluster = "pupil"
    teacher = "other-large"              # a model or vendor it is known to have learned from
    why = "its paper says so"

    [[pair]]                             # known student and teacher; for fitting, and as controls
    student = "pupil-13b"
    teacher = "other-large"
    cluster = "pupil"

    [base]                               # base models, where known
    "acme-7b" = "llama-13b"
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from stillwatch.errors import ConfigError
from stillwatch.provenance.limits import Limits

OURS: Final = "ours"
_SECTIONS: Final = ("ours", "reference", "control", "pair", "suspect", "base", "name")
_ALIASES: Final = {
    "own": "ours", "our": "ours", "references": "reference", "controls": "control",
    "pairs": "pair", "suspects": "suspect", "bases": "base",
}  # fmt: skip
_KEYS: Final = frozenset(
    ("model", "vendor", "cluster", "why", "teacher", "student", "relation", "base", "evidence")
)


@dataclass(frozen=True, slots=True)
class Teacher:
    """A model whose influence is asked about: one of ours, or a reference."""

    model: str
    vendor: str
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """A model that cannot have learned from certain vendors."""

    model: str
    cluster: str
    """Models that share data, base or makers count as one."""
    taught_by: frozenset[str] = frozenset()
    """Vendors it did learn from, or may have: no null for their teachers."""
    why: str = ""
    """How that is known."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A student and the teacher it is known to have learned from."""

    student: str
    teacher: str
    cluster: str


@dataclass(frozen=True)
class Panel:
    """Who is who."""

    teachers: tuple[Teacher, ...]
    controls: tuple[Control, ...]
    pairs: tuple[Pair, ...] = ()
    suspects: tuple[str, ...] = ()
    bases: Mapping[str, str] = field(default_factory=dict)
    """Base model of a model."""
    name: str = ""

    @property
    def named(self) -> frozenset[str]:
        """Every model that the panel speaks of, suspects aside."""
        known = {t.model for t in self.teachers} | {c.model for c in self.controls}
        return frozenset(known | {p.student for p in self.pairs})

    @property
    def unknown_sources(self) -> tuple[str, ...]:
        """What controls are said to have learned from, and no teacher or vendor here is called."""
        known = {t.vendor for t in self.teachers}
        return tuple(sorted({s for c in self.controls for s in c.taught_by} - known))

    def vendor(self, model: str) -> str | None:
        """Vendor of a teacher."""
        return next((t.vendor for t in self.teachers if t.model == model), None)


def read_panel(path: Path, limits: Limits | None = None) -> Panel:
    """Read a panel file.

    Raises ``ConfigError`` with what is wrong and where.
    """
    limits = limits or Limits()
    if not path.is_file():
        raise ConfigError(f"panel {path} does not exist", hint="see docs/how-to/correlate.md")
    if path.stat().st_size > limits.panel_bytes:
        raise ConfigError(f"panel {path} is larger than {limits.panel_bytes:,} bytes")
    try:
        text = path.read_text(encoding="utf-8")
        raw = yaml.safe_load(text) if path.suffix in (".yaml", ".yml") else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"panel {path}: {error}", hint="mend its syntax") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"panel {path} is no table of sections", hint=_expected())
    return make_panel(raw, str(path))


def make_panel(raw: Mapping[str, Any], where: str) -> Panel:
    """Build a panel from parsed sections; ``where`` names the source in errors."""
    sections = {_section(name, where): value for name, value in raw.items()}
    ours = [
        Teacher(e["model"], e.get("vendor", OURS), ours=True)
        for e in _entries(sections.get("ours", []), "ours", where)
    ]
    references = [
        Teacher(e["model"], _need(e, "vendor", "reference", where))
        for e in _entries(sections.get("reference", []), "reference", where)
    ]
    teachers = (*ours, *references)
    vendors = {t.model: t.vendor for t in teachers} | {t.vendor: t.vendor for t in teachers}
    pairs = tuple(
        Pair(
            _need(e, "student", "pair", where),
            _need(e, "teacher", "pair", where),
            e.get("cluster", e["student"]),
        )
        for e in _entries(sections.get("pair", []), "pair", where, key="student")
    )
    panel = Panel(
        teachers,
        _controls(sections.get("control", []), pairs, vendors, where),
        pairs,
        tuple(_names(sections.get("suspect", []))),
        _bases(sections, where),
        str(sections.get("name", "")),
    )
    _check(panel, where)
    return panel


def _section(name: str, where: str) -> str:
    name = _ALIASES.get(name, name)
    if name not in _SECTIONS:
        near = difflib.get_close_matches(name, [*_SECTIONS, *_ALIASES], 1)
        raise ConfigError(
            f"panel {where}: no section {name!r}"
            + (f", did you mean {near[0]!r}?" if near else ""),
            hint=_expected(),
        )
    return name


def _expected() -> str:
    return "sections are " + ", ".join(_SECTIONS)


def _entries(value: Any, section: str, where: str, key: str = "model") -> Iterable[dict[str, Any]]:
    """Yield entries as tables; a bare name is a table with nothing else."""
    for entry in value if isinstance(value, list) else [value]:
        table = {key: entry} if isinstance(entry, str) else entry
        if not isinstance(table, dict) or not isinstance(table.get(key), str) or not table[key]:
            raise ConfigError(
                f"panel {where}: an entry of [[{section}]] has no {key}", hint=f'{key} = "name"'
            )
        if unknown := [name for name in table if name not in _KEYS]:
            raise ConfigError(
                f"panel {where}: {section} {table[key]!r} has an unknown setting {unknown[0]!r}",
                hint=f"known are {', '.join(sorted(_KEYS))}",
            )
        yield table


def _need(entry: Mapping[str, Any], name: str, section: str, where: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        who = entry.get("model") or entry.get("student")
        raise ConfigError(f"panel {where}: {section} {who!r} has no {name}", hint=f'{name} = "..."')
    return value


def _names(value: Any) -> Iterable[str]:
    for entry in value if isinstance(value, list) else [value]:
        yield str(entry["model"]) if isinstance(entry, dict) and "model" in entry else str(entry)


def _controls(
    value: Any, pairs: tuple[Pair, ...], vendors: Mapping[str, str], where: str
) -> tuple[Control, ...]:
    taught: dict[str, set[str]] = {}
    for pair in pairs:
        taught.setdefault(pair.student, set()).add(vendors.get(pair.teacher, pair.teacher))
    found: dict[str, Control] = {}
    for entry in _entries(value, "control", where):
        model = entry["model"]
        if model in found:
            raise ConfigError(f"panel {where}: control {model!r} is named twice", hint="keep one")
        told = entry.get("teacher", [])
        sources = {vendors.get(t, t) for t in ([told] if isinstance(told, str) else told)}
        if entry.get("vendor"):
            sources.add(entry["vendor"])
        found[model] = Control(
            model,
            _need(entry, "cluster", "control", where),
            frozenset(sources | taught.get(model, set())),
            entry.get("why") or entry.get("evidence") or "",
        )
    for pair in pairs:
        if pair.student not in found:
            found[pair.student] = Control(
                pair.student, pair.cluster, frozenset(taught[pair.student]), "known pair"
            )
    return tuple(found.values())


def _bases(sections: Mapping[str, Any], where: str) -> dict[str, str]:
    bases = dict(sections.get("base", {}) or {})
    for section in ("control", "ours", "reference", "suspect"):
        for entry in sections.get(section, []) if isinstance(sections.get(section), list) else []:
            if isinstance(entry, dict) and entry.get("base"):
                bases[str(entry.get("model"))] = entry["base"]
    if not all(isinstance(base, str) for base in bases.values()):
        raise ConfigError(f"panel {where}: [base] maps a model to the name of its base")
    return bases


def _check(panel: Panel, where: str) -> None:
    if not panel.teachers:
        raise ConfigError(
            f"panel {where} names no model of ours and no reference", hint=_expected()
        )
    names = [t.model for t in panel.teachers]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise ConfigError(f"panel {where}: {twice[0]!r} is named twice as teacher", hint="keep one")
    controls = {c.model for c in panel.controls}
    for teacher in panel.teachers:
        if teacher.ours and teacher.model in controls:
            raise ConfigError(
                f"panel {where}: {teacher.model!r} is ours and a control",
                hint="our own model is no null for itself",
            )
    if both := [s for s in panel.suspects if s in names]:
        raise ConfigError(f"panel {where}: {both[0]!r} is suspect and teacher", hint="keep one")
