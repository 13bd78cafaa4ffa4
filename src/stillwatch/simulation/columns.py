"""From requests without content to the columns of the events table."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.logs.schema import EVENTS_SCHEMA
from stillwatch.simulation.arrivals import Requests
from stillwatch.simulation.identity import (
    AGENTS,
    CHANNELS,
    COUNTRIES,
    FINGERPRINTS,
    hexadecimal,
    network,
)
from stillwatch.simulation.interface import SYSTEMS, Bools, CampaignPlan, Floats, Ints, Rows
from stillwatch.simulation.keys import Keys, fresh, mix, unit
from stillwatch.simulation.library import Library
from stillwatch.simulation.prompts import prompts
from stillwatch.simulation.settings import lenders

MODELS = ("aster-2", "aster-2-mini", "aster-3")
_OUTAGE_HOURS = 3.0


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is fixed before the first day."""

    accounts: Rows
    """``ACCOUNT`` rows, in order of account number."""
    styles: Rows
    """``STYLE`` rows of ordinary requests, one per account."""
    job_styles: Rows
    """``STYLE`` rows of campaign requests, one per account (unused for innocent ones)."""
    plans: tuple[CampaignPlan, ...]
    ids: pa.StringArray
    """Account ids."""
    organizations: pa.StringArray
    """Organisation ids, null where there is none."""
    library: Library
    release: float
    """Day of the new model's release."""
    outage: float
    """Day (with fraction) on which the edge stops recording sources for a few hours."""


def events_of_day(
    world: World, rng: np.random.Generator, asked: Requests, day: int, midnight: int
) -> pa.Table:
    """Fill in a day; ``midnight`` is its start in microseconds since the epoch."""
    rows = world.accounts[asked.account]
    job = asked.item >= 0
    styles = np.where(job, _job_styles(world, asked), world.styles[asked.account])
    index = pa.array(asked.account)
    text = prompts(world.plans, world.library, rng, asked, rows, day)
    columns = {
        "event_id": hexadecimal(fresh(rng, len(rows)), "req_", 4),
        "timestamp": pa.array(midnight + (asked.seconds * 1e6).astype(np.int64)),
        "account_id": world.ids.take(index),
        "model": _models(world, rng, rows, asked, job, day),
        "prompt": text,
        "organization_id": world.organizations.take(index),
        **_callers(rng, rows, asked, styles),
        **_request(rng, world.library, styles, rows),
        **_tokens(rng, world.library, styles, text, asked.turn),
        **_source(world, rng, rows, asked, day),
    }
    return _table(columns, len(rows))


def _job_styles(world: World, asked: Requests) -> Rows:
    """Settings may be lent from request to request; whether conversations are told is one's own."""
    lender = lenders(world.accounts, world.plans, asked.account, asked.thread)
    styles = world.job_styles[lender]
    styles["threads"] = world.job_styles["threads"][asked.account]
    return styles


def _table(columns: dict[str, pa.Array], n: int) -> pa.Table:
    """Order and type the columns as the schema says; what is not simulated is null."""
    arrays = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(n, field.type)
        for field in EVENTS_SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=EVENTS_SCHEMA)


def _models(
    world: World, rng: np.random.Generator, rows: Rows, asked: Requests, job: Bools, day: int
) -> pa.StringArray:
    """Which model: mixed for everybody, the new one only after its release."""
    n, now = len(rows), day + asked.seconds / 86_400
    pivot = np.array([plan.pivot for plan in world.plans] or [False])
    eager = job & pivot[np.maximum(rows["campaign"], 0)]
    share = np.where(eager, 0.85, rows["new_share"])
    new = (now >= rows["adopt"]) & (now >= world.release) & (rng.random(n) < share)
    small = rng.random(n) < np.where(job, 0.3 * rows["small"], rows["small"])
    return pa.array(MODELS).take(pa.array(np.where(new, 2, small.astype(np.int64))))


def _callers(
    rng: np.random.Generator, rows: Rows, asked: Requests, styles: Rows
) -> dict[str, pa.Array]:
    """Keys, end users and conversations."""
    n = len(rows)
    key_number = (unit(mix(asked.thread, 2)) < 0.2).astype(np.uint64)
    user = mix(rows["key"], (rng.beta(0.7, 3.0, n) * rows["end_users"]).astype(np.uint64))
    threads = styles["threads"] > 0
    return {
        "credential_id": hexadecimal(mix(rows["key"], key_number), "key_", 2),
        "end_user_id": _only(
            hexadecimal(user, "u", 2), (rows["end_users"] > 0) & (rng.random(n) < 0.97)
        ),
        "conversation_id": _only(hexadecimal(asked.thread, "conv_", 3), threads),
        "turn": pa.array(asked.turn, mask=~threads),
    }


