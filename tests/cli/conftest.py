import pathlib
import shlex

import h5py
import numpy as np
import pytest

from kgan.callbacks.history_file import read_history
from kgan_command import main

# Four epochs of two rounds, each of two discriminator updates and one of the generator, on 96 small digits.
SMALL = (
    "digits --limit 96 --width 4 --latent-dim 8 --batch-size 16 --k 2 --steps-per-epoch 2 --penalties r1:0.5 --epochs 4"
)


class Kgan:
    """Runs `kgan` in this process: `kgan("train --epochs 2")` has `code`, `out` and `err`."""

    small = SMALL

    def __init__(self, capfd):
        self._capfd = capfd

    def __call__(self, command: str):
        self._capfd.readouterr()
        self.code = main(shlex.split(command))
        self.out, self.err = self._capfd.readouterr()
        return self


@pytest.fixture
def kgan(capfd):
    return Kgan(capfd)


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory) -> pathlib.Path:
    """A small run that was never interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert main(shlex.split(f"train {SMALL} --out {folder}")) == 0
    return folder


@pytest.fixture(scope="session")
def assert_same_run():
    """Checks that two runs left the same: weights, optimizers, averages, random states and histories, bit for bit."""

    def contents(run):
        found = {}
        (weights,) = (run / "checkpoint").glob("epoch_*.weights.h5")

        def keep(name, item):
            if isinstance(item, h5py.Dataset):
                found[name] = item[()]

        with h5py.File(weights) as file:
            file.visititems(keep)
        return found

    def check(run, other):
        mine, others = contents(run), contents(other)
        assert mine.keys() == others.keys() and len(mine) > 20
        for name in mine:
            np.testing.assert_array_equal(mine[name], others[name], err_msg=name)
        mine, others = read_history(run / "history.csv"), read_history(other / "history.csv")
        mine.pop("seconds"), others.pop("seconds")
        assert mine == others
        for picture in sorted((other / "samples").iterdir()):
            assert (run / "samples" / picture.name).read_bytes() == picture.read_bytes(), picture.name

    return check
