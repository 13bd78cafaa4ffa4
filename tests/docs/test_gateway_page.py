"""The page about the gateway has a line for what the code knows, and for nothing else."""

import json

from docs.gatewaypages import SAID, gateway

from stillwatch.gateway.openapi import document
from stillwatch.gateway.settings import _SECTIONS
from tests.docs.reading import ROOT

HOW_TO = (ROOT / "docs" / "how-to" / "run-a-gateway.md").read_text(encoding="utf-8")


def test_every_setting_has_its_line_and_no_other():
    assert set(SAID) == {f"{s}.{name}" for s, names in _SECTIONS.items() for name in names}


def test_every_endpoint_is_on_the_page():
    for path in json.loads(document())["paths"]:
        assert f" {path}`" in gateway()


def test_figures_of_the_how_to_are_told():
    import re

    from stillwatch.gateway.metrics import FIGURES

    named = set(re.findall(r"`(\w+_(?:total|seconds|open|connected))\b", HOW_TO))
    assert named
    assert named <= set(FIGURES)
