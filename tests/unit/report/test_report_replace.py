import pytest

from stillwatch.errors import InputError
from stillwatch.report.replace import replacing

NAMES = ("a.txt", "b.txt")


def write(out, words, names=NAMES):
    with replacing(out, NAMES) as staging:
        for name in names:
            (staging / name).write_text(words)


def contents(out):
    return {path.name: path.read_text() for path in out.iterdir()}


def test_new_files_take_the_place_of_old_ones_and_nothing_else_is_touched(tmp_path):
    out = tmp_path / "deep" / "out"
    write(out, "old")
    (out / "notes.md").write_text("mine")
    write(out, "new")
    assert contents(out) == {"a.txt": "new", "b.txt": "new", "notes.md": "mine"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_while_writing_changes_nothing(tmp_path, error):
    def write_half():
        with replacing(tmp_path, NAMES) as staging:
            (staging / "a.txt").write_text("new")
            raise error

    write(tmp_path, "old")
    with pytest.raises(error):
        write_half()
    assert contents(tmp_path) == {"a.txt": "old", "b.txt": "old"}


def test_a_file_that_was_not_written_changes_nothing(tmp_path):
    write(tmp_path, "old")
    with pytest.raises(FileNotFoundError):
        write(tmp_path, "new", names=("a.txt",))
    assert contents(tmp_path) == {"a.txt": "old", "b.txt": "old"}


@pytest.mark.parametrize("first", ["a.txt", "not there before.txt"])
def test_a_failure_between_two_renames_puts_the_old_files_back(tmp_path, first):
    def write_into_a_folder_that_is_missing():
        with replacing(tmp_path, (first, "folder/b.txt")) as staging:
            (staging / first).write_text("new")
            (staging / "folder").mkdir()
            (staging / "folder" / "b.txt").write_text("new")

    write(tmp_path, "old")
    with pytest.raises(FileNotFoundError):
        write_into_a_folder_that_is_missing()
    assert contents(tmp_path) == {"a.txt": "old", "b.txt": "old"}


def test_a_first_write_that_fails_leaves_no_directory(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(RuntimeError), replacing(out, NAMES):
        raise RuntimeError
    assert not out.exists()


def test_a_file_in_place_of_the_directory_is_named(tmp_path):
    path = tmp_path / "out"
    path.write_text("mine")
    with pytest.raises(InputError, match="is a file; name a directory"):
        write(path, "new")
    assert path.read_text() == "mine"


def test_a_directory_below_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to"):
        write(tmp_path / "file" / "out", "new")
