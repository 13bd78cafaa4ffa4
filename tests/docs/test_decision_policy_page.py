"""The policy that the how-to shows is one, and does what the page says of it."""

from pathlib import Path

from stillwatch.domain.decision import Effect
from stillwatch.gateway.policy.load import load_policy
from tests.cases import NOW, campaign, lone
from tests.docs.reading import ROOT, blocks

PAGE = ROOT / "docs" / "how-to" / "write-a-decision-policy.md"


def test_the_policy_of_the_page(tmp_path: Path) -> None:
    (text,) = [text for language, text in blocks(PAGE) if language == "yaml"]
    path = tmp_path / "ours.yaml"
    path.write_text(text, encoding="utf-8")
    policy = load_policy(path)
    seen = policy.decide(campaign(12, labs=1), NOW)
    assert seen is not None
    assert seen.effect is Effect.BLOCK
    asked = policy.decide(campaign(12), NOW)
    assert asked is not None
    assert asked.effect is Effect.CHALLENGE
    assert policy.decide(lone(access_path="enterprise"), NOW) is None
