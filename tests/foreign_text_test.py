import os
import subprocess
import unicodedata

import pytest

from kgan.foreign_text import first_line, printable, shell_word, shortened, storable

HOSTILE = "\x1b[2J\x1b[31mEVIL\nkgan: all fine\r\t\x07\x7f\x9b2J\u2028\u2029\u202egnp.exe\u200b\ufeff\udcff\U000e0041"


def test_nothing_is_left_that_moves_a_terminal_or_breaks_a_line():
    shown = printable(HOSTILE)
    assert shown == (
        r"\x1b[2J\x1b[31mEVIL\nkgan: all fine\r\t\x07\x7f\x9b2J\u2028\u2029\u202egnp.exe\u200b\ufeff\udcff\U000e0041"
    )
    assert printable(shown) == shown  # so that a sentence may be made printable once more
    assert shown.encode("ascii").decode("unicode_escape") == HOSTILE  # nothing is lost


def test_every_character_of_unicode_is_kept_or_shown_as_an_escape():
    for number in (*range(0x20000), *range(0xE0000, 0xE0200)):
        character, shown = chr(number), printable(chr(number))
        if shown == character:
            assert number in (0x200C, 0x200D) or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else:
            assert shown.startswith("\\") and shown.isascii() and shown.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "cat",
        r"C:\new\x1b",
        "Crème brûlée",
        "e\u0301",
        "猫",
        "שלום",
        "می\u200cخواهم",
        "👩\u200d👩\u200d👧 🇩🇪 👍🏽",
        "a b",
    ],
)
def test_letters_and_emoji_stay(text):
    assert printable(text) == text


def test_long_names_keep_their_beginning_and_end():
    assert shortened("a" * 100) == "a" * 100
    assert shortened("photos/" + "a" * 1000 + ".png") == "photos/" + "a" * 59 + "…" + "a" * 29 + ".png"
    assert shortened("\n" * 10**6, 10) == r"\n" * 6 + "…" + r"\n" * 3


def test_what_other_libraries_say_becomes_a_part_of_a_sentence():
    assert first_line(ValueError("\n It is \x1b[2J broken.\nAnd more.")) == r"It is \x1b[2J broken"
    assert first_line(OSError()) == "OSError"
    assert first_line(ValueError("{{function_node __wrapped__X}} Not found.")) == "Not found"


def test_files_keep_all_that_utf_8_can_hold():
    assert storable("é\n\x1b\udcff") == "é\n\x1b\\udcff"


@pytest.mark.parametrize(
    "name", ["run", "my run", "it's", 'a"b$HOME`id`', "-n", "é", HOSTILE, "\x1b1", "\udce9'\\\n0", "a\n\n", "$'x", "*"]
)
def test_a_shell_reads_a_printed_word_back_as_it_was(name):
    word = shell_word(name)
    assert printable(word) == word
    said = subprocess.run(["bash", "-c", f"printf %s {word}; test -n x{word}"], capture_output=True, check=True).stdout
    assert os.path.normpath(os.fsdecode(said)) == os.path.normpath(name)
    assert not said.startswith(b"-")
