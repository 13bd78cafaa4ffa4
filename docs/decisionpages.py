"""The reference page of decision policies, from the schema and the facts that rules may name."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stillwatch.domain.decision import SEVERITY
from stillwatch.gateway.policy.bounded import Limits
from stillwatch.gateway.policy.load import SHIPPED, load_policy
from stillwatch.gateway.policy.outcome import WHATS
from stillwatch.gateway.policy.rule import MORE
from stillwatch.gateway.policy.schema import EFFECTS, LONGEST_DAYS, MOST_BLOCKS, MOST_SHARE, SCHEMA
from stillwatch.gateway.policy.when import ACCESS_PATHS, FACTS, Name

NOTE = "<!-- Written by docs/generate.py from the code; change that and run `make docs`. -->\n"
_GUARDS = {
    "new_blocks_per_hour": f"accounts newly blocked within an hour, at most {MOST_BLOCKS:,}",
    "new_touched_per_hour": "accounts newly challenged, throttled, degraded or blocked within an hour",
    "traffic_share": f"their share of all requests of the log, at most {MOST_SHARE:g}",
    "account_share": f"their share of all accounts of the log, at most {MOST_SHARE:g}",
    "never": "lists of what is never touched: `access_path`, `spend_tier`, and subjects by their scope",
    "longest": f"the longest that an effect may last; no decision lasts more than {LONGEST_DAYS} days",
}
_DECIDE = {
    "effect": ", ".join(f"`{name}`" for name in EFFECTS),
    "reason": "text for people, quoted to who appeals, with `{names}` that stand for the case's figures",
    "for": "how long: `90m`, `36h`, `30d`, `2w`; with every effect but `spare`",
    "scope": "only cases about a subject of this scope: `account`, `campaign`, `sign-up`",
    "rate": "with `throttle`: `per_minute`, `concurrency`, or both",
    "cohort": "with `degrade`: the key of planted marks that outputs are to carry",
    "hold": "`true`: a person has to release each decision",
}


def policy() -> str:
    """The page."""
    limits = Limits()
    parts = [
        NOTE,
        "# Decision policies\n",
        "A policy is a YAML file: rules from a case (a finding or a lead) to at most one decision, and guards. "
        "[How to write one](../how-to/write-a-decision-policy.md); `stillwatch decisions policy check FILE` "
        "checks one. Shipped: " + ", ".join(f"`{name}`" for name in SHIPPED) + ".\n",
        "The first rule of which all conditions hold speaks; a case that none takes is left alone. A file is "
        f"refused if it is larger than {limits.bytes:,} bytes, nests deeper than {limits.depth}, holds more than "
        f"{limits.values:,} values, says a key twice, or uses aliases or tags.\n",
        "## The file\n",
        *_table(("field", "required", "meaning"), _top()),
        "\n## Facts that `when` and samples may name\n",
        "A number is asked for as `{at_least: 3}`, `{at_most: 0.001}`, `{below: 200}`, two of them together, or "
        "as it is. A word is one word or a list of which any will do; `unknown` asks that the fact be not "
        "known. What is not known meets nothing else. Samples give facts as plain values.\n",
        *_table(("fact", "kind", "meaning"), (_fact(name, fact) for name, fact in FACTS.items())),
        "\n## `decide`\n",
        *_table(("field", "meaning"), ((f"`{name}`", says) for name, says in _DECIDE.items())),
        "\nA reason may name every fact, and "
        + ", ".join(f"`{{{name}}}`" for name in MORE)
        + ".\n",
        "## `guards`\n",
        "Guards are code and stand above all rules; the file only says where the bounds lie. All four "
        "figures are required. What is over a bound is held for a person; the bound is shared by all "
        "processes that use one store.\n",
        *_table(("field", "meaning"), ((f"`{name}`", says) for name, says in _GUARDS.items())),
        "\nThese hold always, whatever a file says:\n",
        "- What a standing allow covers (the account, its organisation, an address or key of it) is spared.",
        "- Another lab's word alone challenges at most: "
        + ", ".join(f"`{effect}`" for effect in list(SEVERITY)[2:])
        + " need evidence of the lab's own.",
        "- Everything ends: only traffic seen since a decision was made renews it. What a person lifted or refused is not decided again on the same traffic until it "
        "would have ended; on new traffic it is held, once.",
        "- A person's decision is neither weakened nor doubled, and no decision in shadow replaces a real one.\n",
        "## What becomes of a case\n",
        *_table(("outcome", "meaning"), ((f"`{name}`", says) for name, says in WHATS.items())),
        *_shipped(),
    ]
    return "\n".join(parts) + "\n"


def _top() -> Iterable[tuple[str, ...]]:
    says = {
        "name": "in the origin of its decisions, `policy:NAME`; one name, one blast radius",
        "version": "a whole number, for people",
        "description": "what it is for",
        "words": "further words for `access_path`, and all there are for `spend_tier`, `authorized_use`, so that "
        "a slip in one is an error",
        "rules": "each with `name`, `why`, `when`, `decide`, and `samples` (`match`: cases that it must decide; "
        "`no_match`: that it must not), all tried at every load",
        "guards": "see below",
    }
    for name in SCHEMA["properties"]:
        yield f"`{name}`", "yes" if name in SCHEMA["required"] else "", says[name]


def _fact(name: str, fact: Name) -> tuple[str, ...]:
    kind = {"flag": "yes or no", "number": "number", "word": "word"}[fact.kind]
    words: Any = ACCESS_PATHS if name == "access_path" else fact.words
    listed = f": {', '.join(f'`{word}`' for word in words)}" if words else ""
    return f"`{name}`", kind, f"{fact.says}{listed}"


def _shipped() -> Iterable[str]:
    for name in SHIPPED:
        read = load_policy(Path(name))
        yield f"\n## Shipped: `{name}`\n"
        yield f"{read.description}\n"
        rows = (
            (rule.name, rule.effect.value if rule.effect else "spare", _lasts(rule), rule.why)
            for rule in read.rules
        )
        yield from _table(("rule", "effect", "for", "why"), rows)
        guards = read.guards
        yield (
            f"\nWithin an hour at most {guards.new_blocks_per_hour:,} accounts newly blocked, "
            f"{guards.new_touched_per_hour:,} touched, {guards.traffic_share:.0%} of the traffic and "
            f"{guards.account_share:.0%} of the accounts."
        )


def _lasts(rule: Any) -> str:
    said = f"{rule.lasts.days}d" if rule.lasts else ""
    return f"{said}, held for a person" if rule.hold else said


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterable[str]:
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for row in rows:
        yield "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |"
