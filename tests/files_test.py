"""Whatever happens while something is written, its place holds the old or the new one, whole."""

import errno
import hashlib
import os
import resource
import subprocess
import sys

import pytest

from kgan import files


def tree(folder):
    """Every file below a folder, hidden ones too, with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def write_both(folder):
    """A folder of two files, as `write_folder` takes its maker."""

    def write(temporary):
        temporary.mkdir()
        (temporary / "a").write_bytes(folder)
        (temporary / "b").write_bytes(folder)

    return write


def test_files_are_replaced(tmp_path):
    files.write_text(tmp_path / "b.txt", "first")
    files.write_text(tmp_path / "b.txt", "zweites ü")
    assert tree(tmp_path) == {"b.txt": "zweites ü".encode()}


def test_a_folder_that_was_removed_does_not_come_back(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.write_text(tmp_path / "gone" / "b.txt", "text")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stop", [OSError(errno.EIO, "broken"), KeyboardInterrupt(), SystemExit(1)])
def test_a_failure_half_way_leaves_the_old_one_and_nothing_else(tmp_path, stop):
    files.write_text(tmp_path / "file.txt", "old")
    files.write_folder(tmp_path / "folder", write_both(b"old"))
    before = tree(tmp_path)

    def fail(temporary):
        assert temporary.name in ("file.txt", "folder")
        (temporary.parent / "half").write_text("half of the n")
        raise stop

    for write, name in ((files.write_file, "file.txt"), (files.write_folder, "folder")):
        with pytest.raises(type(stop)):
            write(tmp_path / name, fail)
    assert tree(tmp_path) == before
    assert sorted(os.listdir(tmp_path)) == ["file.txt", "folder"]


@pytest.mark.parametrize("exchange", [True, False])
def test_every_call_of_the_system_may_be_the_last_one(tmp_path, monkeypatch, exchange):
    """An audit hook sees each of them before it is done: what lies there then is what `kill -9` would leave."""
    files.write_folder(tmp_path / "folder", write_both(b"old"))
    if not exchange:  # as on file systems that cannot
        monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    seen, watching = [], True
    copies = tmp_path.parent / f"{tmp_path.name}-copies"

    def watch(event, arguments):
        nonlocal watching
        if watching and event.partition(".")[0] in ("os", "open", "shutil", "fcntl"):
            watching = False
            copy = copies / str(len(seen))
            subprocess.run(["cp", "-a", tmp_path, copy], check=True)
            seen.append(copy)
            watching = True

    copies.mkdir()
    sys.addaudithook(watch)
    files.write_folder(tmp_path / "folder", write_both(b"new"))
    watching = False

    whole = ({"folder/a": b"old", "folder/b": b"old"}, {"folder/a": b"new", "folder/b": b"new"})
    assert tree(tmp_path) == whole[1] and len(seen) > 10
    found = []
    for copy in seen:
        if exchange:
            assert {k: v for k, v in tree(copy).items() if k.startswith("folder")} in whole
        files.clear_unfinished(copy)
        assert tree(copy) in whole
        assert [path.name for path in copy.iterdir()] == ["folder"]
        found.append(tree(copy))
    assert found[0] == whole[0] and found[-1] == whole[1]


def test_an_interruption_between_two_renamings_keeps_the_old_folder(tmp_path, monkeypatch):
    files.write_folder(tmp_path / "folder", write_both(b"old"))
    monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    rename, calls = os.rename, []

    def interrupted(source, target):
        calls.append(source)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rename(source, target)

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write_folder(tmp_path / "folder", write_both(b"new"))
    assert tree(tmp_path) == {"folder/a": b"old", "folder/b": b"old"}


def test_what_another_process_is_writing_is_not_cleared(tmp_path):
    with files.unfinished(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        program = f"from kgan import files; files.clear_unfinished({str(tmp_path)!r})"
        # Not all of kgan: the import of TensorFlow takes seconds, and this module needs none.
        alone = "import sys, types; sys.modules['kgan'] = k = types.ModuleType('kgan'); k.__path__ = ['kgan']; "
        subprocess.run([sys.executable, "-c", alone + program], check=True)
        assert temporary.read_text() == "half"
    assert list(tmp_path.iterdir()) == []


def test_what_others_have_named_alike_is_not_cleared(tmp_path):
    files.write_folder(tmp_path / "folder", write_both(b"old"))
    (tmp_path / ".unfinished-novel").mkdir()
    (tmp_path / ".unfinished-novel" / "chapter 1").write_text("It was")
    left = tmp_path / ".kgan-unfinished-other-abcd1234"  # of another target, which somebody may still want to see
    left.mkdir()
    files.write_folder(tmp_path / "folder", write_both(b"new"))
    assert left.exists() and (tmp_path / ".unfinished-novel" / "chapter 1").exists()
    files.clear_unfinished(tmp_path)
    assert not left.exists() and (tmp_path / ".unfinished-novel" / "chapter 1").exists()


def test_without_locks_nobody_is_kept_out_and_nothing_is_cleared(tmp_path, monkeypatch):
    def no_locks(*args):
        raise OSError(errno.EBADF, "Bad file descriptor")  # as on file systems of networks

    monkeypatch.setattr(files.fcntl, "flock", no_locks)
    with files.alone_in(tmp_path), files.unfinished(tmp_path / "a") as temporary:
        temporary.write_text("half")
        files.clear_unfinished(tmp_path)
        assert temporary.read_text() == "half"


def test_names_may_be_as_long_as_the_system_allows(tmp_path, monkeypatch):
    name = "n" * 255
    files.write_text(tmp_path / name, "text")
    (tmp_path / name).unlink()
    monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    for content in (b"old", b"new"):
        files.write_folder(tmp_path / name, write_both(content))
    assert tree(tmp_path) == {f"{name}/a": b"new", f"{name}/b": b"new"}


def test_one_at_a_time(tmp_path):
    with files.alone_in(tmp_path):
        with pytest.raises(ValueError, match=f"another kgan process is writing into {tmp_path}: wait until"):
            with files.alone_in(tmp_path):
                pass
        assert list(tmp_path.iterdir()) == []
    with files.alone_in(tmp_path):
        pass


def test_a_full_disk_is_told_with_what_is_missing(tmp_path):
    path = tmp_path / "big.bin"
    path.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # as a disk that takes no more
    try:
        with pytest.raises(OSError, match=r"be so large: .*big.bin takes 123 kB and cannot be written$") as raised:
            files.write_bytes(path, bytes(123_456))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert raised.value.errno == errno.EFBIG
    assert tree(tmp_path) == {"big.bin": b"old"}
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fill(temporary):
        raise full

    with pytest.raises(OSError, match="the disk is full: .*big.bin cannot be written, .* is free there$") as raised:
        files.write_file(path, fill)
    assert files.reason(raised.value).startswith("the disk is full: ")


def test_reasons_name_the_file_once(tmp_path):
    with pytest.raises(OSError) as raised:
        open(tmp_path / "missing")
    assert files.reason(raised.value) == f"{tmp_path / 'missing'}: No such file or directory"
    assert files.reason(OSError("as a library says it")) == "as a library says it"


def test_checksums_are_those_of_everybody(tmp_path):
    content = os.urandom(100_000)
    (tmp_path / "file").write_bytes(content)
    assert files.checksum(tmp_path / "file") == hashlib.sha256(content).hexdigest()
