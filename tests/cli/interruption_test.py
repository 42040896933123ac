"""A run, an export and a transfer run are killed, stopped and starved of disk at every write.

An audit hook of Python (https://docs.python.org/3/library/audit_events.html) is called before every file is opened,
renamed or removed. What lies in the folder then is what `kill -9` at that moment leaves; an exception that the hook
raises is what a full disk or a signal makes of the call.
"""

import contextlib
import errno
import functools
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest

from kgan_command import main

SMALL = "digits --limit 96 --width 4 --latent-dim 8 --batch-size 32 --steps-per-epoch 1 --penalties r1:0.5 --epochs 2"
WRITES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")
_callback = None  # hooks cannot be taken away again: the only one calls this


def _hook(event, arguments):
    if _callback is not None and (event in WRITES or event == "open"):
        _callback(event, arguments)


sys.addaudithook(_hook)


@contextlib.contextmanager
def at_every_write(folder, act):
    """Calls `act(number)` before each change below `folder`, other than by native code."""
    global _callback
    number, busy = 0, False

    def callback(event, arguments):
        nonlocal number, busy
        path, mode = arguments[0], arguments[1] if event == "open" else "w"
        if busy or not isinstance(path, str | bytes | os.PathLike) or (mode is None or not set("wax+") & set(mode)):
            return
        if os.fsencode(folder) not in os.fsencode(path):
            return
        number, busy = number + 1, True
        try:
            act(number)
        finally:
            busy = False

    _callback = callback
    try:
        yield
    finally:
        _callback = None


def contents(folder):
    """All files below a folder but those that were not finished, with their bytes."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and "/.kgan-unfinished-" not in str(path)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def leftovers(folder):
    return [path for path in folder.rglob(".*") if path.name.startswith(".kgan-unfinished-")]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run that was never stopped, and its folder as it was before each of the writes, each state once."""
    home = tmp_path_factory.mktemp("killed")
    run, copies, seen = home / "run", [], []

    def keep(number):
        now = contents(run) if run.exists() else {}
        unfinished = sorted(path.name for path in leftovers(run))[:1] if run.exists() else []
        state = (now, bool(unfinished))
        if run.exists() and state not in seen:
            seen.append(state)
            copies.append(home / f"killed{number}")
            subprocess.run(["cp", "-a", run, copies[-1]], check=True)

    with at_every_write(run, keep):
        assert main(shlex.split(f"train {SMALL} --out {run}")) == 0
    return run, copies


def check_goes_on(kgan, copy, run, assert_same_run):
    """Resumed, it is the same as the run that was never stopped, or one sentence says what is missing."""
    before = contents(copy)
    kgan(f"train --resume {copy}")
    if not (copy / "config.json").exists():
        assert kgan.code == 2 and kgan.err == f"kgan: {copy} is not the folder of a run: it has no config.json.\n"
        assert contents(copy) == before
        return
    assert kgan.code == 0, kgan.err
    assert_same_run(copy, run)
    assert leftovers(copy) == []
    assert contents(copy).keys() == contents(run).keys()
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=copy, check=True)


@pytest.mark.slow
def test_a_run_that_was_killed_at_any_write_goes_on_bit_for_bit(kgan, killed, assert_same_run):
    run, copies = killed
    assert len(copies) >= 30
    for copy in copies:
        again = copy.with_name(f"{copy.name}-again")
        shutil.copytree(copy, again)
        check_goes_on(kgan, again, run, assert_same_run)


def stopped_at(kgan, out, number, error):
    """Trains until the write of that number fails; whether it came so far."""
    came = []

    def fail(now):
        if now == number:
            came.append(now)
            raise error

    with at_every_write(out, fail):
        kgan(f"train {SMALL} --out {out}")
    return bool(came)


def check_stopped(kgan, out, error, run, assert_same_run):
    """It says in one sentence what happened and what is kept, and that is true."""
    if kgan.code == 0:  # what could not be removed was no harm
        assert_same_run(out, run)
        return
    lines = [line for line in kgan.err.splitlines() if line]
    assert len(lines) == 1, (kgan.code, kgan.out, kgan.err)
    if isinstance(error, KeyboardInterrupt):
        assert kgan.code == 130 and lines[0].startswith("Stopped.")
    else:
        assert kgan.code in (1, 2) and ("disk is full" in lines[0] or "No space left" in lines[0]), lines
    if "go on with: " in lines[0]:
        kgan(lines[0].partition("go on with: kgan ")[2])
        assert kgan.code == 0, kgan.err
        assert_same_run(out, run)
        assert leftovers(out) == []


