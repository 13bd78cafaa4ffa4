"""The HTML report: one file that opens anywhere, loads nothing and runs nothing.

Rules
    - No script, no network: the page's own content security policy forbids both.
    - Text from logs goes through ``text.pieces`` and is escaped; nothing is marked safe.
    - What is left out for length is counted, with the file that has all of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from stillwatch.domain.finding import AccountFinding, CampaignFinding, RunSummary
from stillwatch.report import text, wording
from stillwatch.report.charts import distribution, spark

# a figure and its percent sign stay on one line
_UNIT_GAP = re.compile(r"(?<=\d) (?=%)")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a run one page shows."""

    campaigns: int = 100
    open_campaigns: int = 10
    """Campaigns whose evidence is unfolded from the start."""
    accounts: int = 500
    members: int = 200
    reasons: int = 6
    links: int = 8
    exemplars: int = 3
    account_exemplars: int = 1


def render_page(
    summary: RunSummary,
    accounts: pa.Table,
    flagged: Sequence[AccountFinding],
    campaigns: Sequence[CampaignFinding],
    limits: Limits = Limits(),
) -> str:
    """Return the page; findings are shown in the order given, exempt accounts apart."""
    p_values = np.asarray(accounts["p_value"].to_numpy(), dtype=np.float64)
    marks = np.asarray(accounts["flagged"].to_numpy(), dtype=np.bool_)
    shown = campaigns[: limits.campaigns]
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            summary=summary,
            campaigns=campaigns,
            flagged=[finding for finding in flagged if finding.flagged],
            exempt=[finding for finding in flagged if not finding.flagged],
            anchors={c.campaign_id: f"campaign-{rank}" for rank, c in enumerate(shown, 1)},
            distribution=distribution(p_values, marks),
            heaviest_link=max((link.weight for c in shown for link in c.links), default=0.0),
            limits=limits,
        )
    )


def environment() -> Environment:
    """Return the environment of all pages: everything escaped, strangers' text made visible."""
    environment = Environment(
        loader=PackageLoader("stillwatch.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "ident": partial(_html, cut=text.IDENT),
        "sentence": lambda value: _html(_UNIT_GAP.sub("\u00a0", value), text.SENTENCE),
        "exemplar": partial(_html, cut=text.EXEMPLAR),
        "count": text.count,
        "figure": text.figure,
        "p_value": text.p_value,
        "percentile": text.percentile,
        "percent": text.percent,
        "duration": text.duration,
    }
    environment.globals |= {
        "spark": spark,
        "plural": text.plural,
        "span": wording.span,
        "day": wording.day,
        "headline": wording.headline,
        "promise": wording.promise,
        "expected_innocent": wording.expected_innocent,
        "calibration": wording.calibration,
        "verdict": wording.verdict,
    }
    return environment


def _html(value: str, cut: text.Cut) -> Markup:
    """Escape every piece; notes get a style of their own that log text cannot imitate."""
    return Markup("").join(
        Markup("<i class=note>{}</i>").format(piece.text) if piece.note else piece.text
        for piece in text.pieces(value, cut)
    )
