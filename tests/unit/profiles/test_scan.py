import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.profiles.scan import BLOCK, WORD, words_of


def same(a: str, b: str) -> bool:
    return words_of(a).tolist() == words_of(b).tolist()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("?!… \t\n", 0),
        ("hello", 1),
        ("Hello, wide  world", 3),
        ("don't won’t 'quoted'", 3),
        ("snake_case and kebab-case", 5),
        ("gpt4 x1y2", 2),
        ("3.14", 2),
        ("Привет, мир", 2),
        ("schöne Grüße aus Łódź", 4),
        ("你好世界", 4),
        ("今日はGPT4です", 6),
        ("안녕하세요 세계", 2),
        ("สวัสดี", 4),
        ("مرحبا بالعالم", 2),
        ("हिन्दी भाषा", 2),
        ("emoji 😀 too ❤️", 2),
        ("𠀀𠀁", 2),
        ("a" * WORD, 1),
        ("a" * (WORD + 1), 2),
        ("word " * (3 * BLOCK), 3 * BLOCK),
    ],
)
def test_number_of_words(text: str, words: int) -> None:
    assert words_of(text).size == words


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Hello WORLD", "hello world"),
        ("hello, world!", "hello\n\n world"),
        ("ＨＥＬＬＯ　ｗｏｒｌｄ", "hello world"),
        ("ПРИВЕТ", "привет"),
        ("don’t", "don't"),
        ("step\u200bby\u00adstep", "stepbystep"),
        ("٣٤", "34"),
        ("ΣΟΦΙΑ", "σοφια"),
        ("ﾊﾟ", "ハ\uff9f"),
    ],
)
def test_spellings_of_one_word_sequence(a: str, b: str) -> None:
    assert same(a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [("ab c", "a bc"), ("cat", "act"), ("abcdefgh", "abcdefghi"), ("é", "e"), ("1 2", "12"),
     ("aaaaaaaa", "aaaaaaaaaaaaaaaa"), ("é1", "1é")],
)  # fmt: skip
def test_different_words_differ(a: str, b: str) -> None:
    assert not same(a, b)


@given(st.text(alphabet="aZ1é你' \n\"-\u200b한ก\u0e34", max_size=80))
def test_case_and_surroundings_do_not_matter(text: str) -> None:
    assert same(text, text.upper()) or text.upper().lower() != text.lower()
    assert same(text, f"  {text}\n\n")


@given(st.lists(st.text(alphabet="abcXYZéж", min_size=1, max_size=20), max_size=30))
def test_words_are_hashed_one_by_one(parts: list[str]) -> None:
    alone = [words_of(part)[0] for part in parts]
    assert words_of(" ".join(parts)).tolist() == alone
    assert words_of(",\n".join(parts)).tolist() == alone


@given(st.integers(0, 40), st.sampled_from(["é", "ß", "ж", "а"]))
def test_where_a_letter_stands_in_its_eight_bytes_does_not_matter(at: int, letter: str) -> None:
    word = "abcdefghijklmnopqrstuvwxyzabcdefghijklmno"
    mixed = word[:at] + letter + word[at:]
    assert words_of(mixed).size == 1
    assert same(mixed, mixed.upper()) or letter == "ß"
    assert not same(mixed, word)