def _request(
    rng: np.random.Generator, library: Library, styles: Rows, rows: Rows
) -> dict[str, pa.Array]:
    """Parameters of the request."""
    n = len(styles)

    def happens(name: str) -> Bools:
        return np.asarray(rng.random(n) < styles[name])

    limited, batch, formatted = happens("max_tokens_p"), happens("batch"), happens("json")
    kinds = np.where(formatted, 1 + styles["schema"], 0)
    stated = (styles["temperature"] >= 0) & (rng.random(n) < 0.96)
    tools = np.where(happens("tools_p"), styles["tools"], 0)
    return {
        "operation": pa.array(["chat", "batch"]).take(pa.array(batch.astype(np.int64))),
        "system_prompt": _systems(library, styles),
        "max_tokens": pa.array(styles["max_tokens"], mask=~limited),
        "temperature": pa.array(styles["temperature"], mask=~stated),
        "top_p": pa.array(styles["top_p"], mask=styles["top_p"] < 0),
        "choices": pa.array(1 + happens("choices") * 3, mask=rng.random(n) < 0.1),
        "logprobs": pa.array(happens("logprobs"), mask=rng.random(n) < 0.02),
        "reasoning": pa.array(happens("reasoning"), mask=rng.random(n) < 0.02),
        "response_format": _only(
            pa.array(["text", "json_object", "json_schema"]).take(pa.array(kinds)),
            unit(mix(rows["key"], 71)) > 0.1,
        ),
        "tools": pa.array(tools),
        "stream": pa.array(happens("stream")),
    }


def _systems(library: Library, styles: Rows) -> pa.StringArray:
    """System prompts; frameworks share theirs, applications have their own."""
    result = pa.nulls(len(styles), pa.string())
    for number, rule in enumerate(SYSTEMS):
        used = styles["system"] == number
        if rule and used.any():
            result = pc.if_else(pa.array(used), library.text(rule, styles["system_key"]), result)
    return result


def _tokens(
    rng: np.random.Generator, library: Library, styles: Rows, text: pa.StringArray, turn: Ints
) -> dict[str, pa.Array]:
    """Token counts: input from the text and its history, output log-normal or from traces."""
    n = len(styles)
    length = pc.utf8_length(text).to_numpy(zero_copy_only=False) / 4.0
    answer: Floats = styles["output"] * rng.lognormal(0.0, 0.8, n)
    real = library.corpus.output_tokens if library.corpus else None
    if real is not None:
        answer = rng.choice(real, n) * (styles["output"] / float(np.median(real)))
    answer = np.maximum(answer, 1.0)
    limit = np.where(styles["max_tokens_p"] > 0, styles["max_tokens"], 16_384)
    output = np.minimum(answer, limit).astype(np.int64)
    history = turn * (styles["output"] + 40.0)
    system = np.where(styles["system"] > 0, 45.0, 0.0) + 120.0 * (styles["tools_p"] > 0)
    reasons = np.where(answer > limit, 1, np.where(rng.random(n) < 0.6 * styles["tools_p"], 2, 0))
    reasons = np.where(rng.random(n) < 0.003, 3, reasons)
    finish = pa.array(["stop", "length", "tool_calls", "content_filter"])
    unknown = rng.random(n) < 0.015
    return {
        "input_tokens": pa.array(
            np.ceil(length + history + system + 4).astype(np.int64), mask=unknown
        ),
        "output_tokens": pa.array(output, mask=unknown),
        "finish_reason": finish.take(pa.array(reasons)),
    }


def _source(
    world: World, rng: np.random.Generator, rows: Rows, asked: Requests, day: int
) -> dict[str, pa.Array]:
    """Network columns, with the gaps that edges have."""
    net = network(rows, asked.thread, day)
    since = (day + asked.seconds / 86_400 - world.outage) * 24
    seen = ~((since >= 0) & (since < _OUTAGE_HOURS)) & (rng.random(len(rows)) > 0.005)
    client = pa.array(rows["client"].astype(np.int64))
    # Market places hide the caller's TLS handshake and, for some accounts, the address.
    direct = seen & (rows["channel"] == 0) & (unit(mix(rows["key"], 72)) > 0.06)
    known = seen & ((rows["channel"] == 0) | (unit(mix(rows["key"], 73)) > 0.5))
    return {
        "client_ip": _only(net.ip, known),
        "asn": pa.array(net.asn.to_numpy(), mask=~known),
        "country": _only(pa.array(COUNTRIES).take(pa.array(net.country)), known),
        "user_agent": _only(AGENTS.take(client), seen & (unit(mix(rows["key"], 74)) > 0.03)),
        "tls_fingerprint": _only(FINGERPRINTS.take(client), direct),
        "channel": pa.array(CHANNELS).take(pa.array(rows["channel"].astype(np.int64))),
    }


def _only(values: pa.Array, mask: Bools) -> pa.Array:
    """Null where the mask is false."""
    return pc.if_else(pa.array(mask), values, pa.scalar(None, values.type))


def account_ids(keys: Keys) -> pa.StringArray:
    """Ids that say nothing about the order of recruitment."""
    return hexadecimal(mix(keys, 99), "acct_", 3)
