"""One page with the picture: exchanges that the campaign got at each lab, with sharing and without."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from examples.closed_loop.replay import PROOF_H
from examples.closed_loop.world import Plan
from examples.closed_loop.worlds import EVERY_H, LISTED_H, PULLED_H, SHARED_H

_BIN_H: Final = 3
_WIDE, _HIGH, _FOOT, _LEFT = 420, 150, 24, 30
_STYLE: Final = """
:root{color-scheme:light dark;--bg:#f6f5f1;--card:#fff;--ink:#1b2124;--soft:#566167;--line:#dcdfda;--without:#c9b7ae;--with:#0b665e}
@media (prefers-color-scheme:dark){:root{--bg:#13181a;--card:#1b2124;--ink:#e4e9e9;--soft:#a2aeb3;--line:#313a3e;--without:#6d5c54;--with:#5fc7ba}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:2rem 1.5rem 4rem;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
h1{font-size:1.9rem;line-height:1.25;margin:.2rem 0 .6rem;max-width:50rem;text-wrap:balance}
h2{font-size:1.25rem;margin:2.4rem 0 .5rem}
.brand{font-weight:700;color:var(--with)}
.lead{font-size:1.05rem;max-width:50rem}
.labs{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:1rem;margin:1.5rem 0}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.2rem}
figcaption b{font-size:1.05rem}
figcaption span,.key,.soft{color:var(--soft)}
svg{width:100%;height:auto;display:block;margin-top:.6rem}
svg text{fill:var(--soft);font-size:11px}
.without{fill:var(--without)}.with{fill:var(--with)}
.mark{stroke:var(--soft);stroke-dasharray:3 3}.axis{stroke:var(--line)}
.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin:0 .35rem 0 .9rem}
table{border-collapse:collapse;width:100%;background:var(--card);border:1px solid var(--line);border-radius:10px}
th,td{text-align:right;padding:.45rem .8rem;border-top:1px solid var(--line);font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}thead th{border:0;color:var(--soft);font-weight:600}
ol,ul{max-width:52rem}ol{list-style:none;padding:0}td:first-child{white-space:nowrap}li{margin:.25rem 0}a{color:var(--with)}
"""


def write(folder: Path, record: Mapping[str, Any], story: Sequence[str], plan: Plan) -> Path:
    """Write ``story.html``; it loads nothing."""
    labs = record["labs"]
    names = list(labs["alone"])
    charts = "".join(_figure(name, labs["alone"][name], labs["together"][name]) for name in names)
    page = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>The closed loop</title><style>{_STYLE}</style>
<p class="brand">stillwatch</p>
<h1>Banned at one lab, recognised at two: {record["fall"]:.0%} fewer exchanges leaked</h1>
<p class="lead">After alpha's ban the campaign harvested {record["leaked_alone"]:,} answers at beta and gamma where
each lab was alone, and {record["leaked_together"]:,} where they shared. {_innocents(labs["together"])}</p>
<div class="labs">{charts}</div>
<p class="key"><i class="without" style="background:var(--without)"></i>alone
<i style="background:var(--with)"></i>sharing · exchanges leaked to the campaign in {_BIN_H} hours;
dashed: what alpha shared is pulled, hour {PULLED_H}</p>
<h2>What happened</h2><ol>{"".join(f"<li>{escape(line)}</li>" for line in story)}</ol>
<h2>At the gateways, after the ban</h2>{_table(labs, names)}
<h2>What is assumed</h2><ul>{"".join(f"<li>{escape(line)}</li>" for line in _assumed(plan))}</ul>
<h2>Reports</h2><ul>{_links(folder)}</ul>
</html>
"""
    path = folder / "story.html"
    path.write_text(page, encoding="utf-8")
    return path


def _innocents(labs: Mapping[str, Any]) -> str:
    others = [labs[name] for name in list(labs)[1:]]
    asked = [hours for lab in others for hours in lab["innocents_challenged"].values()]
    blocked, all_ = (sum(lab[n] for lab in others) for n in ("innocents_blocked", "innocents"))
    said = f"Of {all_:,} innocents there {blocked or 'none'} was blocked"
    if not asked:
        return said + " or asked for anything."
    return f"{said}; {len(asked)} were asked for proof, for {max(asked):.1f} hours at most."


def _figure(name: str, alone: Mapping[str, Any], shared: Mapping[str, Any]) -> str:
    rows = [_bins(alone["by_hour"]), _bins(shared["by_hour"])]
    most = max(1, *rows[0], *rows[1])
    step = (_WIDE - _LEFT) / len(rows[0])
    bars = "".join(
        f'<path class="{kind}" d="{_bars(row, most, step, wide, offset)}"/>'
        for row, kind, wide, offset in zip(
            rows, ("without", "with"), (0.84, 0.44), (0.08, 0.28), strict=True
        )
    )
    at = _LEFT + PULLED_H / _BIN_H * step
    days = "".join(
        f'<text x="{_LEFT + day * 24 / _BIN_H * step:.0f}" y="{_HIGH + 16}">day {day + 1}</text>'
        for day in range(len(alone["by_hour"]) // 24)
    )
    said = f"{alone['harvested']:,} alone, {shared['harvested']:,} sharing"
    return f"""<figure><figcaption><b>{escape(name)}</b> <span>{said}</span></figcaption>
<svg viewBox="0 0 {_WIDE} {_HIGH + _FOOT}" role="img" aria-label="{escape(name)}: {said}">
<line class="axis" x1="{_LEFT}" x2="{_WIDE}" y1="{_HIGH}" y2="{_HIGH}"/>
<text x="0" y="12">{most}</text><text x="0" y="{_HIGH}">0</text>{bars}
<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{_HIGH}"/>{days}</svg></figure>"""


def _bins(hours: Sequence[int]) -> list[int]:
    return [sum(hours[i : i + _BIN_H]) for i in range(0, len(hours), _BIN_H)]


def _bars(row: Sequence[int], most: int, step: float, wide: float, offset: float) -> str:
    return "".join(
        f"M{_LEFT + (place + offset) * step:.1f} {_HIGH}v-{value / most * (_HIGH - 6):.1f}"
        f"h{wide * step:.1f}V{_HIGH}z"
        for place, value in enumerate(row)
        if value
    )


def _table(labs: Mapping[str, Any], names: Sequence[str]) -> str:
    head = (
        "", "campaign's requests", "answered", "extracting", "refused", "its sign-ups", "asked for proof",
        "innocents", "blocked", "asked for proof",
    )  # fmt: skip
    rows = []
    for world, called in (("alone", "alone"), ("together", "sharing")):
        for name in names:
            one = labs[world][name]
            tried = one["sign_ups"]
            figures = (
                one["wanted"], one["answered"], one["harvested"], sum(one["refused"].values()), sum(tried.values()),
                tried.get("asked for proof", 0), one["innocents"], one["innocents_blocked"],
                len(one["innocents_challenged"]),
            )  # fmt: skip
            cells = "".join(f"<td>{figure:,}</td>" for figure in figures)
            rows.append(f"<tr><td>{escape(name)}, {called}</td>{cells}</tr>")
    return (
        f"<table><thead><tr>{''.join(f'<th>{escape(h)}</th>' for h in head)}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _assumed(plan: Plan) -> list[str]:
    return [
        "Answered: the lab's gateway let the request pass. Who is blocked, or asked for proof of identity and "
        "has not given it, is not answered. Leaked, or extracting: answered, and made for the campaign's job; "
        "the other requests of its accounts only cover them.",
        f"A refused account is replaced in 2 to 8 hours. With the chance {plan.reuse:.0%} the next identity takes "
        "one or two of its mailbox, number, card and device from a stock of five of each, spelt otherwise; "
        "else it shares nothing.",
        f"None of the campaign's identities can prove who it is; every innocent can, in {PROOF_H:.0f} hours.",
        f"A reviewer releases what alpha shares {SHARED_H} hours after the ban, and it is pulled an hour later. "
        f"From then on a person reads what the rule matches every {EVERY_H} hours, and blocks; every {LISTED_H} "
        "hours each lab lists whom it has blocked.",
        "In both worlds beta and gamma look for campaigns in their own logs once a day, and alpha tries its own "
        "rule.",
        "Requests, prompts and customers are simulated; gateways, hub, evaluators and all commands are real.",
    ]


def _links(folder: Path) -> str:
    wanted = (
        ("alpha/result/report.html", "what alpha found"),
        ("correlation/report.html", "was the suspect trained on ours?"),
        ("alpha/rule.yaml", "the rule that was shared"),
        ("alpha/simulate/simulation.html", "whom alpha's policy would have touched"),
        ("beta/gateway.jsonl", "every request at beta's gateway, and its answer"),
        ("gamma/gateway.jsonl", "the same at gamma's"),
        ("figures.json", "all figures"),
    )
    found = [(path, said) for path, said in wanted if (folder / path).exists()]
    return "".join(f'<li><a href="{path}">{path}</a>: {said}</li>' for path, said in found)
