"""A run folder that does not agree with itself is refused in a sentence, and nothing in it is touched."""

import json
import shutil

import pytest

import kgan as library
from kgan import callbacks, files
from kgan.cli.common import checksums


@pytest.fixture
def run(whole_run, tmp_path):
    return shutil.copytree(whole_run, tmp_path / "run")


def contents(folder):
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def set_json(path, *keys, value):
    content = json.loads(path.read_text())
    node = content
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    path.write_text(json.dumps(content))


def cut_history(run):
    path = run / "history.csv"
    path.write_bytes(path.read_bytes()[:-40])


def drop_rows(run):
    path = run / "history.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:3]) + "\n")


def no_seconds(run):
    path = run / "history.csv"
    path.write_text(path.read_text().replace("seconds", "minutes"))


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace_by_folder(path):
    path.unlink()
    path.mkdir()


def foreign_generator(run):
    (run / "generator" / "notes.txt").write_text("mine")


CONFIG, STATE, WEIGHTS = "config.json", "checkpoint/state.json", "checkpoint/epoch_0004.weights.h5"
DAMAGES = {
    "no state": (lambda run: (run / STATE).unlink(), "state.json is missing beside epoch_0004.weights.h5"),
    "null state": (lambda run: (run / STATE).write_text("null"), "state.json is damaged"),
    "flipped weights": (lambda run: flip(run / WEIGHTS), "epoch_0004.weights.h5 is damaged: its bytes are not"),
    "no weights": (lambda run: (run / WEIGHTS).unlink(), "the checkpoint is incomplete: .*No such file"),
    "no checkpoint": (lambda run: shutil.rmtree(run / "checkpoint"), "checkpoint holds no checkpoint, but there is"),
    "cut history": (cut_history, "history.csv is damaged: its last line has no end"),
    "empty history": (lambda run: (run / "history.csv").write_text(""), "history.csv is damaged: it has no column"),
    "short history": (drop_rows, "history.csv ends with epoch 2, but the checkpoint has 4: put it back"),
    "no seconds": (no_seconds, "history.csv does not tell the seconds of each epoch"),
    "config nested": (lambda run: (run / CONFIG).write_text("[" * 100_000), "config.json is not JSON that can be read"),
    "versions": (lambda run: set_json(run / CONFIG, "versions", value="abc"), "config.json does not say what data and"),
    "shape": (lambda run: set_json(run / CONFIG, "data", "image_shape", value=[8, -8, 1]), "config.json does not say"),
    "names": (lambda run: set_json(run / CONFIG, "data", "class_names", value=["a"]), "config.json does not say"),
    "no model file": (lambda run: replace_by_folder(run / "model.keras"), "model.keras is a folder, but a file has"),
    "foreign": (foreign_generator, "generator holds something else than an export of kgan"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_does_not_agree_is_refused_and_left_alone(kgan, run, damage):
    act, sentence = DAMAGES[damage]
    act(run)
    before = contents(run)
    kgan(f"train --resume {run} --epochs 5")
    assert kgan.code == 2
    assert kgan.err.startswith("kgan: ") and kgan.err.count("\n") == 1
    with pytest.raises(ValueError, match=sentence):
        raise ValueError(kgan.err)
    assert contents(run) == before


def test_a_missing_history_is_told(kgan, run):
    (run / "history.csv").unlink()
    assert kgan(f"train --resume {run} --epochs 5 --dry-run").code == 0
    assert "history.csv is missing: the history begins anew with epoch 5, and so do the minutes" in kgan.out


def test_one_process_at_a_time(kgan, run):
    before = contents(run)
    with files.alone_in(run):
        kgan(f"train --resume {run} --epochs 5")
    assert kgan.code == 2 and f"another kgan process is writing into {run}" in kgan.err
    assert contents(run) == before


@pytest.mark.slow
def test_a_folder_that_is_removed_while_it_trains_does_not_come_back(kgan, tmp_path, monkeypatch):
    run = tmp_path / "run"

    def remove(self, epoch, logs=None):
        if epoch == 1:
            shutil.rmtree(run)

    monkeypatch.setattr(callbacks.Stopwatch, "on_epoch_begin", remove)
    kgan(f"train {kgan.small} --out {run}")
    assert kgan.code == 1
    assert kgan.err.endswith(f"Nothing is kept: {run} was removed or renamed meanwhile.\n")
    assert not run.exists()


def test_checksums_are_those_of_the_results(kgan, run):
    sums = checksums.read(run)
    assert {name.partition("/")[0] for name in sums} == {"model.keras", "generator"}
    assert all(files.checksum(run / name) == sums[name] for name in sums)
    assert checksums.check(run, run / "generator") and not checksums.check(run, run / "history.csv")
    flip(run / "generator" / "variables" / "variables.data-00000-of-00001")
    with pytest.raises(ValueError, match="variables.data-00000-of-00001 is damaged or was changed: its bytes"):
        checksums.check(run, run / "generator")
    assert kgan(f"export {run}").code == 0  # written again
    assert checksums.check(run, run / "generator") and checksums.check(run, run / "model.keras")


def test_a_name_that_is_no_utf_8_is_refused_before_training(kgan, tmp_path):
    kgan(f"train {kgan.small} --out {tmp_path}/run\udcff")
    assert kgan.code == 2 and "is no name in UTF-8, as TensorFlow takes them: choose another one" in kgan.err
    assert list(tmp_path.iterdir()) == []


def test_memory_is_not_called_disk_nor_the_other_way_round(kgan, tmp_path, monkeypatch):
    def out_of_memory(self, *args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(library.GAN, "fit", out_of_memory)
    kgan(f"train {kgan.small} --out {tmp_path / 'run'}")
    assert kgan.code == 1 and kgan.err.startswith("Out of memory: use a smaller --batch-size, --width or --image-size.")
