import json
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]


def test_a_killed_run_goes_on_as_if_it_had_never_stopped(kgan, tmp_path, whole_run, assert_same_run):
    out, state = tmp_path / "run", tmp_path / "run" / "checkpoint" / "state.json"
    command = [sys.executable, "-m", "kgan", "train", *kgan.small.split(), "--epochs", "1000", "--out", str(out)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while not (state.exists() and json.loads(state.read_text())["epochs"]):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert json.loads(state.read_text())["epochs"] < 4
    assert not (out / "model.keras").exists()
    assert kgan(f"train --resume {out} --epochs 4").code == 0
    assert_same_run(out, whole_run)
