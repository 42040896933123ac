"""What ends a process from outside, and a screen that is gone."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[2]
KGAN = [sys.executable, "-c", "import sys, kgan_command; sys.exit(kgan_command.main())"]
LONG = "train digits --limit 96 --width 4 --latent-dim 8 --batch-size 32 --steps-per-epoch 1 --epochs 100000"


def start(arguments, hang_up=signal.SIG_DFL, **options):
    """Starts the command; `hang_up` is what SIGHUP does, whatever the tests themselves ignore, as in a background."""

    def own_signals():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, hang_up)

    options["preexec_fn"] = own_signals
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    return subprocess.Popen([*KGAN, *arguments], **pipes | options)


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_while_tensorflow_is_being_loaded(name, code):
    # Python tells of each module that it has imported, as long as the command does not keep the error stream quiet.
    process = start(["datasets"], env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    while (line := process.stderr.readline()) and not line.rstrip().endswith(" kgan_command"):
        pass
    time.sleep(0.2)
    process.send_signal(getattr(signal, name))
    out, error = process.communicate(timeout=60)
    assert process.returncode == code and out == ""
    assert [line for line in error.splitlines() if not line.startswith("import time")] == ["Stopped."]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_while_a_run_trains(tmp_path, name, code):
    run = tmp_path / "my run"
    process = start([*LONG.split(), "--out", str(run)])
    while process.poll() is None and not (run / "history.csv").exists():
        time.sleep(0.05)
    process.send_signal(getattr(signal, name))
    _, error = process.communicate(timeout=120)
    assert process.returncode == code
    (line,) = error.splitlines()
    assert line.startswith(f"Stopped. In {run} ") and f"go on with: kgan train --resume '{run}'" in line
    assert (run / "checkpoint" / "state.json").exists() and not list(run.rglob(".kgan-unfinished-*"))


@pytest.mark.slow
def test_a_closed_pipe_ends_it_quietly(tmp_path):
    process = start([*LONG.split(), "--out", str(tmp_path / "run")])
    assert process.stdout.readline().startswith("96 images")
    process.stdout.close()
    assert process.wait(timeout=120) != 0
    assert process.stderr.read() == ""


@pytest.mark.slow
def test_what_is_ignored_stays_ignored(tmp_path):
    run = tmp_path / "run"
    process = start([*LONG.split(), "--out", str(run)], hang_up=signal.SIG_IGN)  # as nohup does
    while process.poll() is None and not (run / "history.csv").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGHUP)
    rows = (run / "history.csv").read_text().count("\n")
    while process.poll() is None and (run / "history.csv").read_text().count("\n") <= rows:
        time.sleep(0.05)
    assert process.poll() is None
    process.kill()
    process.communicate()
