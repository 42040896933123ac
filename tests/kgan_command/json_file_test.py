import json

import pytest

from kgan_command.json_file import read_json


def test_what_is_written_is_read(tmp_path):
    for content in ({"a": [1, 2.5, None, "ä"]}, [], 3, "words"):
        (tmp_path / "a.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        assert read_json(tmp_path / "a.json") == read_json(str(tmp_path / "a.json")) == content


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not JSON: Expecting value: line 1 column 1"),
        (b'{"a": 1,}', "is not JSON: .*line 1"),
        (b"\xff", "is not JSON: .*utf-8"),
        (b"[" * 200_000, "is not JSON that can be read: it is nested too deeply"),
        (b"\n{\nwords", "is not JSON: "),
    ],
)
def test_what_is_no_json_is_one_sentence(tmp_path, content, sentence):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=f"^{tmp_path}/a.json {sentence}[^\n]*[.]$"):
        read_json(tmp_path / "a.json")


def test_what_cannot_be_read_is_one_sentence(tmp_path):
    for path, reason in ((tmp_path / "missing", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ValueError, match=f"^{path} cannot be read: {reason}[.]$"):
            read_json(path)
