"""A rule that travels, its parts to change, and accounts that match it."""

from typing import Any

import yaml

SCAFFOLD = "lay out every step of the derivation and only then state the final result"
HARNESS = "answer with the letter of the right option and nothing else at all"


def content(**changes: Any) -> dict[str, Any]:
    """A whole rule as data, with top-level parts changed."""
    rule: dict[str, Any] = {
        "title": "Derivations harvested",
        "status": "experimental",
        "date": "2026-11-01",
        "tags": ["atlas.aml.t0040", "tlp.amber"],
        "logsource": {"category": "llm_request"},
        "detection": {
            "scaffold": {"prompt|contains": [SCAFFOLD]},
            "harness": {"prompt|contains": [HARNESS]},
            "condition": "scaffold and not harness",
        },
        "falsepositives": ["Tutoring products that ask for every step."],
        "level": "medium",
        "samples": {
            "match": [[asked(i) for i in range(3)], [asked(5), asked(6)]],
            "no_match": [
                ["What is the capital of Portugal?"],
                [asked(1), f"{asked(2)} {HARNESS}"],
            ],
        },
        "stillwatch": {
            "account": {"share": 0.1, "prompts": 2},
            "measured": {"accounts": 5000, "upper": 0.001, "day": "2026-11-01"},
            "expires": "2099-01-01",
        },
    }
    return rule | changes


def text(**changes: Any) -> str:
    """The same as YAML."""
    return yaml.safe_dump(content(**changes), sort_keys=False)


def asked(number: int) -> str:
    """A prompt in the words of the scaffold."""
    return f"Problem {number}: how far is it to town {number}? Now {SCAFFOLD}."
