from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from stillwatch.errors import ConfigError
from stillwatch.profiles.phrases import (
    MOST_FAMILIES,
    Family,
    FamilyTable,
    load_families,
    shipped_rules,
)
from stillwatch.profiles.text import TextKernel

SHIPPED = load_families(shipped_rules() / "phrases")
TABLE = FamilyTable.compile(SHIPPED)
KERNEL = TextKernel(TABLE, None)


def family(name: str, *phrases: str) -> Family:
    return Family(name, "tactic", "title", "why", "innocent", phrases, (), ())


def met(families: list[Family], *prompts: str) -> list[set[str]]:
    table = FamilyTable.compile(families)
    bits = TextKernel(table, None).features(pa.array(prompts)).families
    return [{n for i, n in enumerate(table.names) if int(b) >> i & 1} for b in bits]


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda f: f.name)
def test_shipped_samples(shipped: Family) -> None:
    bit = np.uint64(1 << TABLE.names.index(shipped.name))
    assert (KERNEL.features(pa.array(shipped.match)).families & bit != 0).all()
    assert (KERNEL.features(pa.array(shipped.no_match)).families & bit == 0).all()


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda f: f.name)
def test_every_shipped_phrase_is_found(shipped: Family) -> None:
    bit = np.uint64(1 << TABLE.names.index(shipped.name))
    prompts = [f"Now, {phrase.upper()}: please" for phrase in shipped.phrases]
    assert (KERNEL.features(pa.array(prompts)).families & bit != 0).all()


def test_families_fit_and_are_ordered() -> None:
    assert list(TABLE.names) == sorted(TABLE.names)
    assert len(TABLE.names) <= 48
    assert {f.kind for f in SHIPPED} == {"tactic", "capability", "warning"}


def test_whole_words_across_punctuation_and_lines() -> None:
    found = met(
        [family("a", "step by step")],
        "Step, by\n\n STEP!",
        "step-by-step",
        "step bystep",
        "footstep by step",
        "step by steps",
        "step by",
        "by step by step by",
    )
    assert [bool(f) for f in found] == [True, True, False, False, False, False, True]


def test_overlapping_phrases_are_all_found() -> None:
    families = [
        family("long", "a b c d e"),
        family("inner", "b c"),
        family("suffix", "c d x"),
        family("single", "e"),
    ]
    assert met(families, "a b c d x", "a b c d e", "a a b c d e", "b c d") == [
        {"inner", "suffix"},
        {"long", "inner", "single"},
        {"long", "inner", "single"},
        {"inner"},
    ]


def test_a_phrase_is_found_across_block_borders() -> None:
    for words in range(1000, 1040):
        assert met([family("a", "one two three")], "filler " * words + "one two three") == [{"a"}]


def test_all_bits_can_be_used() -> None:
    families = [family(f"f{i:02d}", f"word{i}") for i in range(MOST_FAMILIES)]
    assert met(families, " ".join(f"word{i}" for i in range(MOST_FAMILIES)))[0] == {
        f.name for f in families
    }


@pytest.mark.parametrize("phrase", ["...", "w " * 40])
def test_phrases_without_words_or_too_long_are_refused(phrase: str) -> None:
    with pytest.raises(ConfigError, match=r"bad\.yaml: phrase .* words; use 1 to"):
        FamilyTable.compile([family("bad", phrase)])


def test_more_phrases_than_fit_are_refused() -> None:
    words = [f"w{i:x}" for i in range(1 << 16)]
    with pytest.raises(ConfigError, match="65537 beginnings of phrases; at most 65536 fit"):
        FamilyTable.compile([family("large", *words)])


GOOD: dict[str, Any] = {
    "name": "some_family", "kind": "tactic", "title": "A title", "why": "because it matters",
    "innocent": "everyone writes this", "phrases": ["two words"],
    "samples": {"match": ["two words", "two, words"], "no_match": ["two", "words"]},
}  # fmt: skip


def write(folder: Path, **changes: Any) -> Path:
    content = {k: v for k, v in {**GOOD, **changes}.items() if v is not None}
    (folder / "some_family.yaml").write_text(yaml.safe_dump(content))
    return folder


def test_a_good_file_loads(tmp_path: Path) -> None:
    (loaded,) = load_families(write(tmp_path))
    assert loaded.phrases == ("two words",)
    assert loaded.match == ("two words", "two, words")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "guess"}, r"some_family\.yaml: \$\.kind"),
        ({"why": None}, r"some_family\.yaml: \$: 'why' is a required property"),
        ({"phrases": []}, r"\$\.phrases"),
        ({"phrases": [1]}, r"\$\.phrases\[0\]"),
        ({"samples": {"match": ["one"], "no_match": ["a", "b"]}}, r"\$\.samples\.match"),
        ({"colour": "red"}, r"'colour' was unexpected"),
        ({"name": "other_name"}, r"\$\.name: 'other_name' must be the file's name"),
    ],
)
def test_a_broken_file_is_named_with_its_field(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_families(write(tmp_path, **changes))


def test_broken_yaml_too_many_and_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no phrase families"):
        load_families(tmp_path)
    (tmp_path / "a.yaml").write_text("name: [")
    with pytest.raises(ConfigError, match=r"a\.yaml: while parsing"):
        load_families(tmp_path)
    (tmp_path / "a.yaml").unlink()
    for i in range(MOST_FAMILIES + 1):
        name = f"family_{i}"
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({**GOOD, "name": name}))
    with pytest.raises(ConfigError, match="65 phrase families"):
        load_families(tmp_path)
