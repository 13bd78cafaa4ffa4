import pytest

from stillwatch.errors import ConfigError
from stillwatch.provenance.panel import make_panel, read_panel

GOOD = """
suspect = "s"
[[ours]]
model = "a"
[[reference]]
model = "r"
vendor = "v"
[[control]]
model = "c"
cluster = "k"
teacher = "r"
[[pair]]
student = "p"
teacher = "a"
[base]
s = "b"
"""


def test_a_panel_knows_who_may_be_a_null_for_whom(tmp_path):
    (tmp_path / "p.toml").write_text(GOOD)
    panel = read_panel(tmp_path / "p.toml")
    assert [t.ours for t in panel.teachers] == [True, False]
    taught = {c.model: c.taught_by for c in panel.controls}
    assert taught == {"c": {"v"}, "p": {"ours"}}
    assert (panel.suspects, panel.bases) == (("s",), {"s": "b"})


def test_yaml_and_aliases(tmp_path):
    (tmp_path / "p.yaml").write_text("own: [a]\nreferences: [{model: r, vendor: v}]\n")
    assert [t.model for t in read_panel(tmp_path / "p.yaml").teachers] == ["a", "r"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[[control]]", "[[contrl]]", "did you mean 'control'"),
        ('vendor = "v"', "", "reference 'r' has no vendor"),
        ('cluster = "k"', "", "control 'c' has no cluster"),
        ('model = "c"', 'model = "a"', "is ours and a control"),
        ('suspect = "s"', 'suspect = "a"', "is suspect and teacher"),
        ('model = "c"', 'model = "c"\nvender = "x"', "unknown setting 'vender'"),
        ("[[ours]]", "[[ours", "panel"),
        ('[[ours]]\nmodel = "a"', '[[ours]]\nname = "a"', "has no model"),
    ],
)
def test_a_mistake_is_told(tmp_path, old, new, words):
    (tmp_path / "p.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigError, match=words):
        read_panel(tmp_path / "p.toml")


def test_a_panel_needs_teachers():
    with pytest.raises(ConfigError, match="no model of ours and no reference"):
        make_panel({}, "x")
