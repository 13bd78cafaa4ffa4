"""A result in the terminal: the summary of a run, and one finding explained.

Rules
    - Text from logs is printed as ``rich.text.Text``, never parsed as markup, and with control
      characters shown as code points: a prompt cannot drive the terminal.
    - The claims are those of ``wording``; what is cut is counted.
"""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stillwatch.domain.finding import AccountFinding, CampaignFinding, Link, Reason
from stillwatch.report import text, wording
from stillwatch.report.lookup import Entry, UnflaggedAccount, campaign_of
from stillwatch.report.result import Result

_CAMPAIGNS = 5
_UNSEEN = 3
_SENTENCES = 6
_EXEMPLARS = 2
_MEMBERS = 12
_EXEMPLAR = text.Cut(chars=400, lines=6)


def print_summary(result: Result, console: Console) -> None:
    """Print a run in a few lines: what stood out, what that promises, what was not seen."""
    summary = result.summary
    console.print(Text(wording.headline(summary), style="bold"))
    read = [
        text.plural(summary.events, "request"),
        text.plural(summary.accounts, "account"),
        wording.span(summary.first_seen, summary.last_seen),
        text.duration(summary.seconds),
    ]
    console.print(Text(f"read: {' · '.join(read)}", style="dim"))
    if summary.quarantined:
        rows = text.plural(summary.quarantined, "row")
        console.print(Text(f"{rows} quarantined: see quarantine.jsonl", "yellow"))
    for claim in filter(None, (wording.promise(summary), wording.calibration(summary))):
        console.print(Text(claim))
    if result.campaigns:
        console.print(_campaign_table(result.campaigns))
    for sentence in _first(summary.notes, _UNSEEN, "more notes in the report"):
        console.print(Text(f"note: {text.plain(sentence, text.SENTENCE)}", "yellow"))
    for sentence in _first(summary.unseen, _UNSEEN, "more in the report"):
        console.print(Text(f"not seen: {sentence}", "dim"))
    console.print(Text(f"report: {result.page}", style="bold"), soft_wrap=True)


def print_entry(result: Result, entry: Entry, console: Console) -> None:
    """Print one account or campaign with all that speaks for and against it."""
    if isinstance(entry, CampaignFinding):
        _print_campaign(entry, console)
    else:
        _print_account(result, entry, console)


def _print_campaign(campaign: CampaignFinding, console: Console) -> None:
    console.print(_title("campaign", campaign.campaign_id))
    size = text.plural(len(campaign.accounts), "account")
    when = wording.span(campaign.first_seen, campaign.last_seen)
    _fact(
        console, "verdict", f"reported, p = {text.p_value(campaign.p_value)} for the pooled traffic"
    )
    _fact(console, "size", f"{size}, {text.plural(campaign.events, 'request')}, {when}")
    _fact(console, "score", text.figure(campaign.score))
    _print_reasons(campaign.reasons, console)
    _print_links(campaign.links, console)
    _print_exemplars(campaign.exemplars, console)
    _print_innocent(campaign.innocent, console)
    members = [_clean(member, text.IDENT) for member in campaign.accounts[:_MEMBERS]]
    if more := len(campaign.accounts) - len(members):
        members.append(Text(f"and {more:,} more, all in campaigns.parquet", "dim"))
    _section(console, "members", [Text(", ").join(members)])


def _print_account(
    result: Result, account: AccountFinding | UnflaggedAccount, console: Console
) -> None:
    console.print(_title("account", account.account_id))
    campaign = campaign_of(result, account.campaign_id)
    _fact(console, "verdict", _verdict(account))
    _fact(console, "traffic", _traffic(account))
    if account.score is not None:
        _fact(console, "score", text.figure(account.score))
    if account.campaign_id is not None:
        _fact(console, "campaign", _membership(account.campaign_id, campaign))
    _print_reasons(account.reasons, console)
    if campaign is not None:
        _print_links(campaign.links, console)
    if isinstance(account, AccountFinding):
        _print_exemplars(account.exemplars, console)
        _print_innocent(account.innocent, console)


def _verdict(account: AccountFinding | UnflaggedAccount) -> str:
    if isinstance(account, AccountFinding):
        return wording.verdict(account)
    if account.p_value is None:
        return "not flagged: too little was seen to judge it"
    return f"not flagged, p = {text.p_value(account.p_value)}"


