import pytest

from kgan.callbacks.files import write_text, write_whole


def test_folders_are_made_and_files_replaced(tmp_path):
    write_text(tmp_path / "a" / "b.txt", "first")
    write_text(tmp_path / "a" / "b.txt", "zweites ü")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "zweites ü"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_a_failure_half_way_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail(temporary):
        temporary.write_text("half of the n")
        assert temporary.suffix == ".txt"
        raise OSError("No space left on device")

    with pytest.raises(OSError):
        write_whole(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