@pytest.mark.slow
@pytest.mark.parametrize(("what", "number"), [("full", 1), ("stopped", 6)])
def test_a_full_disk_or_ctrl_c_at_every_write(kgan, killed, tmp_path, assert_same_run, what, number):
    """At every tenth change each, and so about once while each file is written."""
    while True:
        out = tmp_path / f"run{number}"
        error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if what == "full" else KeyboardInterrupt()
        if not stopped_at(kgan, out, number, error):
            break
        check_stopped(kgan, out, error, killed[0], assert_same_run)
        shutil.rmtree(out, ignore_errors=True)
        number += 10
    assert number > 60


@pytest.mark.slow
def test_an_export_that_is_killed_at_any_write_leaves_the_old_or_the_new_one(kgan, killed, tmp_path):
    run = shutil.copytree(killed[0], tmp_path / "run")
    copies = []

    def keep(number):
        copies.append(tmp_path / f"killed{number}")
        subprocess.run(["cp", "-a", run, copies[-1]], check=True)

    with at_every_write(run, keep):
        assert kgan(f"export {run} --no-ema --out {run}/generator").code == 0
    assert len(copies) >= 10
    outcomes = [
        {name: content for name, content in contents(folder).items() if name.startswith("generator/")}
        for folder in (killed[0], run)
    ]
    for copy in copies:
        found = {name: content for name, content in contents(copy).items() if name.startswith("generator/")}
        assert found in outcomes
        assert kgan(f"sample {copy} --n 4 --out {tmp_path}/grid.png").code == 0, kgan.err
    assert kgan(f"train --resume {copies[len(copies) // 2]}").code == 0, kgan.err  # clears and makes the results again
    assert leftovers(copies[len(copies) // 2]) == []


@pytest.mark.slow
def test_a_transfer_run_that_is_killed_or_stopped_at_any_write(kgan, tmp_path, write_images):
    photos = write_images(tmp_path / "photos", np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), "uint8"))
    command = f"transfer {photos} --weights none --cut block1_pool --image-size 32 --epochs 2 --patience 0 --out "
    run, copies = tmp_path / "run", []

    def keep(number):
        if run.exists():
            copies.append(tmp_path / f"killed{number}")
            subprocess.run(["cp", "-a", run, copies[-1]], check=True)

    with at_every_write(run, keep):
        assert kgan(command + str(run)).code == 0, kgan.err
    whole, attacked = contents(run), set()
    assert len(copies) >= 25 and leftovers(run) == []
    for copy in copies:
        found = contents(copy)
        for name, content in found.items():
            rows = name == "history.csv" and whole[name].startswith(content)
            checkpoint = name.startswith("checkpoint/")
            assert rows or checkpoint or name == "SHA256SUMS" or content == whole[name], (copy, name)
        if frozenset(found) not in attacked:  # each state once
            attacked.add(frozenset(found))
            kgan(f"attack {copy} {photos} --limit 4 --epsilons 8")
            assert kgan.code == (0 if "model.keras" in found else 2), kgan.err
            assert kgan.code == 0 or kgan.err.count("\n") == 1 and "holds no model.keras" in kgan.err
    for number in range(3, len(copies), 9):
        error = KeyboardInterrupt() if number % 2 else OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        out = tmp_path / f"stopped{number}"
        with at_every_write(out, functools.partial(raise_at, number, error)):
            kgan(command + str(out))
        if kgan.code == 0:  # what could not be removed was no harm
            assert contents(out).keys() == whole.keys()
            continue
        assert kgan.code == (130 if number % 2 else 1) and len(kgan.err.strip().splitlines()) == 1, kgan.err
        if "go on with: " in kgan.err:
            assert kgan(kgan.err.partition("go on with: kgan ")[2]).code == 0, kgan.err
            again = contents(out)
            assert again.keys() == whole.keys() and leftovers(out) == []
            assert again["predictions.csv"] == whole["predictions.csv"]


def raise_at(wanted, error, number):
    if number == wanted:
        raise error


# Native code writes HDF5 and SavedModels: a limit of the size of files stops it as a full disk does.
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from kgan_command import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("size", [30_000, 60_000, 120_000])
def test_native_code_that_cannot_write_ends_in_a_sentence(killed, tmp_path, size):
    out = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(size), "train", *SMALL.split(), "--out", str(out)],
        cwd=pathlib.Path(__file__).parents[2], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert "a file may not be so large: " in line and "Out of memory" not in line
    assert leftovers(out) == []
