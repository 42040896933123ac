import json
import pathlib
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[3]
# `kgan`, whose process is gone in the middle of the third epoch, as from `kill -9`.
KILLED = """
import os, signal, sys
from kgan import callbacks
from kgan_command import main

def kill(self, batch, logs=None):
    if self.epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)

callbacks.SampleGrid.on_epoch_begin = lambda self, epoch, logs=None: setattr(self, "epoch", epoch)
callbacks.SampleGrid.on_train_batch_end = kill
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_it_had_never_stopped(kgan, tmp_path, whole_run, assert_same_run):
    out, state = tmp_path / "run", tmp_path / "run" / "checkpoint" / "state.json"
    command = [sys.executable, "-c", KILLED, "train", *kgan.small.split(), "--out", str(out)]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert json.loads(state.read_text())["epochs"] == 2
    assert not (out / "model.keras").exists()
    assert kgan(f"train --resume {out}").code == 0
    assert_same_run(out, whole_run)
