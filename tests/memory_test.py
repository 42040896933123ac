import pathlib

import pytest

from kgan import memory


def test_what_is_available_is_a_part_of_the_machine():
    total = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert 0 < memory.available() <= total


def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    (tmp_path / "limit").write_text("1000000\n")
    (tmp_path / "none").write_text("max\n")
    monkeypatch.setattr(memory, "_LIMITS", (tmp_path / "limit", tmp_path / "none", tmp_path / "missing"))
    assert memory.available() == 1_000_000
    with pytest.raises(ValueError, match="12 images would take 1.5 MB of memory, but 1.0 MB are free: take fewer"):
        memory.check_fits(1_500_000, "12 images", "take fewer")
    memory.check_fits(900_000, "12 images", "take fewer")


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (123_456_789, "123 MB"), (4e15, "4,000 TB")],
)
def test_bytes_in_words(size, words):
    assert memory.in_words(size) == words
