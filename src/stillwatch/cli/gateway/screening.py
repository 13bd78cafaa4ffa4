"""Sign-ups at the gateway: what other labs say of them, and what the lab's policy makes of that.

Composed here because the gateway knows decisions and sharing knows leads, and neither the other.
Rules: an answer comes by the deadline of the settings of sharing; where nothing could be found out
the sign-up passes and the answer says so. A decision is kept before it is told, and so in force at
every gateway that follows the store. No identifier is logged.
"""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from stillwatch.domain.decision import Scope
from stillwatch.domain.lead import Lead, Step
from stillwatch.errors import InputError, PeerError, StillwatchError
from stillwatch.gateway.policy.cases import case_of_lead
from stillwatch.gateway.policy.enact import enact
from stillwatch.gateway.policy.load import Policy, load_policy
from stillwatch.gateway.service import Screened
from stillwatch.gateway.table import Request
from stillwatch.sharing.identifiers.fields import Field, Layout
from stillwatch.sharing.matching.labs import Labs
from stillwatch.sharing.matching.screening import Screener, unscreened
from stillwatch.sharing.matching.signup import parse_signup, screen_signup
from stillwatch.sharing.settings import load_settings
from stillwatch.store.database import Store

log = logging.getLogger("stillwatch.screen")
_THREADS: Final = 8
_GRACE_S: Final = 0.25
"""Beyond the evaluators' deadline, for the work at home and the decision."""
_SETTLE_S: Final = 1.0
_CARRIED: Final = {Field.ORGANISATION: "organisation", Field.JA4: "ja4", Field.IP: "address"}


@dataclass(frozen=True, slots=True)
class Maker:
    """Opens the screening of one worker; crosses to its process by pickling."""

    config: Path
    """Settings of sharing."""
    store: str | None
    """URL of the store that decisions go to; None: that of sharing."""
    policy: Path | None
    shadow: bool

    def __call__(self) -> "SignUps":
        """Open. Raises ``ConfigError``."""
        return SignUps(self)


def composed(config: Path, store: str | None, policy: Path | None, *, shadow: bool) -> Maker:
    """What a worker is to open; settings and policy are read once, to find what is wrong now."""
    load_settings(config)
    load_policy(policy)
    return Maker(config, store, policy, shadow)


class SignUps:
    """Screens sign-ups in threads of its own."""

    def __init__(self, maker: Maker) -> None:
        settings = load_settings(maker.config)
        self._policy: Policy = load_policy(maker.policy)
        self._shadow = maker.shadow
        self._store = Store(settings.store)
        own = maker.store is None or maker.store == settings.store
        self._decisions = self._store if own else Store(maker.store or settings.store)
        self._labs = Labs(settings, self._store)
        self._screener = Screener.over(settings, self._store, self._labs)
        self._layout = Layout(
            region=settings.matching.region, documentation=settings.matching.rehearsal
        )
        self._deadline_s = settings.matching.deadline_ms / 1000 + _GRACE_S
        self._threads = ThreadPoolExecutor(_THREADS, "stillwatch-screen")
        self._settling = asyncio.get_running_loop().create_task(self._settle())

    async def screen(self, body: bytes) -> Screened:
        """The lead of a sign-up, and what the policy made of it."""
        try:
            record = parse_signup(body)
            subject = _subject(record, self._layout)
        except InputError as error:
            return _unusable(error)
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._work, record)
        work.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            lead, made = await asyncio.wait_for(asyncio.shield(work), self._deadline_s)
        except InputError as error:
            return _unusable(error)
        except TimeoutError:
            lead, made = unscreened("", PeerError("the deadline came first")), None
        except StillwatchError as error:
            lead, made = unscreened("", error), None
        named = subject._replace(sign_up=lead.subject or subject.sign_up)
        return Screened(200, {**lead.record(), "policy": made}, named)

    def close(self) -> None:
        """End the work, keep what was found out."""
        self._threads.shutdown()
        with suppress(StillwatchError):
            self._labs.settle(everything=True)
        self._labs.close()
        self._store.close()
        if self._decisions is not self._store:
            self._decisions.close()

    def _work(self, record: Mapping[str, Any]) -> tuple[Lead, dict[str, Any] | None]:
        lead = screen_signup(record, self._layout, self._screener)
        if not lead.screened or lead.step is Step.NONE:
            return lead, None
        if not lead.subject:
            return lead, {"what": "none", "why": "the sign-up has no name: give it an id"}
        try:
            return lead, self._decide(lead)
        except StillwatchError as error:
            log.error("a lead's decision was not kept: %s", error)  # noqa: TRY400 - no trace needed
            return lead, {"what": "failed", "why": "the store did not keep the decision"}

    def _decide(self, lead: Lead) -> dict[str, Any] | None:
        case = case_of_lead(lead, Scope.SIGN_UP)
        found = enact(
            self._decisions, self._policy, [case], now=datetime.now(UTC), shadow=self._shadow
        )
        for one in found.outcomes:
            return {
                "policy": found.policy,
                "what": one.what,
                "rule": one.rule or None,
                "effect": one.effect,
                "decision": one.decision,
                "shadow": found.shadow,
                "why": one.why,
            }
        return None

    async def _settle(self) -> None:
        """Audits, in the background: what they find is told in the log."""
        told = set[str]()
        while True:
            await asyncio.sleep(_SETTLE_S)
            try:
                await asyncio.to_thread(self._labs.settle)
            except StillwatchError as error:
                log.warning("an audit failed: %s", error)
            for liar in self._labs.liars() - told:
                told.add(liar)
                log.error("evaluator %s answered wrongly and is set aside", liar)


def _unusable(error: InputError) -> Screened:
    said = {"title": "Unusable sign-up", "description": str(error)}
    return Screened(422, said, Request())


def _subject(record: Mapping[str, Any], layout: Layout) -> Request:
    """What decisions may name of a sign-up."""
    found = dict[str, str]()
    for name, value in record.items():
        field = layout.field_of(name)
        if field is Field.ROW_ID and isinstance(value, str | int):
            found.setdefault("sign_up", str(value)[:512])
        elif field in _CARRIED and isinstance(value, str) and value:
            found.setdefault(_CARRIED[field], value[:512])
    return Request(**found)
