"""`kgan transfer` goes on with a run exactly, and begins as another run or on several devices."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from kgan import files
from kgan.callbacks import HistoryFile
from kgan.callbacks.history_file import read_history
from kgan_command import main

ROOT = pathlib.Path(__file__).parents[3]
SMALL = "--weights none --cut block1_pool --image-size 32 --epochs 5 --patience 2 --head 4 --lr 0.05"
TUNED = f"{SMALL} --fine-tune block1 --fine-tune-epochs 3 --fine-tune-lr 0.01"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Noise of two brightnesses that overlap, so that not every answer is right."""
    folder, random = tmp_path_factory.mktemp("photos") / "photos", np.random.default_rng(0)
    for number, name in enumerate("ab"):
        (folder / name).mkdir(parents=True)
        for i in range(14):
            pixels = random.integers(0, 150 + 40 * number + int(random.integers(0, 60)), (32, 32, 3), "uint8")
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    """A run that was never interrupted."""
    run = tmp_path_factory.mktemp("whole") / "run"
    assert main(f"transfer {photos} {TUNED} --out {run}".split()) == 0
    return run


def interrupted(kgan, monkeypatch, command, epochs):
    """Runs until so many epochs are complete, and a callback is stopped in the next one."""
    original = HistoryFile.on_epoch_end

    def stop(self, epoch, logs=None):
        if epoch == epochs:
            raise KeyboardInterrupt
        original(self, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(HistoryFile, "on_epoch_end", stop)
        assert kgan(command).code == 130


def assert_same(run, other):
    """The same histories, predictions and weights, bit for bit."""
    mine, others = read_history(run / "history.csv"), read_history(other / "history.csv")
    mine.pop("seconds"), others.pop("seconds")
    assert mine == others
    assert (run / "predictions.csv").read_bytes() == (other / "predictions.csv").read_bytes()
    models = [keras.saving.load_model(path / "model.keras") for path in (run, other)]
    for ours, theirs in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert {path.name for path in run.iterdir()} == {path.name for path in other.iterdir()}


def head_epochs(run):
    return json.loads((run / "checkpoint" / "state.json").read_text())["epochs"]


@pytest.mark.parametrize("where", [pytest.param("head", marks=pytest.mark.slow), "fine-tuning"])
def test_a_run_that_was_stopped_goes_on_exactly(kgan, photos, whole, tmp_path, monkeypatch, where):
    run, head = tmp_path / "run", head_epochs(whole)
    epochs = 2 if where == "head" else head + 1
    interrupted(kgan, monkeypatch, f"transfer {photos} {TUNED} --out {run}", epochs)
    there = "" if where == "head" else "The classifier is there as it was before fine-tuning. "
    kept = f"In {run} {epochs} complete epochs are kept; go on with: kgan transfer --resume {run}"
    assert kgan.err == f"Stopped. {there}{kept}\n"
    assert kgan(f"transfer --resume {run}").code == 0, kgan.err
    assert_same(run, whole)


@pytest.mark.slow
@pytest.mark.parametrize("epochs", ["0", "head"])
def test_it_goes_on_from_the_edges_of_a_phase(kgan, photos, whole, tmp_path, monkeypatch, epochs):
    run, epochs = tmp_path / "run", 0 if epochs == "0" else head_epochs(whole)
    interrupted(kgan, monkeypatch, f"transfer {photos} {TUNED} --out {run}", epochs)
    assert kgan(f"transfer --resume {run}").code == 0, kgan.err
    assert_same(run, whole)


@pytest.mark.slow
def test_the_state_of_early_stopping_goes_on(kgan, photos, tmp_path, monkeypatch):
    command = f"transfer {photos} {SMALL} --lr 1e-9 --epochs 9 --patience 3"  # nothing improves for long
    assert kgan(f"{command} --out {tmp_path}/whole").code == 0
    epochs = len(read_history(tmp_path / "whole" / "history.csv")["epoch"])
    assert epochs < 9
    interrupted(kgan, monkeypatch, f"{command} --out {tmp_path}/run", epochs - 1)
    assert kgan(f"transfer --resume {tmp_path}/run").code == 0
    assert_same(tmp_path / "run", tmp_path / "whole")


KILLED = """
import os, signal, sys
from kgan.callbacks import HistoryFile
from kgan_command import main

def kill(self, epoch, logs=None):
    if epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)

HistoryFile.on_epoch_begin = (lambda begin: lambda self, *a, **k: (kill(self, *a), begin(self, *a)))(
    HistoryFile.on_epoch_begin
)
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_exactly(kgan, photos, whole, tmp_path):
    run = tmp_path / "run"
    command = [sys.executable, "-c", KILLED, "transfer", str(photos), *TUNED.split(), "--out", str(run)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert head_epochs(run) == 2 and not (run / "model.keras").exists()
    assert kgan(f"transfer --resume {run}").code == 0, kgan.err
    history, expected = (read_history(path / "history.csv") for path in (run, whole))
    # Another process may divide its sums among threads in another way.
    for name in set(history) - {"seconds"}:
        np.testing.assert_allclose(history[name], expected[name], rtol=1e-4)


@pytest.mark.slow
def test_a_finished_run_is_written_again_and_can_be_extended(kgan, photos, whole, tmp_path):
    run = shutil.copytree(whole, tmp_path / "run")
    (run / "model.keras").unlink()
    assert kgan(f"transfer --resume {run}").code == 0
    assert "nothing is left to train" in kgan.out
    assert_same(run, whole)
    command = f"transfer {photos} {SMALL} --patience 0"
    assert kgan(f"{command} --epochs 2 --out {tmp_path}/short").code == 0
    assert kgan(f"transfer --resume {tmp_path}/short --epochs 4").code == 0
    assert kgan(f"{command} --epochs 4 --out {tmp_path}/long").code == 0
    assert_same(tmp_path / "short", tmp_path / "long")


@pytest.mark.slow
def test_changes_are_refused(kgan, photos, whole, tmp_path):
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    assert kgan(f"transfer --resume {whole} --seed 1 --head 8").code == 2
    assert "(head is 4, not 8, seed is 0, not 1)" in kgan.err and kgan.err.count("\n") == 1
    assert kgan(f"transfer --resume {whole} --epochs 9").code == 2
    assert "is past its --epochs, fine-tuning has begun" in kgan.err
    assert kgan(f"transfer --resume {whole} --config {whole}/config.json").code == 2
    assert kgan.err == "kgan: --resume goes on with a run as it is: leave out --out and --config.\n"
    assert kgan(f"transfer {photos} --resume {whole} --head 4 --devices auto --dry-run").code == 0, kgan.err
    with files.alone_in(whole):
        assert kgan(f"transfer --resume {whole}").code == 2
    assert f"another kgan process is writing into {whole}" in kgan.err
    assert before == {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    other = shutil.copytree(photos, tmp_path / "photos")
    assert kgan(f"transfer {other} {SMALL} --epochs 1 --out {tmp_path}/run").code == 0
    Image.new("RGB", (32, 32), "red").save(other / "a" / "3.png")
    assert kgan(f"transfer --resume {tmp_path}/run --epochs 2").code == 2
    assert "have changed since it began: start a new run." in kgan.err


@pytest.mark.slow
def test_settings_come_from_another_run(kgan, photos, whole, tmp_path):
    assert kgan(f"transfer --config {whole}/config.json --epochs 1 --out {tmp_path}/run --fine-tune-epochs 1").code == 0
    settings, others = (json.loads((run / "config.json").read_text())["settings"] for run in (tmp_path / "run", whole))
    assert settings == others | {"epochs": 1, "fine_tune_epochs": 1}


@pytest.mark.slow
def test_a_file_of_weights_has_to_be_the_same(kgan, photos, tmp_path):
    base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    base.save_weights(tmp_path / "my.weights.h5")
    command = f"transfer {photos} {SMALL} --weights {tmp_path}/my.weights.h5 --epochs 1 --out {tmp_path}/run"
    assert kgan(command).code == 0, kgan.err
    base.save_weights(tmp_path / "other.weights.h5")
    base.get_layer("block1_conv1").bias.assign_add(np.ones(64))
    base.save_weights(tmp_path / "my.weights.h5")
    assert kgan(f"transfer --resume {tmp_path}/run --epochs 2").code == 2
    assert "because the file of --weights has changed since it began" in kgan.err


@pytest.mark.slow
def test_on_two_devices(kgan, photos, tmp_path, two_devices):
    command = f"transfer {photos} {TUNED} --devices 2 --epochs 2 --held-out 0.3 --out {tmp_path}/run"
    assert kgan(f"{command} --batch-size 5").code == 2
    assert kgan.err == "kgan: --batch-size 5 cannot be divided evenly between 2 devices.\n"
    assert kgan(f"{command} --batch-size 10").code == 2
    assert "on 2 devices an incomplete batch is left out, but only 8 images are there to test on" in kgan.err
    assert kgan(f"{command} --batch-size 4").code == 0, kgan.err
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["settings"]["devices"] == "2"
    assert len((tmp_path / "run" / "predictions.csv").read_text().splitlines()) == 9