def _traffic(account: AccountFinding | UnflaggedAccount) -> str:
    requests = text.plural(account.events, "request")
    if isinstance(account, UnflaggedAccount):
        return requests
    return f"{requests}, {wording.span(account.first_seen, account.last_seen)}"


def _membership(campaign_id: str, campaign: CampaignFinding | None) -> str:
    name = text.plain(campaign_id, text.IDENT)
    if campaign is None:
        return f"{name} (not reported: its pooled evidence did not pass)"
    size = text.plural(len(campaign.accounts), "account")
    return f"{name}, {size}, p = {text.p_value(campaign.p_value)}"


def _print_reasons(reasons: Sequence[Reason], console: Console) -> None:
    lines = []
    for reason in reasons[:_SENTENCES]:
        line = Text("• ").append_text(_clean(reason.sentence, text.SENTENCE))
        place = text.place(reason.benign_percentile)
        place = f"  ({reason.signal} {text.figure(reason.value)}, {place})"
        lines.append(line.append_text(_clean(place, text.SENTENCE, "dim")))
    if more := len(reasons) - len(lines):
        lines.append(Text(f"and {text.plural(more, 'weaker signal')}", "dim"))
    _section(console, "why", lines or [Text("no single signal stands out", "dim")])


def _print_links(links: Sequence[Link], console: Console) -> None:
    lines = []
    for link in links[:_SENTENCES]:
        line = Text("• ").append_text(_clean(link.kind, text.IDENT, "bold")).append(": ")
        line.append_text(_clean(link.sentence, text.SENTENCE))
        touched = text.plural(link.accounts, "account")
        lines.append(line.append(f"  ({text.figure(link.weight)} nats, {touched})", "dim"))
    if more := len(links) - len(lines):
        lines.append(Text(f"and {text.plural(more, 'weaker link')}", "dim"))
    _section(console, "what holds the campaign together", lines)


def _print_exemplars(exemplars: Sequence[str], console: Console) -> None:
    lines = [Text("• ").append_text(_clean(prompt, _EXEMPLAR)) for prompt in exemplars[:_EXEMPLARS]]
    if more := len(exemplars) - len(lines):
        lines.append(Text(f"and {text.plural(more, 'more example')} in findings.jsonl", "dim"))
    _section(console, "from the log", lines)


def _print_innocent(words: str, console: Console) -> None:
    explained = _clean(words, text.SENTENCE) if words else Text("none was recorded", "dim")
    _section(console, "what would make it innocent", [explained])


def _campaign_table(campaigns: Sequence[CampaignFinding]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("campaign", overflow="fold")
    for name in ("accounts", "requests", "p-value"):
        table.add_column(name, justify="right")
    table.add_column("held together by")
    for campaign in campaigns[:_CAMPAIGNS]:
        kinds = ", ".join(dict.fromkeys(link.kind for link in campaign.links[:3]))
        table.add_row(
            _clean(campaign.campaign_id, text.IDENT),
            text.count(len(campaign.accounts)),
            text.count(campaign.events),
            text.p_value(campaign.p_value),
            _clean(kinds, text.IDENT),
        )
    if (more := len(campaigns) - _CAMPAIGNS) > 0:
        table.add_row(Text(f"and {more:,} more", "dim"))
    return table


def _first(sentences: Sequence[str], limit: int, rest: str) -> Iterable[str]:
    yield from (text.plain(sentence, text.SENTENCE) for sentence in sentences[:limit])
    if len(sentences) > limit:
        yield f"{len(sentences) - limit} {rest}"


def _title(kind: str, ident: str) -> Text:
    return Text(f"{kind} ").append_text(_clean(ident, text.IDENT, "bold"))


def _fact(console: Console, name: str, value: str) -> None:
    console.print(Text(f"{name:<9}", "dim").append_text(_clean(value, text.SENTENCE, "default")))


def _section(console: Console, name: str, lines: Sequence[Text]) -> None:
    if lines:
        console.print(Text(f"\n{name}", "bold"))
        for line in lines:
            console.print(Padding(line, (0, 0, 0, 2), expand=False))


def _clean(value: str, cut: text.Cut, style: str = "") -> Text:
    cleaned = Text(style=style)
    for piece in text.pieces(value, cut):
        code = piece.note and piece.text[0] != " "
        cleaned.append(f"⟨{piece.text}⟩" if code else piece.text, "yellow" if piece.note else None)
    return cleaned
