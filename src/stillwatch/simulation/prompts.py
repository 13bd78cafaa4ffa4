"""Writes the prompts of a day: each population for its own, each campaign for its job."""

from itertools import pairwise

import numpy as np
import pyarrow as pa

from stillwatch.simulation.arrivals import Requests
from stillwatch.simulation.compose import join, where
from stillwatch.simulation.interface import CampaignPlan, Draft, Ints, JobDraft, Rows
from stillwatch.simulation.keys import fresh, mix, pick
from stillwatch.simulation.library import Library
from stillwatch.simulation.populations import POPULATIONS


def prompts(
    plans: tuple[CampaignPlan, ...],
    library: Library,
    rng: np.random.Generator,
    asked: Requests,
    rows: Rows,
    day: int,
) -> pa.StringArray:
    """One prompt per request, in the requests' order."""
    job = asked.item >= 0
    group = np.where(job, len(POPULATIONS) + rows["campaign"], rows["kind"]).astype(np.int64)
    order = np.argsort(group, kind="stable")
    edges = np.flatnonzero(np.diff(group[order], prepend=-1, append=-2))
    parts = []
    for begin, end in pairwise(edges):
        index = order[begin:end]
        number = int(group[index[0]])
        if number < len(POPULATIONS):
            draft = _draft(library, rng, asked, rows, index, day)
            parts.append(POPULATIONS[number].write(draft))
        else:
            parts.append(_job(plans[number - len(POPULATIONS)], library, rng, asked, index))
    if not parts:
        return pa.array([], pa.string())
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_arrays(parts).take(pa.array(back))


def _draft(
    library: Library, rng: np.random.Generator, asked: Requests, rows: Rows, index: Ints, day: int
) -> Draft:
    return Draft(
        library,
        rng,
        rows["key"][index],
        rows["site"][index],
        asked.thread[index],
        asked.turn[index],
        day,
    )


def _job(
    plan: CampaignPlan, library: Library, rng: np.random.Generator, asked: Requests, index: Ints
) -> pa.StringArray:
    """Wrap each seed in a variation of the scaffold; later turns press for more."""
    variants = fresh(rng, len(index))
    job = JobDraft(library, plan.key, asked.item[index], variants)
    heads = plan.heads.take(pa.array(pick(mix(variants, 2), len(plan.heads))))
    tails = plan.tails.take(pa.array(pick(mix(variants, 3), len(plan.tails))))
    text = join(heads, plan.target.seeds(job), tails)
    later = asked.turn[index] > 0
    return where(later, library.text("attack.follow_up", variants), text) if later.any() else text
