import pytest

from stillwatch.hub.taxii.marks import Marks
from stillwatch.hub.taxii.media import acceptable, is_taxii


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        ([], True),
        ([""], True),
        (["text/html", "application/taxii+json"], True),
        (["application/taxii+json;q=0.000"], False),
        (["application/taxii+json;q=2"], False),
        (["*/*;q=0.1, application/*;q=0"], False),
        (["application/*;q=0, application/taxii+json;version=2.1"], True),
        (['application/taxii+json;version="2\\.1"'], True),
        ([";;,,"], False),
    ],
)
def test_the_most_specific_range_decides(accept: list[str], taken: bool) -> None:
    assert acceptable(accept) is taken


@pytest.mark.parametrize("header", [None, "", "a", "application/taxii+json, text/html"])
def test_other_content_is_not_taxii(header: str | None) -> None:
    assert not is_taxii(header)


def test_a_mark_is_read_by_who_knows_the_secret_only() -> None:
    mark = Marks(b"secret").make("c", 2**60)
    assert Marks(b"secret").read("c", mark) == 2**60
    for marks, collection, text in (
        (Marks(b"other"), "c", mark),
        (Marks(b"secret"), "d", mark),
        (Marks(b"secret"), "c", "A" + mark[1:]),
        (Marks(b"secret"), "c", mark[:-1]),
        (Marks(b"secret"), "c", ""),
        (Marks(b"secret"), "c", "\u00e9"),
    ):
        with pytest.raises(ValueError, match="no mark"):
            marks.read(collection, text)
