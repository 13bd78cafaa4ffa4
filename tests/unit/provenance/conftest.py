"""The invented panel, measured once for this folder."""

import pytest

from stillwatch.provenance.align import align
from stillwatch.provenance.fit import FEATURES
from stillwatch.provenance.measure import measure
from stillwatch.provenance.panel import make_panel
from tests.panels import answers, gathered


@pytest.fixture(scope="session")
def invented():
    rows, raw = answers()
    return gathered(rows), make_panel(raw, "test")


@pytest.fixture(scope="session")
def measured(invented):
    read, panel = invented
    suspects = ("copycat", "bystander")
    aligned = align(read, panel, suspects)
    return measure(aligned, panel, FEATURES, suspects=suspects)
