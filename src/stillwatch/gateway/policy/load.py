"""Policies: YAML rules from a case to at most one decision, checked by their own samples.

Rules: the first rule that holds speaks, and a case that none takes is left alone. A name that is
not known, a rule that no case can reach and a sample that is decided otherwise stop the load, with
the file and the place.

>>> policy = load_policy(None)
>>> policy.name, policy.rules[0].effect
('standard', None)
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import jsonschema

from stillwatch.domain.decision import Decision, DecisionId, Effect, Rate, Scope, Subject
from stillwatch.errors import ConfigError
from stillwatch.gateway.policy import bounded, when
from stillwatch.gateway.policy.case import Case
from stillwatch.gateway.policy.guards import OWN_ONLY, Guards, Never
from stillwatch.gateway.policy.rule import Rule, check_reason, duration, sample_case, unknown
from stillwatch.gateway.policy.schema import LONGEST_DAYS, SCHEMA, SPARE

SHIPPED: Final = ("standard", "cautious")
_NAMES: Final = UUID("1d7e5a52-9c0f-5b0e-8f4e-6f1f2a3c9d10")
"""Namespace of the ids of decisions that policies make."""
_VALIDATOR: Final = jsonschema.Draft202012Validator(SCHEMA)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a policy says of a case, and why."""

    decision: Decision | None
    """None: nothing is to be done."""
    rule: str
    """The rule that spoke; empty where none did."""
    why: str
    """For people."""
    hold: str = ""
    """Why a person has to release the decision first; empty for none."""
    spared: bool = False
    """Nothing is done because a rule or a guard says so, not because none spoke."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in their order, and the guards above them."""

    name: str
    version: int
    description: str
    rules: tuple[Rule, ...]
    guards: Guards

    @property
    def origin(self) -> str:
        """As its decisions name it."""
        return f"policy:{self.name}"

    def decide(self, case: Case, now: datetime) -> Decision | None:
        """What is to be done about a case, if anything. ``ruling`` says why as well."""
        return self.ruling(case, now).decision

    def ruling(self, case: Case, now: datetime) -> Ruling:
        """What is to be done about a case, by which rule or guard, and why."""
        if covered := self.guards.never.covering(case):
            return Ruling(None, "", f"guard never: {covered}", spared=True)
        rule = next((rule for rule in self.rules if rule.holds(case)), None)
        if rule is None:
            return Ruling(None, "", "no rule speaks of it")
        return self.by_rule(rule, case, now)

    def named(self, name: str) -> Rule:
        """A rule by its name. Raises ``KeyError``."""
        return {rule.name: rule for rule in self.rules}[name]

    def by_rule(self, rule: Rule, case: Case, now: datetime) -> Ruling:
        """What one rule says of a case that it speaks of."""
        told = rule.told(case, self.name)
        if rule.effect is None:
            return Ruling(None, rule.name, told, spared=True)
        effect, why = rule.effect, told
        if effect in OWN_ONLY and not case.own:
            effect = Effect.CHALLENGE
            why = f"{told} (guard: another lab's word alone challenges at most)"[:1000]
        decision = self._decision(rule, case, effect, why, now)
        hold = f"rule {rule.name} leaves it to a person" if rule.hold else ""
        return Ruling(decision, rule.name, why, hold)

    def id_of(self, subject: Subject, effect: Effect, part: str = "") -> DecisionId:
        """The one id of this policy's decision of an effect on a subject, whenever it is made.

        ``part`` tells apart decisions on one subject, e.g. on those held for a person.
        """
        named = "\n".join((self.name, subject.scope, subject.value, effect, part))
        return DecisionId(f"decision--{uuid5(_NAMES, named)}")

    def _decision(
        self, rule: Rule, case: Case, effect: Effect, why: str, now: datetime
    ) -> Decision:
        subject = case.subject
        if subject.scope is Scope.CAMPAIGN:  # its members may be under several rules
            subject = Subject.of(Scope.CAMPAIGN, f"{subject.value}/{rule.name}")
        made = now.replace(microsecond=0)
        accounts = tuple(member.account for member in case.members)
        return Decision(
            id=self.id_of(subject, effect),
            effect=effect,
            subject=subject,
            reason=why,
            evidence=case.evidence,
            origin=self.origin,
            made=made,
            until=made + min(rule.lasts, self.guards.longest.get(effect, rule.lasts)),
            rate=rule.rate if effect is Effect.THROTTLE else None,
            cohort=rule.cohort if effect is Effect.DEGRADE else None,
            members=accounts if subject.scope is Scope.CAMPAIGN else (),
        )


