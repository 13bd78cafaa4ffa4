from dataclasses import fields

from stillwatch.hub.limits import Limits
from tests.support import ROOT


def test_every_limit_is_on_its_page() -> None:
    page = (ROOT / "docs" / "reference" / "hub-limits.md").read_text(encoding="utf-8")
    told = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    assert [(name.strip(" `"), int(value.replace(",", ""))) for name, value in told] == [
        (field.name, field.default) for field in fields(Limits)
    ]
