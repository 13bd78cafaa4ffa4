import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from report_samples import HOSTILE, hostile, sample

from stillwatch.report.page import Limits, render_page

LOADING = {
    "src",
    "srcset",
    "href",
    "xlink:href",
    "action",
    "formaction",
    "data",
    "poster",
    "background",
}
VOID = {"meta", "br", "rect", "line", "path"}


class Page(HTMLParser):
    """Tags, attributes and visible words of a page, and whether its tags close in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))


def render(made, **options):
    summary, accounts, flagged, campaigns = made
    return render_page(summary, accounts, flagged, campaigns, **options)


SAMPLES = {
    "some": sample(),
    "none": sample(0, 0, 50),
    "no accounts at all": sample(0, 0, 0),
    "accounts only": sample(5, 0),
    "hostile": hostile(),
}


@pytest.mark.parametrize("made", SAMPLES.values(), ids=SAMPLES)
def test_the_page_loads_and_runs_nothing(made):
    html = render(made)
    page = Page(html)
    assert page.open == []
    assert not {"script", "link", "iframe", "img", "object", "embed", "base", "form"} & set(
        page.tags
    )
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    loads = [value for _, name, value in page.attributes if name in LOADING]
    assert loads
    assert all(value.startswith("#") for value in loads)
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    policies = [v for _, name, v in page.attributes if name == "content" and "default-src" in v]
    assert [v.split("; ")[:3] for v in policies] == [
        ["default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"]
    ]


@pytest.mark.parametrize("made", SAMPLES.values(), ids=SAMPLES)
def test_every_inner_link_has_its_target_and_ids_are_unique(made):
    page = Page(render(made))
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = {value[1:] for _, name, value in page.attributes if name == "href"}
    labels = {value for _, name, value in page.attributes if name == "aria-labelledby"}
    assert targets | labels <= set(ids)


def test_hostile_text_is_shown_and_does_nothing():
    html = render(hostile())
    page = Page(html)
    assert HOSTILE[0] in page.text
    assert "&lt;script&gt;" in html
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x00-\x08\x0b-\x1f]", html)
    assert "U+202E" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "60 combining marks" in page.text
    assert "more characters" in page.text


def test_no_finding_is_a_page_that_says_so_and_what_it_could_not_see():
    text = Page(render(SAMPLES["none"])).text
    assert "No account or campaign stood out at a false-discovery rate of 5 %." in text
    assert "response is absent" in text
    assert "tls_fingerprint" in text
    assert "of them innocent" not in text


def test_what_was_read_is_at_the_top():
    summary = SAMPLES["some"][0]
    text = Page(render(SAMPLES["some"])).text
    for said in (
        f"{summary.events:,}",
        "logs/2026-05-03.jsonl.zst",
        "litellm",
        "2026-05-03 00:04 to 2026-05-16 23:58 UTC",
        "17 rows could not be read",
        "fewer than one to be innocent",
        "No baseline was given",
        *summary.notes,
        *summary.unseen,
    ):
        assert said in text


def test_every_campaign_shows_its_evidence():
    _summary, _accounts, _flagged, campaigns = SAMPLES["some"]
    text = Page(render(SAMPLES["some"])).text.replace("\u00a0", " ")
    for campaign in campaigns:
        said = [campaign.campaign_id, campaign.innocent, f"{campaign.events:,}"]
        said += [link.sentence for link in campaign.links]
        said += [reason.sentence for reason in campaign.reasons]
        said += campaign.accounts
        assert [words for words in said if words not in text] == []


def test_what_is_left_out_is_counted():
    limits = Limits(campaigns=2, accounts=10, members=3, reasons=1, links=1, exemplars=1)
    made = sample(flagged=60, campaigns=4)
    text = Page(render(made, limits=limits)).text
    assert "50 more are in findings.jsonl" in text
    assert "2 more campaigns, less severe" in text
    hidden = len(made[3][0].accounts) - 3
    assert f"and {hidden:,} more, all in campaigns.parquet" in text
    assert re.search(r"\d+ weaker signals? in findings.jsonl", text)
    assert re.search(r"\d+ weaker links? in findings.jsonl", text)


def test_exempt_accounts_are_apart_with_their_reason():
    summary, accounts, flagged, campaigns = sample(flagged=3, campaigns=0)
    exempt = replace(flagged[0], account_id="vendor", flagged=False, exempt="synthetic_data")
    html = render_page(summary, accounts, [*flagged, exempt], campaigns)
    text = Page(html).text
    assert "1 exempt account, not flagged whatever the score" in text
    assert text.index("vendor") > text.index("exempt account")
    assert "synthetic_data" in text


def test_accounts_without_a_p_value_are_counted():
    summary, accounts, flagged, campaigns = sample(flagged=2, campaigns=0, others=10)
    rows = accounts.to_pylist()
    rows[-1]["p_value"], rows[-2]["p_value"] = None, float("nan")
    table = accounts.from_pylist(rows, accounts.schema)
    text = Page(render_page(summary, table, flagged, campaigns)).text
    assert "2 accounts had too little to judge" in text


def test_three_thousand_flags_stay_a_page_that_opens():
    assert len(render(sample(3000, 60, 1000)).encode()) < 3_000_000