def load_policy(path: Path | None = None) -> Policy:
    """Read and check a policy file; None for the shipped ``standard``, and shipped ones by name.

    Raises ``ConfigError`` naming the file and the place.
    """
    if path is None or (str(path) in SHIPPED and not path.exists()):
        return _shipped(str(path or SHIPPED[0]))
    if not path.exists():
        close = difflib.get_close_matches(str(path), SHIPPED, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"shipped: {', '.join(SHIPPED)}"
        raise ConfigError(f"the policy {path} cannot be read: No such file", hint=hint)
    return _load(path)


@cache
def _shipped(name: str) -> Policy:
    package = Path(__file__).resolve().parents[2]
    for root in (package, package.parents[1]):
        if (path := root / "rules" / "decisions" / f"{name}.yaml").is_file():
            return _load(path)
    raise ConfigError(f"the shipped policy {name} is missing", hint="install stillwatch again")


def _load(path: Path) -> Policy:
    said = bounded.read(path)
    _check_names(path, said)
    if problem := jsonschema.exceptions.best_match(_VALIDATOR.iter_errors(said)):
        raise ConfigError(f"{path}: {_place(said, problem)}: {_said(problem)}")
    rules, names = list[Rule](), set[str]()
    longest = {
        Effect(effect): duration(text) for effect, text in said["guards"].get("longest", {}).items()
    }
    for number, part in enumerate(said["rules"], 1):
        where = f"{path}: rule {part['name']}"
        if part["name"] in names:
            raise ConfigError(f"{where} (number {number}): another rule has that name")
        names.add(part["name"])
        try:
            rules.append(_rule(part, said.get("words", {}), longest))
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from error
    try:
        guards = _guards(said["guards"], longest)
    except ValueError as error:
        raise ConfigError(f"{path}: guards: {error}") from error
    policy = Policy(
        said["name"], said["version"], said["description"].strip(), tuple(rules), guards
    )
    if faults := list(faults_of(policy)):
        raise ConfigError(
            f"{path}: {faults[0]}",
            hint=f"and {len(faults) - 1} more of that kind" if len(faults) > 1 else "",
        )
    return policy


def faults_of(policy: Policy) -> Iterator[str]:
    """Rules that no case can reach, and samples that are decided otherwise than they say."""
    hidden = set[str]()
    for number, rule in enumerate(policy.rules):
        for before in policy.rules[:number]:
            if before.covers(rule):
                hidden.add(rule.name)
                yield f"rule {rule.name} can never be reached: {before.name}, before it, takes all its cases"
                break
    for rule in policy.rules:
        if rule.name not in hidden:
            yield from _astray(policy, rule)


def _astray(policy: Policy, rule: Rule) -> Iterator[str]:
    for wanted, samples in ((True, rule.match), (False, rule.no_match)):
        word = "match" if wanted else "no_match"
        for number, facts in enumerate(samples, 1):
            case = sample_case(facts)
            speaks = next((one for one in policy.rules if one.holds(case)), None)
            if (speaks is rule) is wanted:
                continue
            if not wanted:
                yield f"rule {rule.name}, sample {word} {number}: the rule decides it, and must not"
            elif speaks is None or not rule.holds(case):
                lacks = "; ".join(rule.when.failing(case)) or f"it has no {rule.scope}"
                yield f"rule {rule.name}, sample {word} {number}: the rule does not take it: {lacks}"
            else:
                yield f"rule {rule.name}, sample {word} {number}: rule {speaks.name}, before it, takes it"


def _check_names(path: Path, said: Any) -> None:
    """Unknown names first: the schema's own words name no closest one."""
    if not isinstance(said, dict):
        raise ConfigError(f"{path} holds no policy", hint="see docs/reference/decision-policy.md")
    _known(path, "", said, SCHEMA)


def _known(path: Path, where: str, said: Any, schema: Mapping[str, Any]) -> None:
    schemas = [schema, *schema.get("anyOf", ())]
    if isinstance(said, list):
        inner: Mapping[str, Any] = next((one["items"] for one in schemas if "items" in one), {})
        for number, part in enumerate(said, 1):
            named = part.get("name") if isinstance(part, dict) else None
            _known(path, f"{where} {named or number}", part, inner)
        return
    shape = next((one for one in schemas if "properties" in one), None)
    if not isinstance(said, dict) or shape is None:
        return
    for name, part in said.items():
        if name not in shape["properties"]:
            place = f"{where.strip()}: " if where else ""
            raise ConfigError(f"{path}: {place}{unknown(name, tuple(shape['properties']))}")
        _known(path, f"{where} {name}", part, shape["properties"][name])


def _place(said: Any, problem: jsonschema.ValidationError) -> str:
    parts, value = list[str](), said
    for part in problem.absolute_path:
        value = value[part]
        named = value.get("name") if isinstance(value, dict) and isinstance(part, int) else None
        number = part + 1 if isinstance(part, int) else part
        parts.append(str(named if isinstance(named, str) else number))
    return " ".join(parts) or "the file"


def _said(problem: jsonschema.ValidationError) -> str:
    text = str(problem.message)
    return text if len(text) < 300 else f"{text[:140]} ... {text[-140:]}"


def _rule(
    part: Mapping[str, Any],
    words: Mapping[str, list[str]],
    longest: Mapping[Effect, timedelta],
) -> Rule:
    decide = part["decide"]
    effect = None if decide["effect"] == SPARE else Effect(decide["effect"])
    check_reason(decide["reason"])
    _check_words(part["when"], words)
    for sample in (*part["samples"]["match"], *part["samples"]["no_match"]):
        _check_words(sample, words)
    return Rule(
        name=part["name"],
        why=part["why"].strip(),
        when=when.parse(part["when"]),
        effect=effect,
        scope=Scope(decide["scope"]) if "scope" in decide else None,
        lasts=_lasts(effect, decide, longest),
        rate=_only(decide, "rate", effect is Effect.THROTTLE, Rate),
        cohort=_only(decide, "cohort", effect is Effect.DEGRADE, None, needed=False),
        hold=decide.get("hold", False),
        reason=" ".join(decide["reason"].split()),
        match=tuple(part["samples"]["match"]),
        no_match=tuple(part["samples"]["no_match"]),
    )


def _check_words(said: Mapping[str, Any], words: Mapping[str, list[str]]) -> None:
    """Words that the policy itself does not list, where it lists them."""
    for name, value in said.items():
        known = _vocabulary(name, words)
        for word in value if isinstance(value, list) else [value]:
            if known and isinstance(word, str) and word not in (*known, when.UNKNOWN):
                raise ValueError(f"{name}: {unknown(word, known)} (`words` may list more)")
            if isinstance(word, str | bool) and name != "authorized_use":
                when.check_word(name, word)


def _vocabulary(name: str, words: Mapping[str, list[str]]) -> tuple[str, ...]:
    known = when.ACCESS_PATHS if name == "access_path" else when.FACTS[name].words
    return (*known, *words.get(name, ()))


def _lasts(
    effect: Effect | None, decide: Mapping[str, Any], longest: Mapping[Effect, timedelta]
) -> timedelta:
    if effect is None:
        for name in ("for", "scope", "hold"):
            if name in decide:
                raise ValueError(f"decide: what is spared has no {name!r}")
        return timedelta(0)
    if "for" not in decide:
        raise ValueError("decide: for how long? everything ends, e.g. for: 30d")
    lasts, most = duration(decide["for"]), longest.get(effect, timedelta(days=LONGEST_DAYS))
    if lasts > min(most, timedelta(days=LONGEST_DAYS)):
        raise ValueError(f"decide: {effect} for {decide['for']} is longer than {most.days} days")
    return lasts


def _only(
    decide: Mapping[str, Any], name: str, fits: bool, make: Any, *, needed: bool = True
) -> Any:
    if (name in decide) and not fits:
        raise ValueError(f"decide: {decide['effect']} has no {name!r}")
    if name not in decide:
        if fits and needed:
            raise ValueError(f"decide: {decide['effect']} needs {name!r}")
        return None
    return make(**decide[name]) if make else decide[name]


def _guards(said: Mapping[str, Any], longest: Mapping[Effect, timedelta]) -> Guards:
    never = said.get("never", {})
    return Guards(
        new_blocks_per_hour=said["new_blocks_per_hour"],
        new_touched_per_hour=said["new_touched_per_hour"],
        traffic_share=float(said["traffic_share"]),
        account_share=float(said["account_share"]),
        never=Never.of(never),
        longest=dict(longest),
    )
